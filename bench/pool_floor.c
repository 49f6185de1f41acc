/* SPDX-License-Identifier: MIT */
/* Pool: the floors, which are no pools: what two threads need at the least. */

#include <config.h>

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pool.h"

/* --- ring: one thread puts, one takes, and both spin --- */

enum { LINE = 64, SPINS = 1000 };

typedef struct ring {
    _Alignas(LINE) atomic_ulong put;          /* so many were; the putter's */
    _Alignas(LINE) unsigned long taken, seen; /* the taker's, and of put */
    _Alignas(LINE) unsigned long mask;
    void **slots;
} ring;

typedef struct rings {
    ring jobs, done;
    load load;
    unsigned long count;
} rings;

static int ring_init(ring *r, unsigned long least)
{
    unsigned long size = 1;

    while (size < least)
        size *= 2;
    r->mask = size - 1;
    r->slots = calloc(size, sizeof(*r->slots));
    return r->slots ? 0 : -ENOMEM;
}

/* There is room, since it is as large as the load. */
static void ring_put(ring *r, void *item)
{
    unsigned long put = atomic_load_explicit(&r->put, memory_order_relaxed);

    r->slots[put & r->mask] = item;
    atomic_store_explicit(&r->put, put + 1, memory_order_release);
}

/* Spins, but now and then leaves its processor to the other. */
static void *ring_take(ring *r)
{
    unsigned spins = 0;

    while (r->taken == r->seen) {
        if (++spins % SPINS == 0)
            (void)sched_yield();
        r->seen = atomic_load_explicit(&r->put, memory_order_acquire);
    }
    return r->slots[r->taken++ & r->mask];
}

static void *ring_worker(void *data)
{
    rings *p = data;
    unsigned long i;

    for (i = 0; i < p->count; i++)
        ring_put(&p->done, ring_take(&p->jobs));
    return NULL;
}

int pool_ring_setup(bench_run *run)
{
    unsigned long size = run->parameter->size;
    rings *p = aligned_alloc(LINE, sizeof(*p));
    int r;

    if (!p)
        return -ENOMEM;
    memset(p, 0, sizeof(*p));
    run->state = p;
    p->count = run->count;
    size = size < run->count ? size : run->count;
    r = ring_init(&p->jobs, size);
    return r < 0 ? r : ring_init(&p->done, size);
}

int pool_ring_run(bench_run *run)
{
    rings *p = run->state;
    unsigned long left = load_begin(&p->load, run, run->count);
    pthread_t thread;
    int r = pthread_create(&thread, NULL, ring_worker, p);

    if (r != 0)
        return -r;
    for (; left > 0; left--)
        ring_put(&p->jobs, p);
    while (p->load.to_finish > 0) {
        (void)ring_take(&p->done);
        if (load_next(&p->load))
            ring_put(&p->jobs, p);
    }
    return -pthread_join(thread, NULL);
}

int pool_ring_teardown(bench_run *run)
{
    rings *p = run->state;

    free(p->jobs.slots);
    free(p->done.slots);
    free(p);
    return 0;
}

/* --- trip: one word to another thread and back, both sleep; always one job in
 * flight --- */

typedef struct waiter {
    int fd, epoll_fd;
    atomic_uint word;
    bool futex; /* waits for the word, not for the descriptor */
} waiter;

typedef struct trip {
    waiter worker, loop;
    load load;
    unsigned long count;
} trip;

static int waiter_init(waiter *w)
{
    struct epoll_event event = { .events = EPOLLIN };

    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->fd < 0 || w->epoll_fd < 0 ||
        epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->fd, &event) < 0)
        return -errno;
    return 0;
}

/* These two abort where no kernel can fail. */
static void wake(waiter *w)
{
    const uint64_t one = 1;

    if (w->futex) {
        atomic_store(&w->word, 1);
        if (syscall(SYS_futex, &w->word, FUTEX_WAKE_PRIVATE, 1) < 0)
            abort();
    } else if (write(w->fd, &one, sizeof(one)) != sizeof(one)) {
        abort();
    }
}

static void wait_once(waiter *w)
{
    struct epoll_event event;
    uint64_t counter;

    if (w->futex) {
        while (atomic_exchange(&w->word, 0) == 0)
            if (syscall(SYS_futex, &w->word, FUTEX_WAIT_PRIVATE, 0, NULL) < 0 &&
                errno != EAGAIN && errno != EINTR)
                abort();
    } else if (epoll_wait(w->epoll_fd, &event, 1, -1) != 1 ||
               read(w->fd, &counter, sizeof(counter)) != sizeof(counter)) {
        abort();
    }
}

static void *trip_worker(void *data)
{
    trip *p = data;
    unsigned long i;

    for (i = 0; i < p->count; i++) {
        wait_once(&p->worker);
        wake(&p->loop);
    }
    return NULL;
}

int pool_trip_setup(bench_run *run)
{
    trip *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return -ENOMEM;
    run->state = p;
    p->count = run->count;
    p->worker.futex = run->data != NULL;
    r = waiter_init(&p->worker);
    return r < 0 ? r : waiter_init(&p->loop);
}

int pool_trip_run(bench_run *run)
{
    trip *p = run->state;
    pthread_t thread;
    int r = pthread_create(&thread, NULL, trip_worker, p);

    if (r != 0)
        return -r;
    (void)load_begin(&p->load, run, run->count);
    do {
        wake(&p->worker);
        wait_once(&p->loop);
    } while (load_next(&p->load));
    return -pthread_join(thread, NULL);
}

int pool_trip_teardown(bench_run *run)
{
    trip *p = run->state;

    (void)close(p->worker.epoll_fd);
    (void)close(p->worker.fd);
    (void)close(p->loop.epoll_fd);
    (void)close(p->loop.fd);
    free(p);
    return 0;
}
