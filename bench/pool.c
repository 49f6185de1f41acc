/* SPDX-License-Identifier: MIT */
/* Pool: empty jobs through the thread pool and back to the loop. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool.h"

int set_threads(const char *variable, unsigned threads)
{
    char number[16];

    (void)snprintf(number, sizeof(number), "%u", threads);
    return setenv(variable, number, 1) < 0 ? -errno : 0;
}

#define FUNCTIONS(of)                                   \
    .setup = pool_##of##_setup, .run = pool_##of##_run, \
    .teardown = pool_##of##_teardown
#ifdef HAVE_UV
#define LIBUV FUNCTIONS(uv)
#else
#define LIBUV .missing = "libuv1-dev"
#endif

#ifdef HAVE_TBB
#define ONETBB FUNCTIONS(tbb)
#else
#define ONETBB .missing = "libtbb-dev"
#endif

/* --- jobs a second --- */

static const bench_measure throughput[] = {
    { "jobs/s", BENCH_RATE, 1 },
    { "cpu-ns/job", BENCH_CPU, 1 },
    { 0 },
};

static const bench_parameter in_flight[] = {
    { .name = "64/t2", .count = 200000, .size = 64, .threads = 2 },
    { .name = "64/t4", .count = 200000, .size = 64, .threads = 4 },
    { .name = "1024/t2", .count = 1000000, .size = 1024, .threads = 2 },
    { .name = "1024/t4", .count = 1000000, .size = 1024, .threads = 4 },
    { .name = "1024/t64", .count = 1000000, .size = 1024, .threads = 64 },
    { 0 },
};

static const bench_implementation pools[] = {
    { .name = "libemitter", .role = BENCH_OURS, FUNCTIONS(em) },
    { .name = "libuv", LIBUV },
    { .name = "naive", FUNCTIONS(naive) },
    { .name = "floor-ring", .role = BENCH_FLOOR, FUNCTIONS(ring) },
    { 0 },
};

/* --- all at once --- */

static const bench_parameter at_once[] = {
    { .name = "t2", .count = 1000000, .size = ULONG_MAX, .threads = 2 },
    { .name = "t4", .count = 1000000, .size = ULONG_MAX, .threads = 4 },
    { 0 },
};

static const bench_implementation all_pools[] = {
    { .name = "libemitter", .role = BENCH_OURS, FUNCTIONS(em) },
    { .name = "libuv", LIBUV },
    { .name = "naive", FUNCTIONS(naive) },
    { .name = "oneTBB-enqueue", ONETBB },
    { .name = "floor-ring", .role = BENCH_FLOOR, FUNCTIONS(ring) },
    { 0 },
};

/* The more there are, the more each costs? */
static const bench_measure each[] = {
    { "ns/job", BENCH_WALL, 1 },
    { "cpu-ns/job", BENCH_CPU, 1 },
    { 0 },
};

static const bench_parameter many[] = {
    { .name = "1e5", .count = 100000, .size = ULONG_MAX, .threads = 2 },
    { .name = "1e6", .count = 1000000, .size = ULONG_MAX, .threads = 2 },
    { .name = "1e7", .count = 10000000, .size = ULONG_MAX, .threads = 2 },
    { 0 },
};

static const bench_implementation scaling[] = {
    { .name = "libemitter", .role = BENCH_OURS, FUNCTIONS(em) },
    { .name = "libuv", LIBUV },
    { 0 },
};

/* --- jobs with something to do --- */

#define THREADS(n, so_many)                                            \
    {                                                                  \
        .name = "t" #n, .count = (so_many), .size = 64, .threads = (n) \
    }

static const bench_parameter digests[] = {
    THREADS(1, 200), THREADS(2, 200), THREADS(4, 200), THREADS(16, 200), { 0 }
};

static const bench_parameter reads[] = { THREADS(1, 200000),
                                         THREADS(2, 200000),
                                         THREADS(4, 200000),
                                         THREADS(16, 200000),
                                         { 0 } };

#ifdef HAVE_CRYPTO
#define SHA256(...) __VA_ARGS__, .data = &job_sha256
#else
#define SHA256(...) .missing = "libssl-dev"
#endif
#ifdef HAVE_UV
#define READ_BY_UV   LIBUV, .data = &job_pread
#define SHA256_BY_UV SHA256(LIBUV)
#else
#define READ_BY_UV   LIBUV
#define SHA256_BY_UV LIBUV
#endif

static const bench_implementation digesters[] = {
    { .name = "libemitter", .role = BENCH_OURS, SHA256(FUNCTIONS(em)) },
    { .name = "libuv", SHA256_BY_UV },
    { .name = "naive", SHA256(FUNCTIONS(naive)) },
    { 0 },
};

static const bench_implementation readers[] = {
    { .name = "libemitter",
      .role = BENCH_OURS,
      FUNCTIONS(em),
      .data = &job_pread },
    { .name = "libuv", READ_BY_UV },
    { .name = "naive", FUNCTIONS(naive), .data = &job_pread },
    { 0 },
};

/* --- one job at a time --- */

static const bench_measure latency[] = {
    { "p50-us", BENCH_P50, 1e3 },
    { "p99-us", BENCH_P99, 1e3 },
    { "cpu-us/job", BENCH_CPU, 1e3 },
    { 0 },
};

static const bench_parameter one[] = {
    { .name = "t2", .count = 5000, .size = 1, .threads = 2 },
    { .name = "t4", .count = 5000, .size = 1, .threads = 4 },
    { .name = "t2/one-cpu",
      .count = 5000,
      .size = 1,
      .threads = 2,
      .one_cpu = true },
    { 0 },
};

static const bench_implementation trips[] = {
    { .name = "libemitter", .role = BENCH_OURS, FUNCTIONS(em) },
    { .name = "libuv", LIBUV },
    { .name = "naive", FUNCTIONS(naive) },
    { .name = "floor-epoll", .role = BENCH_FLOOR, FUNCTIONS(trip) },
    { .name = "floor-futex",
      .role = BENCH_FLOOR,
      FUNCTIONS(trip),
      .data = "futex" },
    { 0 },
};

static const bench_subject subjects[] = {
    { "pool", throughput, in_flight, pools },
    { "pool-all", throughput, at_once, all_pools },
    { "pool-scale", each, many, scaling },
    { "pool-sha256", throughput, digests, digesters },
    { "pool-pread", throughput, reads, readers },
    { "pool-trip", latency, one, trips },
    { 0 },
};

int main(int argc, char **argv)
{
    return bench_main(subjects, argc, argv);
}
