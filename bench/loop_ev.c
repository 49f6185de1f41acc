/* SPDX-License-Identifier: MIT */
/* Loop: libev. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <ev.h>

#include "loop.h"

/* --- pipes --- */

typedef struct pipes {
    ring ring;
    struct ev_loop *loop;
    ev_io *ios;
} pipes;

static void step(struct ev_loop *loop, ev_io *io, int events)
{
    (void)events;
    if (ring_step(io->data))
        ev_break(loop, EVBREAK_ALL);
}

int pipes_ev_setup(bench_run *run)
{
    pipes *p = calloc(1, sizeof(*p));
    unsigned long i;
    int r;

    run->state = p;
    if (!p)
        return -ENOMEM;
    p->loop = ev_loop_new(EVFLAG_AUTO);
    p->ios = calloc(run->parameter->size, sizeof(*p->ios));
    r = ring_open(run, &p->ring);
    for (i = 0; i < p->ring.pipes && r == 0; i++) {
        ev_io_init(&p->ios[i], step, p->ring.spots[i].in, EV_READ);
        p->ios[i].data = &p->ring.spots[i];
        ev_io_start(p->loop, &p->ios[i]);
    }
    return r;
}

int pipes_ev_run(bench_run *run)
{
    pipes *p = run->state;

    ring_start(&p->ring, run->count);
    (void)ev_run(p->loop, 0);
    return 0;
}

int pipes_ev_teardown(bench_run *run)
{
    (void)run; /* the process ends here */
    return 0;
}

/* --- timers --- */

typedef struct timers {
    struct ev_loop *loop;
    ev_timer *timers;
    unsigned long fired;
} timers;

static void fire(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    ++((timers *)timer->data)->fired;
}

int timers_ev_setup(bench_run *run)
{
    timers *t = calloc(1, sizeof(*t));

    run->state = t;
    if (!t)
        return -ENOMEM;
    t->loop = ev_loop_new(EVFLAG_AUTO);
    return 0;
}

static int insert(bench_run *run)
{
    timers *t = run->state;
    unsigned long i;

    t->timers = malloc(run->count * sizeof(*t->timers));
    if (!t->timers)
        return -ENOMEM;
    for (i = 0; i < run->count; i++) {
        ev_timer_init(&t->timers[i], fire, (double)timer_ms(i) / 1000, 0);
        t->timers[i].data = t;
        ev_timer_start(t->loop, &t->timers[i]);
    }
    return 0;
}

int insert_ev_run(bench_run *run)
{
    size_t before = heap_bytes();
    int r = insert(run);

    run->value = (double)(heap_bytes() - before) / (double)run->count;
    return r;
}

int restart_ev_setup(bench_run *run)
{
    int r = timers_ev_setup(run);

    return r < 0 ? r : insert(run);
}

int restart_ev_run(bench_run *run)
{
    timers *t = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++) {
        ev_timer *timer = &t->timers[timer_pick(i, run->count)];

        timer->repeat = (double)timer_ms(i) / 1000;
        ev_timer_again(t->loop, timer);
    }
    return 0;
}

int fire_ev_setup(bench_run *run)
{
    int r = restart_ev_setup(run); /* which only inserts */

    timer_wait();
    return r;
}

int fire_ev_run(bench_run *run)
{
    timers *t = run->state;

    (void)ev_run(t->loop, 0);
    return t->fired == run->count ? 0 : -EIO;
}

int timers_ev_teardown(bench_run *run)
{
    (void)run;
    return 0;
}

/* --- round trips --- */

typedef struct trip {
    bench_run *run;
    struct ev_loop *loops[2];
    ev_async asyncs[2];
    unsigned long left;
    double began;
    bool over;
} trip;

static void ping(struct ev_loop *loop, ev_async *async, int events)
{
    trip *t = async->data;
    double now = bench_now();

    (void)events;
    bench_latency(t->run, now - t->began);
    t->began = now;
    if (--t->left == 0) {
        t->over = true;
        ev_break(loop, EVBREAK_ALL);
    }
    ev_async_send(t->loops[1], &t->asyncs[1]);
}

static void pong(struct ev_loop *loop, ev_async *async, int events)
{
    trip *t = async->data;

    (void)events;
    if (t->over)
        ev_break(loop, EVBREAK_ALL);
    else
        ev_async_send(t->loops[0], &t->asyncs[0]);
}

static void run_other(void *data)
{
    (void)ev_run(((trip *)data)->loops[1], 0);
}

int trip_ev(bench_run *run)
{
    trip t = { .run = run, .left = run->count };
    poster other = { .step = run_other, .data = &t, .count = 1 };
    int i, r;

    for (i = 0; i < 2; i++) {
        t.loops[i] = ev_loop_new(EVFLAG_AUTO);
        ev_async_init(&t.asyncs[i], i ? pong : ping);
        t.asyncs[i].data = &t;
        ev_async_start(t.loops[i], &t.asyncs[i]);
    }
    r = poster_start(&other);
    if (r < 0)
        return r;
    t.began = bench_now();
    ev_async_send(t.loops[1], &t.asyncs[1]);
    (void)ev_run(t.loops[0], 0);
    poster_join(&other);
    return 0;
}
