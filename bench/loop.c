/* SPDX-License-Identifier: MIT */
/* Loop: readiness, timers, posts and wake-ups of loops, and what they weigh. */

#include <config.h>

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

/* --- pipes --- */

int ring_open(bench_run *run, ring *mine)
{
    unsigned long n = run->parameter->size;
    unsigned long i;
    int ends[2];

    *mine = (struct ring){ .pipes = n, .active = run->parameter->threads };
    mine->spots = calloc(n, sizeof(*mine->spots));
    if (!mine->spots)
        return -ENOMEM;
    for (i = 0; i < n; i++) {
        if (pipe(ends) < 0)
            return -errno;
        mine->spots[i].ring = mine;
        mine->spots[i].in = ends[0];
        mine->spots[(i + n - 1) % n].out = ends[1];
    }
    return 0;
}

void ring_close(ring *mine)
{
    unsigned long i;

    for (i = 0; i < mine->pipes; i++) {
        (void)close(mine->spots[i].in);
        (void)close(mine->spots[i].out);
    }
    free(mine->spots);
}

void ring_start(ring *mine, unsigned long events)
{
    unsigned long i;

    mine->target = events;
    mine->read = mine->written = 0;
    for (i = 0; i < mine->active && i < events; i++) {
        (void)!write(mine->spots[i * (mine->pipes / mine->active)].out, "x", 1);
        mine->written++;
    }
}

bool ring_step(spot *at)
{
    ring *mine = at->ring;
    char byte;

    if (read(at->in, &byte, 1) == 1)
        mine->read++;
    if (mine->written < mine->target) {
        mine->written++;
        (void)!write(at->out, &byte, 1);
    }
    return mine->read == mine->target;
}

/* --- timers --- */

static unsigned long scramble(unsigned long i)
{
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return (unsigned long)((x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 32);
}

unsigned long timer_ms(unsigned long i)
{
    return 1 + scramble(i) % 100;
}

unsigned long timer_pick(unsigned long i, unsigned long count)
{
    return scramble(~i) % count;
}

void timer_wait(void)
{
    struct timespec rest = { .tv_nsec = 110000000 };

    (void)nanosleep(&rest, NULL);
}

double lateness_ms(double ns)
{
    return ns < 1e3 ? 1e-3 : ns / 1e6;
}

size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* --- another thread --- */

static void *post_all(void *data)
{
    poster *mine = data;
    unsigned long i;

    for (i = 0; i < mine->count; i++)
        mine->step(mine->data);
    return NULL;
}

int poster_start(poster *mine)
{
    return -pthread_create(&mine->thread, NULL, post_all, mine);
}

void poster_join(poster *mine)
{
    (void)pthread_join(mine->thread, NULL);
}

/* --- very many descriptors --- */

enum { CROWD = 100000, OTHERS = 100 }; /* OTHERS: what else is open */

/* How many of CROWD the system allows: beyond the hard limit only for who may
 * raise it.  The measurements inherit it. */
static unsigned long raise_limit(void)
{
    const rlim_t wish = CROWD + OTHERS;
    struct rlimit had = { 0, 0 }, files;

    (void)getrlimit(RLIMIT_NOFILE, &had);
    if (had.rlim_cur >= wish)
        return CROWD;
    files.rlim_cur = wish;
    files.rlim_max = had.rlim_max > wish ? had.rlim_max : wish;
    if (setrlimit(RLIMIT_NOFILE, &files) == 0)
        return CROWD;
    files.rlim_cur = files.rlim_max = had.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur > 2 * OTHERS ? files.rlim_cur - OTHERS : OTHERS;
}

/* --- the tables --- */

#define PIPES(of)                                         \
    .setup = pipes_##of##_setup, .run = pipes_##of##_run, \
    .teardown = pipes_##of##_teardown
#define INSERT(of)                                          \
    .setup = timers_##of##_setup, .run = insert_##of##_run, \
    .teardown = timers_##of##_teardown
#define RESTART(of)                                           \
    .setup = restart_##of##_setup, .run = restart_##of##_run, \
    .teardown = timers_##of##_teardown
#define FIRE(of)                                        \
    .setup = fire_##of##_setup, .run = fire_##of##_run, \
    .teardown = timers_##of##_teardown

#ifdef HAVE_UV
#define UV(functions) functions
#else
#define UV(functions) .missing = "libuv1-dev"
#endif
#ifdef HAVE_EV
#define EV(functions) functions
#else
#define EV(functions) .missing = "libev-dev"
#endif
#ifdef HAVE_EVENT
#define EVENT(functions) functions
#else
#define EVENT(functions) .missing = "libevent-dev"
#endif
#ifdef HAVE_GLIB
#define GLIB(functions) functions
#else
#define GLIB(functions) .missing = "libglib2.0-dev"
#endif
#define SET(...) __VA_ARGS__

static const bench_measure an_event[] = { { "ns/event", BENCH_WALL, 1 },
                                          { 0 } };
static const bench_measure a_timer[] = { { "ns/timer", BENCH_WALL, 1 }, { 0 } };
static const bench_measure an_insert[] = { { "ns/timer", BENCH_WALL, 1 },
                                           { "bytes/timer", BENCH_VALUE, 1 },
                                           { 0 } };
static const bench_measure a_post[] = { { "posts/s", BENCH_RATE, 1 }, { 0 } };
static const bench_measure a_trip[] = { { "p50-us", BENCH_P50, 1e3 },
                                        { "p99-us", BENCH_P99, 1e3 },
                                        { 0 } };
static const bench_measure bytes[] = { { "bytes", BENCH_VALUE, 1 }, { 0 } };
static const bench_measure idle[] = { { "wake-ups", BENCH_VALUE, 1 },
                                      { "cpu-ns/ms", BENCH_CPU, 1 },
                                      { 0 } };
static const bench_measure late[] = { { "ms-late", BENCH_VALUE, 1 }, { 0 } };

/* Those of a crowd are told by main, which knows the limit. */
static char crowd_name[32], crowded_name[32];

static bench_parameter rings[] = {
    { .name = "1", .count = 60000, .size = 1, .threads = 1 },
    { .name = "100/1", .count = 60000, .size = 100, .threads = 1 },
    { .name = "1000/1", .count = 60000, .size = 1000, .threads = 1 },
    { .name = "100/100", .count = 60000, .size = 100, .threads = 100 },
    { .name = "1000/100", .count = 60000, .size = 1000, .threads = 100 },
    { .name = crowded_name, .count = 60000, .threads = 100 },
    { 0 },
};
static const bench_parameter timers[] = {
    { .name = "1e5", .count = 100000 },
    { .name = "1e6", .count = 1000000 },
    { 0 },
};
static const bench_parameter posts[] = { { .name = "t1", .count = 500000 },
                                         { 0 } };
static const bench_parameter trips[] = {
    { .name = "one-cpu", .count = 10000, .one_cpu = true },
    { .name = "two-cpus", .count = 10000 },
    { 0 },
};
static bench_parameter crowd[] = { { .name = crowd_name }, { 0 } };
static const bench_parameter ten_seconds[] = {
    { .name = "10s", .count = 10000 },
    { 0 },
};
static const bench_parameter completions[] = {
    { .name = "1e5", .count = 100000 },
    { 0 },
};

static const bench_implementation pipe_loops[] = {
    { .name = "libemitter", .role = BENCH_OURS, PIPES(em) },
    { .name = "libuv", UV(SET(PIPES(uv))) },
    { .name = "libev", EV(SET(PIPES(ev))) },
    { .name = "libevent", EVENT(SET(PIPES(event))) },
    { .name = "glib", GLIB(SET(PIPES(glib))), .divide = 10 },
    { .name = "epoll", .role = BENCH_FLOOR, PIPES(epoll) },
    { 0 },
};
#define TIMERS(what)                                                \
    {                                                               \
        { .name = "libemitter", .role = BENCH_OURS, what(em) },     \
            { .name = "libuv", UV(SET(what(uv))) },                 \
            { .name = "libev", EV(SET(what(ev))) },                 \
            { .name = "libevent", EVENT(SET(what(event))) }, { 0 }, \
    }
static const bench_implementation inserts[] = TIMERS(INSERT);
static const bench_implementation restarts[] = TIMERS(RESTART);
static const bench_implementation fires[] = TIMERS(FIRE);
static const bench_implementation posters[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = posts_em },
    { .name = "libuv-list", UV(.run = posts_uv) },
    { .name = "glib-invoke", GLIB(.run = posts_glib), .divide = 5 },
    { .name = "queue+eventfd", .role = BENCH_FLOOR, .run = posts_queue },
    { 0 },
};
static const bench_implementation travellers[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = trip_em_post },
    { .name = "libemitter-notify", .run = trip_em_notify },
    { .name = "libuv", UV(.run = trip_uv) },
    { .name = "libev", EV(.run = trip_ev) },
    { .name = "eventfd+epoll", .role = BENCH_FLOOR, .run = trip_eventfd },
    { 0 },
};
static const bench_implementation weights[] = {
    { .name = "loop", .role = BENCH_OURS, .run = memory_em_loop },
    { .name = "descriptor", .run = memory_em_fd },
    { 0 },
};
static const bench_implementation idlers[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = idle_em },
    { 0 },
};
static const bench_implementation punctual[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = late_em },
    { .name = "libuv", UV(.run = late_uv) },
    { 0 },
};

static const bench_subject subjects[] = {
    { "loop-pipes", an_event, rings, pipe_loops },
    { "loop-insert", an_insert, timers, inserts },
    { "loop-restart", a_timer, timers, restarts },
    { "loop-fire", a_timer, timers, fires },
    { "loop-posts", a_post, posts, posters },
    { "loop-trip", a_trip, trips, travellers },
    { "loop-late", late, completions, punctual },
    { "loop-memory", bytes, crowd, weights },
    { "loop-idle", idle, ten_seconds, idlers },
    { 0 },
};

/* A pipe is two descriptors. */
static void set_crowd(unsigned long count)
{
    bench_parameter *crowded = &rings[sizeof(rings) / sizeof(*rings) - 2];

    crowd->count = count;
    crowded->size = count / 2 / crowded->threads * crowded->threads;
    (void)snprintf(crowd_name, sizeof(crowd_name), "%lu", count);
    (void)snprintf(crowded_name, sizeof(crowded_name), "%lu/%u", crowded->size,
                   crowded->threads);
    if (count < CROWD)
        (void)printf("# %lu descriptors, not %d: the system's limit\n", count,
                     CROWD);
}

/* Lines from the first one on: what waits in a buffer when measurements are
 * forked would be printed by each of them again. */
int main(int argc, char **argv)
{
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0)
        return EXIT_FAILURE;
    set_crowd(raise_limit());
    return bench_main(subjects, argc, argv);
}
