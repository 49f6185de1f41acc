/* SPDX-License-Identifier: MIT */
/* Spawn: a child process, from the fork to the moment before user code. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/descriptors.h"
#include "worker/spawn.h"
#include "worker/wire.h"

/* The status of a child that did not get as far as user code; as of a shell
 * that could not execute something. */
enum { FAILED = 127 };

/* --- the plan --- */

/* The kernel's signal follows the thread that forked, not the process. */
static bool is_main_thread(void)
{
#if defined(__linux__) && defined(HAVE_GETTID)
    return gettid() == getpid();
#else
    return false;
#endif
}

static int compare(const void *a, const void *b)
{
    const int *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

/* Where a stream was closed its number may be that of anything, of our own end
 * of the channel too: a child that had that would never see it close.  Streams
 * are what also a program would inherit that is executed. */
static bool is_stream(const em_worker_options *options, int fd)
{
    return options->stdio[fd] || !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static int plan_descriptors(em__spawn *spawn)
{
    const em_worker_options *options = spawn->options;
    size_t count = options->keep_count;
    int fd;

    spawn->kept = em__malloc((count + 5) * sizeof(*spawn->kept));
    if (!spawn->kept)
        return -ENOMEM;
    if (count > 0)
        memcpy(spawn->kept, options->keep_fds, count * sizeof(*spawn->kept));
    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (is_stream(options, fd))
            spawn->kept[count++] = fd;
    }
    spawn->kept[count++] = spawn->badge.fd;
    spawn->kept[count++] = spawn->other;
    spawn->kept_count = count;
    qsort(spawn->kept, count, sizeof(*spawn->kept), compare);
    return 0;
}

static int open_status(em__spawn *spawn)
{
    int ends[2];
    int r = em__wire_pair(ends);

    if (r < 0)
        return r;
    spawn->status = ends[0];
    spawn->other = ends[1];
    return em__descriptors_lift(&spawn->other);
}

int em__spawn_plan(em__spawn *spawn, const em_worker_options *options,
                   const em__badge *badge)
{
    int r;

    memset(spawn, 0, sizeof(*spawn));
    spawn->options = options;
    spawn->badge = *badge;
    spawn->status = spawn->other = -1;
    spawn->parent = getpid();
    spawn->notice_death = is_main_thread();
    r = em__privilege_find(&spawn->privilege, options->user, options->group);
    if (r == 0 && !options->main)
        r = em__command_make(&spawn->command, options, badge);
    if (r == 0)
        r = open_status(spawn);
    return r < 0 ? r : plan_descriptors(spawn);
}

/* --- between parent and child --- */

/* If it is still there.  A byte that is lost would leave both waiting. */
static void tell(const em__spawn *spawn, const void *bytes, size_t size)
{
    ssize_t n;

    do
        n = send(spawn->status, bytes, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
}

/* --- in the child --- */

/* Wait to be let go; end with the parent, or if it gave up. */
static void wait_at_gate(const em__spawn *spawn)
{
    char byte;
    ssize_t n;

    do
        n = recv(spawn->status, &byte, sizeof(byte), 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof(byte))
        _exit(FAILED);
}

static void fail(const em__spawn *spawn, int error)
{
    tell(spawn, &error, sizeof(error));
    _exit(FAILED);
}

static void child(em__spawn *spawn, const em__spawn_calls *calls, void *data)
{
    int r;

    spawn->pid = 0;
    spawn->status = spawn->other;
    r = em__spawn_set_up(spawn);
    if (r == 0 && spawn->options->main)
        r = calls->prepare(spawn, data);
    if (r < 0)
        fail(spawn, r);
    wait_at_gate(spawn);
    if (!spawn->options->main)
        fail(spawn, em__command_execute(&spawn->command));
    (void)close(spawn->status);
    _exit(calls->run(spawn, data));
}

/* --- in the parent --- */

pid_t em__spawn_fork(em__spawn *spawn, const em__spawn_calls *calls, void *data)
{
    sigset_t all, before;
    int error;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    spawn->pid = fork();
    error = errno;
    if (spawn->pid == 0)
        child(spawn, calls, data);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)close(spawn->other);
    spawn->other = -1;
    if (spawn->pid > 0)
        return spawn->pid;
    spawn->pid = 0;
    return -error;
}

/* The end of file means that user code has begun.  A child that was killed on
 * the way leaves the byte that let it go unread, which is -ECONNRESET. */
static int read_status(const em__spawn *spawn)
{
    int error;
    ssize_t n;

    do
        n = recv(spawn->status, &error, sizeof(error), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == sizeof(error) ? error : 0;
}

int em__spawn_go(em__spawn *spawn)
{
    int r;

    tell(spawn, "", 1);
    r = read_status(spawn);
    if (r == 0)
        spawn->pid = 0;
    return r;
}

static void end_child(pid_t pid)
{
    pid_t r;

    (void)kill(pid, SIGKILL);
    do
        r = waitpid(pid, NULL, 0);
    while (r < 0 && errno == EINTR);
}

void em__spawn_free(em__spawn *spawn)
{
    if (spawn->pid > 0)
        end_child(spawn->pid);
    if (spawn->status >= 0)
        (void)close(spawn->status);
    if (spawn->other >= 0)
        (void)close(spawn->other);
    em__privilege_free(&spawn->privilege);
    em__command_free(&spawn->command);
    em__free(spawn->kept);
}
