/* SPDX-License-Identifier: MIT */
/* Loop: what the implementations of bench/loop share. */

#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench.h"

/* --- pipes: bytes go round a ring of pipes --- */

typedef struct spot {
    struct ring *ring;
    int in, out; /* of this pipe, and of the next one */
} spot;

typedef struct ring {
    spot *spots;
    unsigned long pipes, active;
    unsigned long written, read, target;
} ring;

int ring_open(bench_run *run, ring *mine); /* size pipes, threads active */
void ring_close(ring *mine);
void ring_start(ring *mine, unsigned long events);
bool ring_step(spot *at); /* take a byte on; true: that was the last one */

/* --- timers --- */

/* A deadline of 1 to 100 ms and the timer to restart, the same for all. */
unsigned long timer_ms(unsigned long i);
unsigned long timer_pick(unsigned long i, unsigned long count);
void timer_wait(void); /* until all of them are due */

/* In ms, and a microsecond at least: libuv's timers may be early. */
double lateness_ms(double ns);

size_t heap_bytes(void);

/* --- posts and round trips --- */

/* Call step(data) `count` times on another thread, and join it. */
typedef struct poster {
    pthread_t thread;
    void (*step)(void *data);
    void *data;
    unsigned long count;
} poster;

int poster_start(poster *mine);
void poster_join(poster *mine);

/* What an implementation does in each subject; see bench_fn. */
#define LOOP_FUNCTIONS(of)                                                \
    bench_fn pipes_##of##_setup, pipes_##of##_run, pipes_##of##_teardown, \
        timers_##of##_setup, insert_##of##_run, restart_##of##_setup,     \
        restart_##of##_run, fire_##of##_setup, fire_##of##_run,           \
        timers_##of##_teardown

LOOP_FUNCTIONS(em);
LOOP_FUNCTIONS(ev);
LOOP_FUNCTIONS(event);
LOOP_FUNCTIONS(uv);
bench_fn pipes_epoll_setup, pipes_epoll_run, pipes_epoll_teardown;
bench_fn pipes_glib_setup, pipes_glib_run, pipes_glib_teardown;

bench_fn posts_em, posts_uv, posts_glib, posts_queue;
bench_fn trip_em_post, trip_em_notify, trip_uv, trip_ev, trip_eventfd;
bench_fn memory_em_loop, memory_em_fd, late_em, late_uv, idle_em;

#endif
