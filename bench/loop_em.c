/* SPDX-License-Identifier: MIT */
/* Loop: libemitter. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <emitter.h>

#include "loop.h"

/* --- pipes --- */

typedef struct pipes {
    ring ring;
    em_loop *loop;
} pipes;

static void step(em_source *source, int fd, unsigned events, void *data)
{
    (void)fd, (void)events;
    if (ring_step(data))
        em_loop_stop(em_source_loop(source));
}

int pipes_em_setup(bench_run *run)
{
    pipes *p = calloc(1, sizeof(*p));
    unsigned long i;
    int r;

    run->state = p;
    if (!p)
        return -ENOMEM;
    r = em_loop_new(NULL, &p->loop);
    if (r == 0)
        r = ring_open(run, &p->ring);
    for (i = 0; i < p->ring.pipes && r == 0; i++)
        r = em_loop_add_fd(p->loop, p->ring.spots[i].in, EM_READABLE, step,
                           &p->ring.spots[i], NULL);
    return r;
}

int pipes_em_run(bench_run *run)
{
    pipes *p = run->state;
    int r;

    ring_start(&p->ring, run->count);
    r = em_loop_run(p->loop, EM_RUN_DEFAULT);
    return r < 0 ? r : 0;
}

int pipes_em_teardown(bench_run *run)
{
    pipes *p = run->state;

    em_loop_free(p->loop);
    ring_close(&p->ring);
    free(p);
    return 0;
}

/* --- timers --- */

typedef struct timers {
    em_loop *loop;
    em_source **sources;
    unsigned long fired;
} timers;

static void fire(em_source *source, void *data)
{
    (void)source;
    ++((timers *)data)->fired;
}

int timers_em_setup(bench_run *run)
{
    timers *t = calloc(1, sizeof(*t));

    run->state = t;
    if (!t)
        return -ENOMEM;
    t->sources = calloc(run->count, sizeof(em_source *));
    return t->sources ? em_loop_new(NULL, &t->loop) : -ENOMEM;
}

static int insert(bench_run *run)
{
    timers *t = run->state;
    unsigned long i;
    int r = 0;

    for (i = 0; i < run->count && r == 0; i++)
        r = em_loop_add_timer(t->loop, timer_ms(i), 0, fire, t, &t->sources[i]);
    return r;
}

int insert_em_run(bench_run *run)
{
    size_t before = heap_bytes();
    int r = insert(run);

    run->value = (double)(heap_bytes() - before) / (double)run->count;
    return r;
}

int restart_em_setup(bench_run *run)
{
    int r = timers_em_setup(run);

    return r < 0 ? r : insert(run);
}

int restart_em_run(bench_run *run)
{
    timers *t = run->state;
    unsigned long i;
    int r = 0;

    for (i = 0; i < run->count && r == 0; i++)
        r = em_source_set_timer(t->sources[timer_pick(i, run->count)],
                                timer_ms(i), 0);
    return r;
}

int fire_em_setup(bench_run *run)
{
    int r = restart_em_setup(run);

    timer_wait();
    return r;
}

int fire_em_run(bench_run *run)
{
    timers *t = run->state;
    int r = em_loop_run(t->loop, EM_RUN_DEFAULT);

    return r < 0 ? r : t->fired == run->count ? 0 : -EIO;
}

int timers_em_teardown(bench_run *run)
{
    timers *t = run->state;

    em_loop_free(t->loop);
    free(t->sources);
    free(t);
    return 0;
}

/* --- posts --- */

typedef struct receiver {
    em_loop *loop;
    unsigned long left;
} receiver;

static void receive(em_loop *loop, void *data)
{
    if (--((receiver *)data)->left == 0)
        em_loop_stop(loop);
}

static void post(void *data)
{
    receiver *r = data;

    (void)em_loop_post(r->loop, receive, r);
}

int posts_em(bench_run *run)
{
    receiver mine = { .left = run->count };
    poster other = { .step = post, .data = &mine, .count = run->count };
    int r = em_loop_new(NULL, &mine.loop);

    if (r < 0)
        return r;
    em_loop_ref(mine.loop);
    r = poster_start(&other);
    if (r < 0)
        return r;
    r = em_loop_run(mine.loop, EM_RUN_DEFAULT);
    poster_join(&other);
    em_loop_free(mine.loop);
    return r < 0 ? r : 0;
}

/* --- round trips --- */

typedef struct trip {
    bench_run *run;
    em_loop *loops[2];
    em_source *sources[2];
    unsigned long left;
    double began;
} trip;

static void pong(em_loop *loop, void *data);

static void ping(em_loop *loop, void *data)
{
    trip *t = data;
    double now = bench_now();

    bench_latency(t->run, now - t->began);
    t->began = now;
    if (--t->left == 0) {
        em_loop_stop(t->loops[1]);
        em_loop_stop(loop);
    } else {
        (void)em_loop_post(t->loops[1], pong, t);
    }
}

static void pong(em_loop *loop, void *data)
{
    (void)loop;
    (void)em_loop_post(((trip *)data)->loops[0], ping, data);
}

static void note_ping(em_source *source, void *data)
{
    trip *t = data;
    double now = bench_now();

    bench_latency(t->run, now - t->began);
    t->began = now;
    if (--t->left == 0) {
        em_loop_stop(t->loops[1]);
        em_loop_stop(em_source_loop(source));
    } else {
        (void)em_source_notify(t->sources[1]);
    }
}

static void note_pong(em_source *source, void *data)
{
    (void)source;
    (void)em_source_notify(((trip *)data)->sources[0]);
}

static void run_other(void *data)
{
    (void)em_loop_run(((trip *)data)->loops[1], EM_RUN_DEFAULT);
}

static int travel(bench_run *run, bool notify)
{
    trip t = { .run = run, .left = run->count };
    poster other = { .step = run_other, .data = &t, .count = 1 };
    int i, r;

    for (i = 0; i < 2; i++) {
        r = em_loop_new(NULL, &t.loops[i]);
        if (r == 0)
            r = em_loop_add_notify(t.loops[i], i ? note_pong : note_ping, &t,
                                   &t.sources[i]);
        if (r < 0)
            return r;
    }
    t.began = bench_now();
    r = notify ? em_source_notify(t.sources[1])
               : em_loop_post(t.loops[1], pong, &t);
    if (r == 0)
        r = poster_start(&other);
    if (r < 0)
        return r;
    (void)em_loop_run(t.loops[0], EM_RUN_DEFAULT);
    poster_join(&other);
    em_loop_free(t.loops[0]);
    em_loop_free(t.loops[1]);
    return 0;
}

int trip_em_post(bench_run *run)
{
    return travel(run, false);
}

int trip_em_notify(bench_run *run)
{
    return travel(run, true);
}

/* --- lateness: a 5 ms timer while completions wait --- */

typedef struct lateness {
    em_loop *loop;
    double due;
    double late;
    unsigned long left;
} lateness;

static int no_work(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return 0;
}

/* A completion that does a little. */
static void after(em_baton *baton, int status, void *data)
{
    double until = bench_now() + 2000;

    (void)baton, (void)status;
    --((lateness *)data)->left;
    while (bench_now() < until)
        ;
}

static void note_late(em_source *source, void *data)
{
    lateness *l = data;

    (void)source;
    l->late = bench_now() - l->due;
}

int late_em(bench_run *run)
{
    lateness l = { .left = run->count };
    unsigned long i;
    int r = em_loop_new(NULL, &l.loop);

    for (i = 0; i < run->count && r == 0; i++)
        r = em_baton_run(l.loop, no_work, after, &l);
    timer_wait(); /* until they are done */
    l.due = bench_now() + 5e6;
    if (r == 0)
        r = em_loop_add_timer(l.loop, 5, 0, note_late, &l, NULL);
    if (r == 0)
        r = em_loop_run(l.loop, EM_RUN_DEFAULT);
    em_loop_free(l.loop);
    run->value = lateness_ms(l.late);
    return r;
}

/* --- memory --- */

int memory_em_loop(bench_run *run)
{
    size_t before = heap_bytes();
    em_loop *loop;
    int r = em_loop_new(NULL, &loop);

    if (r < 0)
        return r;
    run->value = (double)(heap_bytes() - before);
    em_loop_free(loop);
    return 0;
}

static void ignore(em_source *source, int fd, unsigned events, void *data)
{
    (void)source, (void)fd, (void)events, (void)data;
}

/* With its share of the table by number. */
int memory_em_fd(bench_run *run)
{
    size_t before;
    em_loop *loop;
    unsigned long i;
    int ends[2];
    int r = em_loop_new(NULL, &loop);

    if (r < 0 || pipe(ends) < 0)
        return r < 0 ? r : -errno;
    before = heap_bytes();
    for (i = 0; i < run->count && r == 0; i++)
        r = em_loop_add_fd(loop, dup(ends[0]), EM_READABLE, ignore, NULL, NULL);
    run->value = (double)(heap_bytes() - before) / (double)run->count;
    em_loop_free(loop);
    return r; /* the process, and so its descriptors, ends here */
}
