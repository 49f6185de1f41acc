/* SPDX-License-Identifier: MIT */
/* Measure: one run of one implementation, in a process of its own.
 *
 * The process leads a group, so that a stop or a hang ends the commands that it
 * started too; its answer comes back through a pipe. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

enum { HANGS_AFTER_MS = 300 * 1000 };

typedef struct answer {
    int error;
    double values[BENCH_MEASURES];
} answer;

static sigset_t former_mask; /* what was blocked before bench_begin */
static int stop_fd = -1;     /* readable when a signal came */

/* --- clocks and samples --- */

static double ns_of(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) < 0)
        abort(); /* not on a system that has the clock */
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double bench_now(void)
{
    return ns_of(CLOCK_MONOTONIC);
}

static double ns_of_timeval(struct timeval t)
{
    return (double)t.tv_sec * 1e9 + (double)t.tv_usec * 1e3;
}

/* Of this process and the commands that it waited for. */
static double cpu_now(void)
{
    struct rusage children;

    if (getrusage(RUSAGE_CHILDREN, &children) < 0)
        abort(); /* likewise */
    return ns_of(CLOCK_PROCESS_CPUTIME_ID) + ns_of_timeval(children.ru_utime) +
           ns_of_timeval(children.ru_stime);
}

void bench_latency(bench_run *run, double ns)
{
    if (run->latency_count < run->count)
        run->latencies[run->latency_count++] = ns;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double percentile(double *values, size_t count, double part)
{
    double at = part * (double)(count ? count - 1 : 0);

    if (count == 0)
        return NAN;
    qsort(values, count, sizeof(*values), compare);
    return (values[(size_t)floor(at)] + values[(size_t)ceil(at)]) / 2;
}

/* --- in the process --- */

bool bench_is_smoke(void)
{
    const char *smoke = getenv("BENCH_SMOKE");

    return smoke && strcmp(smoke, "") != 0 && strcmp(smoke, "0") != 0;
}

int bench_command(bench_run *run)
{
    int status;

    if (setenv("BENCH_PARAMETER", run->parameter->name, 1) < 0)
        return -errno;
    status = system(run->data);
    if (status < 0)
        return -errno;
    return status == 0 ? 0 : -ECHILD;
}

static int pin_to_one_cpu(void)
{
    cpu_set_t cpus;
    size_t cpu = 0;

    if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
        return -errno;
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus))
        cpu++;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    return sched_setaffinity(0, sizeof(cpus), &cpus) < 0 ? -errno : 0;
}

static double value_of(const bench_measure *measure, bench_run *run,
                       double wall, double cpu)
{
    double count = (double)run->count;

    switch (measure->kind) {
    case BENCH_WALL:
        return wall / count;
    case BENCH_CPU:
        return cpu / count;
    case BENCH_RATE:
        return count / wall * 1e9;
    case BENCH_P50:
        return percentile(run->latencies, run->latency_count, 0.50);
    case BENCH_P99:
        return percentile(run->latencies, run->latency_count, 0.99);
    case BENCH_VALUE:
        return run->value;
    }
    return NAN;
}

static int perform(const bench_implementation *it, bench_run *run, double *wall,
                   double *cpu)
{
    int r = 0;

    if (it->setup)
        r = it->setup(run);
    if (r < 0)
        return r;
    run->latency_count = 0; /* what the setup did to warm up */
    *cpu = cpu_now();
    *wall = bench_now();
    r = it->run(run);
    *wall = bench_now() - *wall;
    *cpu = cpu_now() - *cpu;
    if (r >= 0 && it->teardown)
        r = it->teardown(run);
    return r;
}

static int measure(const measurement *it, double *values)
{
    const bench_measure *measures = it->subject->measures;
    unsigned long divide = it->implementation->divide;
    bench_run run = { .parameter = it->parameter,
                      .data = it->implementation->data,
                      .count = it->parameter->count,
                      .round = it->round };
    double wall, cpu;
    int m, r;

    run.count /= (divide ? divide : 1) * (bench_is_smoke() ? 1000 : 1);
    if (run.count == 0)
        run.count = 1;
    run.latencies = malloc(run.count * sizeof(*run.latencies));
    if (!run.latencies)
        return -ENOMEM;
    memset(run.latencies, 0, run.count * sizeof(*run.latencies));
    r = it->parameter->one_cpu ? pin_to_one_cpu() : 0;
    if (r >= 0)
        r = perform(it->implementation, &run, &wall, &cpu);
    for (m = 0; r >= 0 && measures[m].unit; m++) {
        values[m] = value_of(&measures[m], &run, wall, cpu);
        if (measures[m].scale > 0)
            values[m] /= measures[m].scale;
        if (!isfinite(values[m]))
            r = -ENODATA;
    }
    free(run.latencies);
    return r;
}

static int leave_the_parent(void)
{
    if (setpgid(0, 0) < 0 || signal(SIGPIPE, SIG_DFL) == SIG_ERR ||
        sigprocmask(SIG_SETMASK, &former_mask, NULL) < 0 ||
        !freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout))
        return -errno;
    return 0;
}

/* --- in the parent --- */

static int wait_for_answer(int fd, answer *reply)
{
    struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
                            { .fd = stop_fd, .events = POLLIN } };
    int ready;

    do
        ready = poll(fds, 2, HANGS_AFTER_MS);
    while (ready < 0 && errno == EINTR); /* stopped and continued */
    if (ready <= 0)
        return ready < 0 ? -errno : -ETIMEDOUT;
    if (fds[1].revents)
        return 1;
    if (read(fd, reply, sizeof(*reply)) != sizeof(*reply))
        return -ECHILD;
    return reply->error < 0 ? reply->error : 0;
}

/* Returns only in the parent. */
static pid_t start(const measurement *it, int fd)
{
    pid_t child = fork();
    answer reply;

    if (child != 0)
        return child;
    memset(&reply, 0, sizeof(reply));
    reply.error = leave_the_parent();
    if (reply.error >= 0)
        reply.error = measure(it, reply.values);
    if (write(fd, &reply, sizeof(reply)) != sizeof(reply))
        _exit(EXIT_FAILURE);
    _exit(EXIT_SUCCESS);
}

int measure_once(const measurement *it, double values[BENCH_MEASURES])
{
    answer reply = { .error = 0 };
    int fds[2], r;
    pid_t child;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    child = start(it, fds[1]);
    r = child < 0 ? -errno : 0;
    (void)close(fds[1]);
    if (child > 0) {
        (void)setpgid(child, child); /* whoever of the two comes first */
        r = wait_for_answer(fds[0], &reply);
        (void)kill(-child, SIGKILL);
        if (waitpid(child, NULL, 0) < 0)
            r = -errno;
    }
    (void)close(fds[0]);
    memcpy(values, reply.values, sizeof(reply.values));
    return r;
}

int bench_begin(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action;
    sigset_t stop;
    size_t i;

    if (stop_fd >= 0)
        return 0;
    if (sigemptyset(&stop) < 0)
        return -errno;
    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (sigaction(signals[i], NULL, &action) < 0 ||
            (action.sa_handler != SIG_IGN && sigaddset(&stop, signals[i]) < 0))
            return -errno;
    if (sigprocmask(SIG_BLOCK, &stop, &former_mask) < 0)
        return -errno;
    stop_fd = signalfd(-1, &stop, SFD_CLOEXEC);
    return stop_fd < 0 ? -errno : 0;
}
