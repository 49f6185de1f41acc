/* SPDX-License-Identifier: MIT */
/* Measure: one run of one implementation, in a process of its own. */

#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "bench.h"

/* What is measured; the round is the run's. */
typedef struct measurement {
    const bench_subject *subject;
    const bench_parameter *parameter;
    const bench_implementation *implementation;
    unsigned round;
} measurement;

/* Values are in the order of the subject's measures.  Returns 0; 1 when a
 * signal that bench_begin holds came; -ETIMEDOUT; -ECHILD when the process
 * died; or the error of the implementation.  In every case nothing of it is
 * left running. */
int measure_once(const measurement *it, double values[BENCH_MEASURES]);

/* The part (0.5: the median) of values, which it sorts; NAN of none. */
double percentile(double *values, size_t count, double part);

#endif
