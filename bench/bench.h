/* SPDX-License-Identifier: MIT */
/* Bench: what every subject of the bench shares.
 *
 * A subject compares implementations of one thing under several parameters.
 * For each parameter every implementation is measured once a round, in a
 * process of its own: environment, threads, memory and processor time are one
 * measurement's alone, and one that crashes or hangs is reported as failed.
 * README.md tells what the lines mean and how to add a subject.
 *
 * Usable from C++, for the peers that are written in it. */

#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_MEASURES = 4 }; /* the most that one subject may have */

/* Less is better in all but BENCH_RATE. */
typedef enum {
    BENCH_WALL, /* wall clock an operation */
    BENCH_CPU,  /* processor time an operation, of all threads and children */
    BENCH_RATE, /* operations a second */
    BENCH_P50,  /* percentiles of what bench_latency was told */
    BENCH_P99,
    BENCH_VALUE /* what the run left in its value */
} bench_kind;

typedef struct bench_measure {
    const char *unit; /* as printed; NULL ends a list */
    bench_kind kind;
    double scale; /* times: ns in the unit; others: how many in it; 0: 1 */
} bench_measure;

typedef struct bench_parameter {
    const char *name;    /* as printed; NULL ends a list */
    unsigned long count; /* operations a run; a thousandth in a smoke run */
    unsigned long size;  /* what the subject varies, in its own sense */
    unsigned threads;    /* likewise */
    bool one_cpu;        /* the whole run is pinned to one processor */
} bench_parameter;

typedef struct bench_run {
    const bench_parameter *parameter;
    const void *data;    /* the implementation's */
    unsigned long count; /* operations to do */
    unsigned round;      /* from 0 */
    void *state;         /* the implementation's, between its functions */
    double value;        /* for BENCH_VALUE */
    double *latencies;   /* bench_latency's */
    unsigned long latency_count;
} bench_run;

/* Returns 0 or a negative errno, which fails the implementation. */
typedef int bench_fn(bench_run *run);

typedef enum { BENCH_PEER, BENCH_OURS, BENCH_FLOOR } bench_role;

typedef struct bench_implementation {
    const char *name; /* as printed, without a slash; NULL ends a list */
    bench_role role;
    const char *missing; /* not built in: the package that it needs */
    bench_fn *run;       /* does run->count operations, and is timed */
    bench_fn *setup;     /* before it, not timed; may be NULL */
    bench_fn *teardown;  /* likewise; not called when the run failed */
    const void *data;
    unsigned long divide; /* count is divided by it, for a slow one; 0: 1 */
} bench_implementation;

typedef struct bench_subject {
    const char *name; /* as printed; NULL ends a list */
    const bench_measure *measures;
    const bench_parameter *parameters;
    const bench_implementation *implementations;
} bench_subject;

/* From here on SIGINT, SIGTERM and SIGHUP, unless they were ignored, wait for
 * bench_main, so that a main which makes files can remove them.  bench_main
 * begins with it.  Returns 0 or a negative errno. */
int bench_begin(void);

/* Measure and print, until the end or one of those signals.  Arguments are
 * shell patterns of `subject,implementation,parameter`; only what matches one
 * of them is measured.  Returns an exit status. */
int bench_main(const bench_subject *subjects, int argc, char **argv);

/* Whether this is a smoke run, which only shows that the code works. */
bool bench_is_smoke(void);

/* The run of an implementation that is a shell command, its data, which finds
 * the parameter's name in $BENCH_PARAMETER. */
bench_fn bench_command;

/* A clock, in ns, and one operation's latency in it. */
double bench_now(void);
void bench_latency(bench_run *run, double ns);

#ifdef __cplusplus
}
#endif

#endif
