/* SPDX-License-Identifier: MIT */
/* Worker: messages and descriptors between two processes. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker.h"

enum { LARGE = 64 * 1024 * 1024 };

/* --- the other process --- */

int mate_start(mate *ret, bench_run *run, int (*fn)(bench_run *run, int fd))
{
    int ends[2];
    int r = memory_share();

    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ret->fd = ends[0];
    ret->pid = fork();
    if (ret->pid == 0) {
        (void)close(ends[0]);
        _exit(fn(run, ends[1]) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    (void)close(ends[1]);
    return ret->pid < 0 ? -errno : 0;
}

int mate_end(mate *it)
{
    int status;

    (void)close(it->fd);
    if (waitpid(it->pid, &status, 0) < 0)
        return -errno;
    return status == 0 ? 0 : -ECHILD;
}

const void *message_bytes(const bench_run *run)
{
    static unsigned char *bytes;

    if (!bytes) {
        bytes = malloc(run->parameter->size);
        if (!bytes)
            abort();
        memset(bytes, 'x', run->parameter->size);
    }
    return bytes;
}

int message_fd(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* --- memory --- */

static atomic_long *peaks; /* bytes, summed over the processes */
static long memory_before;

int memory_share(void)
{
    void *page = mmap(NULL, sizeof(*peaks), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    peaks = page == MAP_FAILED ? NULL : page;
    return peaks ? 0 : -errno;
}

/* VmHWM or VmRSS, in bytes; see proc(5). */
static long memory_of(const char *field)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kilobytes = 0;

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, field, strlen(field)) == 0)
            kilobytes = strtol(line + strlen(field) + 1, NULL, 10);
    if (file)
        (void)fclose(file);
    return kilobytes * 1024;
}

void memory_begin(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");

    if (file && fputs("5", file) >= 0) /* the peak is what there is now */
        (void)fflush(file);
    if (file)
        (void)fclose(file);
    memory_before = memory_of("VmRSS");
}

void memory_end(void)
{
    atomic_fetch_add(peaks, memory_of("VmHWM") - memory_before);
}

double memory_peak(void)
{
    return (double)atomic_load(peaks);
}

/* --- the tables --- */

#ifdef HAVE_UV
#define UV(function) .run = function
#else
#define UV(function) .missing = "libuv1-dev"
#endif

static const bench_measure a_trip[] = { { "p50-us", BENCH_P50, 1e3 },
                                        { "p99-us", BENCH_P99, 1e3 },
                                        { 0 } };
static const bench_measure a_message[] = { { "messages/s", BENCH_RATE, 1 },
                                           { 0 } };
static const bench_measure a_descriptor[] = { { "fds/s", BENCH_RATE, 1 },
                                              { 0 } };
static const bench_measure a_large_one[] = {
    { "ms", BENCH_WALL, 1e6 }, { "peak-MiB", BENCH_VALUE, 1024 * 1024 }, { 0 }
};

static const bench_measure a_process[] = { { "private-KiB", BENCH_VALUE, 1024 },
                                           { 0 } };

static const bench_parameter trips[] = {
    { .name = "64/one-cpu", .count = 20000, .size = 64, .one_cpu = true },
    { .name = "64/two-cpus", .count = 20000, .size = 64 },
    { .name = "4096/one-cpu", .count = 20000, .size = 4096, .one_cpu = true },
    { .name = "4096/two-cpus", .count = 20000, .size = 4096 },
    { 0 },
};
static const bench_parameter streams[] = {
    { .name = "64/one-cpu", .count = 200000, .size = 64, .one_cpu = true },
    { .name = "64/two-cpus", .count = 200000, .size = 64 },
    { .name = "4096/two-cpus", .count = 100000, .size = 4096 },
    { 0 },
};
static const bench_parameter passes[] = {
    { .name = "one-cpu", .count = 60000, .size = 1, .one_cpu = true },
    { .name = "two-cpus", .count = 60000, .size = 1 },
    { 0 },
};
static const bench_parameter larges[] = {
    { .name = "64MiB/one-cpu", .count = 4, .size = LARGE, .one_cpu = true },
    { .name = "64MiB/two-cpus", .count = 4, .size = LARGE },
    { 0 },
};

static const bench_parameter processes[] = { { .name = "forked", .count = 1 },
                                             { 0 } };

static const bench_implementation travellers[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = trip_em },
    { .name = "libuv", UV(trip_uv) },
    { .name = "write+epoll", .role = BENCH_FLOOR, .run = trip_epoll },
    { 0 },
};
static const bench_implementation streamers[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = stream_em },
    { .name = "libuv", UV(stream_uv) },
    { .name = "write", .role = BENCH_FLOOR, .run = stream_write },
    { 0 },
};
/* Without a node in the path the last one but the end is left out. */
static bench_implementation passers[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = pass_em },
    { .name = "libuv", UV(pass_uv) },
    { .name = "sendmsg-1", .role = BENCH_FLOOR, .run = pass_one },
    { .name = "sendmsg-16", .role = BENCH_FLOOR, .run = pass_sixteen },
    { .name = "node", .run = pass_node, .divide = 20 },
    { 0 },
};
static const bench_implementation copiers[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = large_em },
    { .name = "write", .role = BENCH_FLOOR, .run = large_copy },
    { 0 },
};

static const bench_implementation idlers[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = idle_em },
    { .name = "fork", .role = BENCH_FLOOR, .run = idle_fork },
    { 0 },
};

static const bench_subject subjects[] = {
    { "worker-trip", a_trip, trips, travellers },
    { "worker-one-way", a_message, streams, streamers },
    { "worker-descriptors", a_descriptor, passes, passers },
    { "worker-large", a_large_one, larges, copiers },
    { "worker-idle", a_process, processes, idlers },
    { 0 },
};

int main(int argc, char **argv)
{
    size_t node = sizeof(passers) / sizeof(passers[0]) - 2;

    if (system("node --version >/dev/null 2>&1") != 0)
        passers[node].missing = "nodejs";
    return bench_main(subjects, argc, argv);
}
