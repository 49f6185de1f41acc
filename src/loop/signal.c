/* SPDX-License-Identifier: MIT */
/* Signal sources: a handler that notifies, and the table it looks up.
 *
 * The process has one table: for each signal, the sources of all loops.  Owners
 * change it under a lock.  The handler, which may have interrupted the holder
 * of that lock, walks it without: a source is linked with one store, unlinked
 * with one store, and freed only when no handler is at work any more, which
 * `handlers` counts.  Blocking signals while the lock is held would not do,
 * since they may arrive on any thread.
 *
 * The first source of a signal installs the handler and the last one puts the
 * former action back, unless somebody else has installed his own on top.  A
 * forked child has no source of its own yet, so it begins with the former
 * actions; the table is locked over the fork, so that it is whole there. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "loop/internal.h"

#ifndef NSIG
#define NSIG 65
#endif

typedef em__signal_source *_Atomic signal_link;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static int watch_error;
static signal_link sources[NSIG];      /* written under the lock */
static struct sigaction formers[NSIG]; /* the lock's */
static atomic_uint handlers;           /* at work in any thread */

/* --- in the handler --- */

static void handle(int signo)
{
    em__signal_source *mine;
    int saved = errno;

    atomic_fetch_add(&handlers, 1);
    for (mine = atomic_load(&sources[signo]); mine;
         mine = atomic_load(&mine->next)) {
        if (!em__loop_is_forked(mine->notify.source.loop))
            em__notify_raise(&mine->notify);
    }
    atomic_fetch_sub(&handlers, 1);
    errno = saved;
}

/* --- the actions --- */

static int install(int signo)
{
    struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };

    (void)sigfillset(&action.sa_mask);
    return sigaction(signo, &action, &formers[signo]) == 0 ? 0 : -errno;
}

static void put_back(int signo)
{
    struct sigaction now;

    if (sigaction(signo, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
        now.sa_handler == handle)
        (void)sigaction(signo, &formers[signo], NULL);
}

/* --- forks --- */

static void before_fork(void)
{
    (void)pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
    (void)pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
    int signo;

    for (signo = 1; signo < NSIG; signo++) {
        if (!atomic_load(&sources[signo]))
            continue;
        put_back(signo);
        atomic_store(&sources[signo], NULL);
    }
    atomic_store(&handlers, 0);
    (void)pthread_mutex_unlock(&lock);
}

static void watch(void)
{
    watch_error = -pthread_atfork(before_fork, in_parent, in_child);
}

/* --- the table --- */

static int link_source(em__signal_source *mine, int signo)
{
    signal_link *at = &sources[signo];
    int r = 0;

    (void)pthread_mutex_lock(&lock);
    if (!atomic_load(at))
        r = install(signo);
    while (atomic_load(at))
        at = &atomic_load(at)->next;
    if (r == 0)
        atomic_store(at, mine);
    (void)pthread_mutex_unlock(&lock);
    return r;
}

static void unlink_source(em__signal_source *mine, int signo)
{
    signal_link *at = &sources[signo];

    (void)pthread_mutex_lock(&lock);
    while (atomic_load(at) != mine)
        at = &atomic_load(at)->next;
    atomic_store(at, atomic_load(&mine->next));
    if (!atomic_load(&sources[signo]))
        put_back(signo);
    (void)pthread_mutex_unlock(&lock);
    while (atomic_load(&handlers) > 0)
        (void)sched_yield();
}

static em__signal_source *of_source(em_source *source)
{
    return em__container(em__container(source, em__notify_source, source),
                         em__signal_source, notify);
}

void em__signal_stop(em_source *source)
{
    em__signal_source *mine = of_source(source);

    unlink_source(mine, mine->signo);
    em__notify_stop(source);
}

void em__signal_call(em_source *source)
{
    em_signal_fn *fn = (em_signal_fn *)source->callback;

    fn(source, of_source(source)->signo, source->data);
}

/* --- the public function --- */

/* What a handler must not return from would come again at once. */
static bool can_be_handled(int signo)
{
    return signo > 0 && signo < NSIG && signo != SIGBUS && signo != SIGFPE &&
           signo != SIGILL && signo != SIGSEGV;
}

static int add(em_loop *loop, int signo, em_signal_fn *fn, void *data,
               em_source **ret)
{
    em_source *source =
        em__source_new(loop, EM__SOURCE_SIGNAL, (void (*)(void))fn, data);
    em__signal_source *mine;
    int r;

    if (!source)
        return -ENOMEM;
    mine = of_source(source);
    mine->signo = signo;
    r = link_source(mine, signo);
    if (r < 0) {
        em__source_free(source);
        return r;
    }
    em__source_set_active(source, true);
    em__source_hand_out(source, ret);
    return 0;
}

int em__signal_add(em_loop *loop, int signo, em_signal_fn *fn, void *data,
                   em_source **ret)
{
    (void)pthread_once(&watch_once, watch);
    return watch_error < 0 ? watch_error : add(loop, signo, fn, data, ret);
}

int em_loop_add_signal(em_loop *loop, int signo, em_signal_fn *fn, void *data,
                       em_source **ret)
{
    int r = em__loop_check(loop);

    if (r < 0)
        return r;
    if (!fn || !can_be_handled(signo))
        return -EINVAL;
    return em__signal_add(loop, signo, fn, data, ret);
}
