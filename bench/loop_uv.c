/* SPDX-License-Identifier: MIT */
/* Loop: libuv. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <uv.h>

#include "loop.h"

/* --- pipes --- */

typedef struct pipes {
    ring ring;
    uv_loop_t loop;
    uv_poll_t *polls;
} pipes;

static void step(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    if (ring_step(poll->data))
        uv_stop(poll->loop);
}

int pipes_uv_setup(bench_run *run)
{
    pipes *p = calloc(1, sizeof(*p));
    unsigned long i;
    int r;

    run->state = p;
    if (!p)
        return -ENOMEM;
    r = uv_loop_init(&p->loop);
    if (r == 0)
        r = ring_open(run, &p->ring);
    p->polls = calloc(run->parameter->size, sizeof(*p->polls));
    for (i = 0; i < p->ring.pipes && r == 0; i++) {
        r = uv_poll_init(&p->loop, &p->polls[i], p->ring.spots[i].in);
        p->polls[i].data = &p->ring.spots[i];
        if (r == 0)
            r = uv_poll_start(&p->polls[i], UV_READABLE, step);
    }
    return r;
}

int pipes_uv_run(bench_run *run)
{
    pipes *p = run->state;

    ring_start(&p->ring, run->count);
    (void)uv_run(&p->loop, UV_RUN_DEFAULT);
    return 0;
}

int pipes_uv_teardown(bench_run *run)
{
    (void)run; /* the process ends here */
    return 0;
}

/* --- timers --- */

typedef struct timers {
    uv_loop_t loop;
    uv_timer_t *timers;
    unsigned long fired;
} timers;

static void fire(uv_timer_t *timer)
{
    ++((timers *)timer->data)->fired;
}

int timers_uv_setup(bench_run *run)
{
    timers *t = calloc(1, sizeof(*t));

    run->state = t;
    return t ? uv_loop_init(&t->loop) : -ENOMEM;
}

static int insert(bench_run *run)
{
    timers *t = run->state;
    unsigned long i;
    int r = 0;

    t->timers = malloc(run->count * sizeof(*t->timers));
    if (!t->timers)
        return -ENOMEM;
    for (i = 0; i < run->count && r == 0; i++) {
        (void)uv_timer_init(&t->loop, &t->timers[i]);
        t->timers[i].data = t;
        r = uv_timer_start(&t->timers[i], fire, timer_ms(i), 0);
    }
    return r;
}

int insert_uv_run(bench_run *run)
{
    size_t before = heap_bytes();
    int r = insert(run);

    run->value = (double)(heap_bytes() - before) / (double)run->count;
    return r;
}

int restart_uv_setup(bench_run *run)
{
    int r = timers_uv_setup(run);

    return r < 0 ? r : insert(run);
}

int restart_uv_run(bench_run *run)
{
    timers *t = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)uv_timer_start(&t->timers[timer_pick(i, run->count)], fire,
                             timer_ms(i), 0);
    return 0;
}

int fire_uv_setup(bench_run *run)
{
    int r = restart_uv_setup(run);

    timer_wait();
    return r;
}

int fire_uv_run(bench_run *run)
{
    timers *t = run->state;

    (void)uv_run(&t->loop, UV_RUN_DEFAULT);
    return t->fired == run->count ? 0 : -EIO;
}

int timers_uv_teardown(bench_run *run)
{
    (void)run;
    return 0;
}

/* --- posts: a list of one's own and a wake-up each, which merge --- */

typedef struct node {
    struct node *next;
} node;

typedef struct box {
    uv_mutex_t lock;
    node *first;
    node **end;
    uv_loop_t loop;
    uv_async_t async;
    unsigned long left;
} box;

static void put(void *data)
{
    box *b = data;
    node *n = malloc(sizeof(*n) + 16);

    n->next = NULL;
    uv_mutex_lock(&b->lock);
    *b->end = n;
    b->end = &n->next;
    uv_mutex_unlock(&b->lock);
    (void)uv_async_send(&b->async);
}

static void receive(uv_async_t *async)
{
    box *b = async->data;
    node *n, *next;

    uv_mutex_lock(&b->lock);
    n = b->first;
    b->first = NULL;
    b->end = &b->first;
    uv_mutex_unlock(&b->lock);
    for (; n; n = next, b->left--) {
        next = n->next;
        free(n);
    }
    if (b->left == 0)
        uv_stop(&b->loop);
}

int posts_uv(bench_run *run)
{
    box b = { .left = run->count };
    poster other = { .step = put, .data = &b, .count = run->count };
    int r = uv_loop_init(&b.loop);

    b.end = &b.first;
    b.async.data = &b;
    if (r == 0)
        r = uv_mutex_init(&b.lock);
    if (r == 0)
        r = uv_async_init(&b.loop, &b.async, receive);
    if (r == 0)
        r = poster_start(&other);
    if (r < 0)
        return r;
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    poster_join(&other);
    return 0;
}

/* --- round trips --- */

typedef struct trip {
    bench_run *run;
    uv_loop_t loops[2];
    uv_async_t asyncs[2];
    unsigned long left;
    double began;
    bool over;
} trip;

static void ping(uv_async_t *async)
{
    trip *t = async->data;
    double now = bench_now();

    bench_latency(t->run, now - t->began);
    t->began = now;
    if (--t->left == 0) {
        t->over = true;
        uv_stop(async->loop);
    }
    (void)uv_async_send(&t->asyncs[1]);
}

static void pong(uv_async_t *async)
{
    trip *t = async->data;

    if (t->over)
        uv_stop(async->loop);
    else
        (void)uv_async_send(&t->asyncs[0]);
}

static void run_other(void *data)
{
    (void)uv_run(&((trip *)data)->loops[1], UV_RUN_DEFAULT);
}

int trip_uv(bench_run *run)
{
    trip t = { .run = run, .left = run->count };
    poster other = { .step = run_other, .data = &t, .count = 1 };
    int i, r = 0;

    for (i = 0; i < 2 && r == 0; i++) {
        r = uv_loop_init(&t.loops[i]);
        t.asyncs[i].data = &t;
        if (r == 0)
            r = uv_async_init(&t.loops[i], &t.asyncs[i], i ? pong : ping);
    }
    if (r == 0)
        r = poster_start(&other);
    if (r < 0)
        return r;
    t.began = bench_now();
    (void)uv_async_send(&t.asyncs[1]);
    (void)uv_run(&t.loops[0], UV_RUN_DEFAULT);
    poster_join(&other);
    return 0;
}

/* --- lateness --- */

typedef struct lateness {
    double due, late;
} lateness;

static void no_work(uv_work_t *work)
{
    (void)work;
}

static void after(uv_work_t *work, int status)
{
    double until = bench_now() + 2000;

    (void)work, (void)status;
    while (bench_now() < until)
        ;
}

static void note_late(uv_timer_t *timer)
{
    lateness *l = timer->data;

    l->late = bench_now() - l->due;
}

int late_uv(bench_run *run)
{
    uv_work_t *works = malloc(run->count * sizeof(*works));
    lateness l = { 0, 0 };
    uv_timer_t timer = { .data = &l };
    uv_loop_t loop;
    unsigned long i;
    int r = works ? uv_loop_init(&loop) : -ENOMEM;

    for (i = 0; i < run->count && r == 0; i++)
        r = uv_queue_work(&loop, &works[i], no_work, after);
    if (r < 0)
        return r;
    timer_wait();
    uv_update_time(&loop);
    l.due = bench_now() + 5e6;
    (void)uv_timer_init(&loop, &timer);
    (void)uv_timer_start(&timer, note_late, 5, 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    free(works);
    run->value = lateness_ms(l.late);
    return 0;
}
