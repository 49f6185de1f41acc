/* SPDX-License-Identifier: MIT */
/* Worker: what the implementations of bench/worker share. */

#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <sys/types.h>

#include "bench.h"

/* Another process at the other end of a socket. */
typedef struct mate {
    int fd; /* this end */
    pid_t pid;
} mate;

/* Its function gets the other end, and returns 0 or a negative errno. */
int mate_start(mate *ret, bench_run *run, int (*fn)(bench_run *run, int fd));
int mate_end(mate *it); /* close our end and wait; its result */

/* A message of the parameter's size, and an open descriptor to pass. */
const void *message_bytes(const bench_run *run);
int message_fd(void);

/* The memory that both processes took at most between memory_begin and
 * memory_end, which each calls; shared before the other one is started. */
int memory_share(void);
void memory_begin(void);
void memory_end(void);
double memory_peak(void);

/* See bench_fn. */
bench_fn trip_em, trip_uv, trip_epoll;
bench_fn stream_em, stream_uv, stream_write;
bench_fn pass_em, pass_uv, pass_one, pass_sixteen, pass_node;
bench_fn large_em, large_copy;
bench_fn idle_em, idle_fork;

#endif
