/* SPDX-License-Identifier: MIT */
/* Fixed: subjects whose figures are known, by which tests/check-bench tells
 * that medians, ratios and lines are right, and what is done about failures. */

#include <config.h>

#include <errno.h>
#include <signal.h>

#include "bench.h"

/* One value a round; one latency an operation, 0, 1, 2 and so on. */
static int answer(bench_run *run)
{
    const double *values = run->data;
    unsigned long i;

    run->value = values[run->round];
    for (i = 0; i < run->count; i++)
        bench_latency(run, (double)i);
    return 0;
}

static int spin(bench_run *run)
{
    double end = bench_now() + *(const double *)run->data;

    while (bench_now() < end)
        ;
    return 0;
}

static int refuse(bench_run *run)
{
    (void)run;
    return -ENOTSUP;
}

static int die(bench_run *run)
{
    (void)run;
    return raise(SIGKILL);
}

/* --- medians: of ours 6 and of the peer 2, but of their quotients 0.5 --- */

static const double ours[] = { 6, 1, 2, 100, 200, 300, 3 };
static const double peer[] = { 12, 2, 4, 1, 1, 1, 6 };
static const double least[] = { 1, 1, 1, 1, 1, 1, 1 };

static const bench_measure values[] = {
    { "bytes", BENCH_VALUE, 0 },
    { "kB", BENCH_VALUE, 1e3 },
    { "p50-ns", BENCH_P50, 1 },
    { "p99-ns", BENCH_P99, 1 },
    { 0 },
};

static const bench_parameter hundred[] = {
    { .name = "101", .count = 101, .one_cpu = true },
    { 0 },
};

static const bench_implementation medians[] = {
    { .name = "ours", .role = BENCH_OURS, .run = answer, .data = ours },
    { .name = "floor", .role = BENCH_FLOOR, .run = answer, .data = least },
    { .name = "peer", .run = answer, .data = peer },
    { .name = "absent", .missing = "package" },
    { 0 },
};

/* --- clocks: which way is better --- */

static const double short_ns = 1e6, long_ns = 2e7;

static const bench_measure times[] = {
    { "ns", BENCH_WALL, 1 },
    { "jobs/s", BENCH_RATE, 1 },
    { 0 },
};

static const bench_parameter two[] = {
    { .name = "a", .count = 1 },
    { .name = "b", .count = 1 },
    { 0 },
};

static const bench_implementation clocks[] = {
    { .name = "slow", .role = BENCH_OURS, .run = spin, .data = &long_ns },
    { .name = "fast", .run = spin, .data = &short_ns },
    { 0 },
};

/* --- failures: told, and the others go on; and one to be interrupted --- */

static const bench_implementation failures[] = {
    { .name = "refuses", .run = refuse },
    { .name = "fast", .run = spin, .data = &short_ns },
    { .name = "unable", .run = spin, .data = &short_ns, .setup = refuse },
    { .name = "dies", .run = die },
    { .name = "command", .run = bench_command, .data = "exit 1" },
    { 0 },
};

static const bench_implementation stuck[] = {
    { .name = "stuck", .run = bench_command, .data = "echo >&2; sleep 200" },
    { 0 },
};

static const bench_subject subjects[] = {
    { "medians", values, hundred, medians },
    { "clocks", times, two, clocks },
    { "failures", times, two, failures },
    { "interrupt", times, two, stuck },
    { 0 },
};

int main(int argc, char **argv)
{
    return bench_main(subjects, argc, argv);
}
