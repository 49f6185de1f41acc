/* SPDX-License-Identifier: MIT */
/* Child sources: the end of a child process.
 *
 * Where the system has pidfd_open(2), a child source is a descriptor source on
 * the child's pidfd, which no other child's end wakes.  Elsewhere the loop
 * keeps one source for SIGCHLD while it watches children, and at each signal
 * asks after every one of them, since signals merge.  Either way only children
 * that somebody asked for are reaped. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef HAVE_PIDFD_OPEN
#include <sys/pidfd.h>
#else
#include <sys/syscall.h>
#endif

#include "loop/internal.h"

static em__child_source *of_source(em_source *source)
{
    return em__container(em__container(source, em__fd_source, source),
                         em__child_source, watch);
}

static em_source *source_of(em__child_source *mine)
{
    return &mine->watch.source;
}

/* --- the end of a child --- */

void em__child_close(em_source *source)
{
    if (source->fd >= 0 && em__loop_owns_descriptors(source->loop))
        (void)close(source->fd);
    source->fd = -1;
}

static void unlink_child(em_loop *loop, em__child_source *mine)
{
    em__child_source **link = &loop->children;

    while (*link != mine)
        link = &(*link)->next;
    *link = mine->next;
    if (loop->child_walk == mine)
        loop->child_walk = mine->next;
    if (loop->children)
        return;
    em_source_remove(loop->sigchld);
    loop->sigchld = NULL;
}

void em__child_stop(em_source *source)
{
    if (!source->active)
        return;
    if (source->fd >= 0) {
        em__fd_stop(source);
        em__child_close(source);
        return;
    }
    unlink_child(source->loop, of_source(source));
    em__source_set_active(source, false);
}

/* Whether the child has ended.  One that somebody else reaped has too. */
static bool reap(pid_t pid, int *status)
{
    pid_t r;

    do
        r = waitpid(pid, status, WNOHANG);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        *status = -errno;
    return r != 0;
}

void em__child_check(em_source *source)
{
    em__child_source *mine = of_source(source);
    em_child_fn *fn = (em_child_fn *)source->callback;
    int status;

    if (!reap(mine->pid, &status))
        return;
    em__child_stop(source);
    em__source_enter(source);
    fn(source, mine->pid, status, source->data);
    em__source_leave(source);
}

/* --- without a pidfd --- */

/* What a stop leaves unasked is asked after in the next run. */
void em__child_check_all(em_loop *loop)
{
    em__child_source *mine;

    loop->child_walk = loop->children;
    while ((mine = loop->child_walk) && !em__loop_halted(loop)) {
        loop->child_walk = mine->next;
        em__child_check(source_of(mine));
    }
    if (loop->child_walk)
        em__notify_raise(
            em__container(loop->sigchld, em__notify_source, source));
    loop->child_walk = NULL;
}

/* The loop's own source is not among those that its end removes, but goes with
 * the last child. */
static int watch_sigchld(em_loop *loop)
{
    int r;

    if (loop->sigchld)
        return 0;
    r = em__signal_add(loop, SIGCHLD, NULL, NULL, &loop->sigchld);
    if (r < 0)
        return r;
    em_source_unref(loop->sigchld);
    em__list_remove(&loop->sigchld->node);
    return 0;
}

/* The child may have ended before there was a handler: look once. */
static int watch_by_signal(em__child_source *mine)
{
    em_loop *loop = source_of(mine)->loop;
    int r = watch_sigchld(loop);

    if (r < 0)
        return r;
    mine->next = loop->children;
    loop->children = mine;
    em__source_set_active(source_of(mine), true);
    em__notify_raise(em__container(loop->sigchld, em__notify_source, source));
    return 0;
}

/* --- with one --- */

/* The system may have what its C library does not know yet. */
static int open_pidfd(pid_t pid)
{
#if defined(HAVE_PIDFD_OPEN)
    int fd = pidfd_open(pid, 0); /* close-on-exec by itself */
#elif defined(SYS_pidfd_open)
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
#else
    int fd = -1;

    (void)pid;
    errno = ENOSYS;
#endif

    return fd >= 0 ? fd : -errno;
}

/* -EPERM: a sandbox that does not know the call. */
static int watch_child(em__child_source *mine)
{
    int fd = open_pidfd(mine->pid);
    int r;

    if (fd == -ENOSYS || fd == -EPERM)
        return watch_by_signal(mine);
    if (fd < 0)
        return fd;
    r = em__fd_watch(&mine->watch, fd, EM_READABLE);
    if (r < 0)
        (void)close(fd);
    return r;
}

/* --- the public function --- */

/* Whether pid is a child, also one that has ended, without reaping it. */
static int check_pid(pid_t pid)
{
    siginfo_t info;
    int r;

    do
        r = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

static int add(em_loop *loop, pid_t pid, em_child_fn *fn, void *data,
               em_source **ret)
{
    em_source *source =
        em__source_new(loop, EM__SOURCE_CHILD, (void (*)(void))fn, data);
    int r;

    if (!source)
        return -ENOMEM;
    of_source(source)->pid = pid;
    r = watch_child(of_source(source));
    if (r < 0) {
        em__source_free(source);
        return r;
    }
    em__source_hand_out(source, ret);
    return 0;
}

int em_loop_add_child(em_loop *loop, pid_t pid, em_child_fn *fn, void *data,
                      em_source **ret)
{
    int r = em__loop_check(loop);

    if (r < 0)
        return r;
    if (!fn || pid <= 0)
        return -EINVAL;
    r = check_pid(pid);
    return r < 0 ? r : add(loop, pid, fn, data, ret);
}
