/* SPDX-License-Identifier: MIT */
/* System: clock, threads, forks and processors, as the upper layers ask. */

#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"

/* Some microseconds: longer than anybody holds a lock who is not interrupted,
 * shorter than it takes to sleep and be woken. */
enum { LOCK_LOOKS = 128, LOOKS_A_YIELD = 32 };

atomic_uint em__sys_fork_count;
static atomic_uint disowned; /* what was made at a smaller count of forks */
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static int watch_error;

uint64_t em__sys_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: POSIX option */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

#ifndef EM__THREAD_POINTER
const void *em__sys_thread(void)
{
    static _Thread_local char here;

    return &here;
}
#endif

/* In the child, where no other thread exists. */
static void count_fork(void)
{
    atomic_fetch_add_explicit(&em__sys_fork_count, 1, memory_order_relaxed);
}

static void watch(void)
{
    watch_error = -pthread_atfork(NULL, NULL, count_fork);
}

int em__sys_watch_forks(void)
{
    (void)pthread_once(&watch_once, watch);
    return watch_error;
}

void em__sys_disown_descriptors(void)
{
    atomic_store_explicit(&disowned, em__sys_forks(), memory_order_relaxed);
}

bool em__sys_owns_descriptors(unsigned made)
{
    return made >= atomic_load_explicit(&disowned, memory_order_relaxed);
}

unsigned em__sys_processors(void)
{
    long online;
#if defined(CPU_COUNT) && !defined(EM_PORTABLE)
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
        return (unsigned)CPU_COUNT(&allowed);
#endif
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

void em__sys_lock(pthread_mutex_t *mutex)
{
    int looks;

    for (looks = 0; looks < LOCK_LOOKS; looks++) {
        if (pthread_mutex_trylock(mutex) == 0)
            return;
        if (looks % LOOKS_A_YIELD == LOOKS_A_YIELD - 1)
            (void)sched_yield(); /* the holder may want this processor */
        else
            em__sys_pause();
    }
    (void)pthread_mutex_lock(mutex);
}
