/* SPDX-License-Identifier: MIT */
/* Pool: what the implementations of the pool's subjects share.
 *
 * The load: run->count empty jobs, of which parameter->size are in flight, each
 * submitted on the loop's thread, run by one of parameter->threads, and ended
 * on the loop's thread, which submits the next.  With one in flight each job's
 * round trip is told to the bench. */

#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "bench.h"

/* What a job does, an implementation's data; NULL: nothing. */
typedef struct job_kind {
    int (*prepare)(void); /* once, before the run; 0 or a negative errno */
    void (*work)(unsigned *random); /* a thread's own, not 0 */
} job_kind;

typedef struct load {
    bench_run *run;
    const job_kind *kind;
    unsigned long to_submit, to_finish;
    double since; /* when the job in flight was submitted, if it is one */
    int error;    /* for run to return */
} load;

/* How many jobs to submit now. */
static inline unsigned long load_begin(load *l, bench_run *run,
                                       unsigned long count)
{
    unsigned long size = run->parameter->size;

    *l = (load){ .run = run,
                 .kind = (const job_kind *)run->data,
                 .to_submit = count,
                 .to_finish = count };
    if (size > count)
        size = count;
    l->to_submit -= size;
    l->since = bench_now();
    return size;
}

/* A job has ended; whether to submit one in its place. */
static inline bool load_next(load *l)
{
    double now;

    l->to_finish--;
    if (l->run->parameter->size == 1) {
        now = bench_now();
        bench_latency(l->run, now - l->since);
        l->since = now;
    }
    if (l->to_submit == 0)
        return false;
    l->to_submit--;
    return true;
}

/* What the job is there for, on whatever thread. */
void load_work(const load *l);

/* Whatever the jobs need.  Returns 0 or a negative errno. */
static inline int load_prepare(const bench_run *run)
{
    const job_kind *kind = (const job_kind *)run->data;

    return kind ? kind->prepare() : 0;
}

/* To warm up: threads started, memory touched. */
static inline unsigned long load_warm_up(const bench_run *run)
{
    return run->count / 10 + 1;
}

/* Make a number of threads the value of an environment variable. */
int set_threads(const char *variable, unsigned threads);

/* Jobs with something to do: the SHA-256 of 1 MiB (with libcrypto), and 4 KiB
 * read from somewhere in a file that is in memory. */
extern const job_kind job_sha256, job_pread;

/* libemitter: em_baton_run. */
bench_fn pool_em_setup, pool_em_run, pool_em_teardown;

/* libuv: uv_queue_work. */
bench_fn pool_uv_setup, pool_uv_run, pool_uv_teardown;

/* Naive: a locked list, a condition variable, an eventfd. */
bench_fn pool_naive_setup, pool_naive_run, pool_naive_teardown;

/* oneTBB: task_arena::enqueue; it calls nothing back, so the run ends when the
 * last task counted itself, and only "all at once" can be asked of it. */
#ifdef __cplusplus
extern "C" {
#endif
bench_fn pool_tbb_setup, pool_tbb_run, pool_tbb_teardown;
#ifdef __cplusplus
}
#endif

/* Floors.  Ring: two rings and one worker, both ends spinning.  Trip: one word
 * handed to another thread and back, through eventfd and epoll both ways, or
 * through a futex there (if data is not NULL). */
bench_fn pool_ring_setup, pool_ring_run, pool_ring_teardown;
bench_fn pool_trip_setup, pool_trip_run, pool_trip_teardown;

#endif
