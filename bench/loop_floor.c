/* SPDX-License-Identifier: MIT */
/* Loop: the floors, which do nothing but what the system must do. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop.h"

/* --- pipes on bare epoll --- */

typedef struct pipes {
    ring ring;
    int epoll;
} pipes;

static int watch(int epoll, int fd, void *data)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = data };

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int pipes_epoll_setup(bench_run *run)
{
    pipes *p = calloc(1, sizeof(*p));
    unsigned long i;
    int r;

    run->state = p;
    if (!p)
        return -ENOMEM;
    p->epoll = epoll_create1(0);
    r = ring_open(run, &p->ring);
    for (i = 0; i < p->ring.pipes && r == 0; i++)
        r = watch(p->epoll, p->ring.spots[i].in, &p->ring.spots[i]);
    return r;
}

int pipes_epoll_run(bench_run *run)
{
    pipes *p = run->state;
    struct epoll_event events[256];
    bool done = false;
    int count, i;

    ring_start(&p->ring, run->count);
    while (!done) {
        count = epoll_wait(p->epoll, events, 256, -1);
        for (i = 0; i < count; i++)
            done = ring_step(events[i].data.ptr);
    }
    return 0;
}

int pipes_epoll_teardown(bench_run *run)
{
    pipes *p = run->state;

    ring_close(&p->ring);
    (void)close(p->epoll);
    free(p);
    return 0;
}

/* --- a bare queue with one coalesced eventfd --- */

typedef struct node {
    struct node *next;
} node;

typedef struct queue {
    pthread_mutex_t lock;
    node *first;
    node **end;
    int wake;
} queue;

static void put(void *data)
{
    queue *q = data;
    node *n = malloc(sizeof(*n) + 16); /* a function and its data */
    uint64_t one = 1;
    bool empty;

    n->next = NULL;
    (void)pthread_mutex_lock(&q->lock);
    empty = !q->first;
    *q->end = n;
    q->end = &n->next;
    (void)pthread_mutex_unlock(&q->lock);
    if (empty)
        (void)!write(q->wake, &one, sizeof(one));
}

static unsigned long take(queue *q)
{
    node *n, *next;
    unsigned long taken = 0;

    (void)pthread_mutex_lock(&q->lock);
    n = q->first;
    q->first = NULL;
    q->end = &q->first;
    (void)pthread_mutex_unlock(&q->lock);
    for (; n; n = next, taken++) {
        next = n->next;
        free(n);
    }
    return taken;
}

int posts_queue(bench_run *run)
{
    queue q = { .wake = eventfd(0, 0) };
    poster other = { .step = put, .data = &q, .count = run->count };
    unsigned long left = run->count;
    uint64_t count;
    int r = -pthread_mutex_init(&q.lock, NULL);

    q.end = &q.first;
    if (r == 0)
        r = poster_start(&other);
    while (r == 0 && left > 0) {
        if (read(q.wake, &count, sizeof(count)) < 0)
            r = -errno;
        left -= take(&q);
    }
    poster_join(&other);
    (void)close(q.wake);
    return r;
}

/* --- a round trip by eventfd and epoll --- */

typedef struct trip {
    int wakes[2], epolls[2];
    unsigned long count;
} trip;

static void await(trip *t, int i)
{
    struct epoll_event event;
    uint64_t count;

    (void)epoll_wait(t->epolls[i], &event, 1, -1);
    (void)!read(t->wakes[i], &count, sizeof(count));
}

static void wake(trip *t, int i)
{
    uint64_t one = 1;

    (void)!write(t->wakes[i], &one, sizeof(one));
}

static void echo(void *data)
{
    await(data, 1);
    wake(data, 0);
}

int trip_eventfd(bench_run *run)
{
    trip t = { .count = run->count };
    poster other = { .step = echo, .data = &t, .count = run->count };
    unsigned long i;
    double began;
    int r, j;

    for (j = 0; j < 2; j++) {
        t.wakes[j] = eventfd(0, EFD_NONBLOCK);
        t.epolls[j] = epoll_create1(0);
        r = watch(t.epolls[j], t.wakes[j], NULL);
        if (r < 0)
            return r;
    }
    r = poster_start(&other);
    for (i = 0; i < run->count && r == 0; i++) {
        began = bench_now();
        wake(&t, 1);
        await(&t, 0);
        bench_latency(run, bench_now() - began);
    }
    poster_join(&other);
    return r;
}
