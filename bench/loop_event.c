/* SPDX-License-Identifier: MIT */
/* Loop: libevent. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "loop.h"

/* --- pipes --- */

typedef struct pipes {
    ring ring;
    struct event_base *base;
    struct event *events;
} pipes;

static struct event_base *running;

static void step(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    if (ring_step(data))
        (void)event_base_loopbreak(running);
}

int pipes_event_setup(bench_run *run)
{
    pipes *p = calloc(1, sizeof(*p));
    unsigned long i;
    int r;

    run->state = p;
    if (!p)
        return -ENOMEM;
    running = p->base = event_base_new();
    p->events = calloc(run->parameter->size, sizeof(*p->events));
    r = ring_open(run, &p->ring);
    for (i = 0; i < p->ring.pipes && r == 0; i++) {
        (void)event_assign(&p->events[i], p->base, p->ring.spots[i].in,
                           EV_READ | EV_PERSIST, step, &p->ring.spots[i]);
        r = event_add(&p->events[i], NULL);
    }
    return r;
}

int pipes_event_run(bench_run *run)
{
    pipes *p = run->state;

    ring_start(&p->ring, run->count);
    (void)event_base_dispatch(p->base);
    return 0;
}

int pipes_event_teardown(bench_run *run)
{
    (void)run; /* the process ends here */
    return 0;
}

/* --- timers --- */

typedef struct timers {
    struct event_base *base;
    struct event *events;
    unsigned long fired;
} timers;

static void fire(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    ++((timers *)data)->fired;
}

int timers_event_setup(bench_run *run)
{
    timers *t = calloc(1, sizeof(*t));

    run->state = t;
    if (!t)
        return -ENOMEM;
    t->base = event_base_new();
    return t->base ? 0 : -ENOMEM;
}

static int insert(bench_run *run)
{
    timers *t = run->state;
    unsigned long i;
    int r = 0;

    t->events = malloc(run->count * sizeof(*t->events));
    if (!t->events)
        return -ENOMEM;
    for (i = 0; i < run->count && r == 0; i++) {
        struct timeval after = { 0, (suseconds_t)timer_ms(i) * 1000 };

        (void)event_assign(&t->events[i], t->base, -1, 0, fire, t);
        r = event_add(&t->events[i], &after);
    }
    return r;
}

int insert_event_run(bench_run *run)
{
    size_t before = heap_bytes();
    int r = insert(run);

    run->value = (double)(heap_bytes() - before) / (double)run->count;
    return r;
}

int restart_event_setup(bench_run *run)
{
    int r = timers_event_setup(run);

    return r < 0 ? r : insert(run);
}

int restart_event_run(bench_run *run)
{
    timers *t = run->state;
    unsigned long i;
    int r = 0;

    for (i = 0; i < run->count && r == 0; i++) {
        struct timeval after = { 0, (suseconds_t)timer_ms(i) * 1000 };

        r = event_add(&t->events[timer_pick(i, run->count)], &after);
    }
    return r;
}

int fire_event_setup(bench_run *run)
{
    int r = restart_event_setup(run);

    timer_wait();
    return r;
}

int fire_event_run(bench_run *run)
{
    timers *t = run->state;

    (void)event_base_dispatch(t->base);
    return t->fired == run->count ? 0 : -EIO;
}

int timers_event_teardown(bench_run *run)
{
    (void)run;
    return 0;
}
