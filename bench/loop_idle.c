/* SPDX-License-Identifier: MIT */
/* Loop: what a loop does with a source of each kind while nothing is due. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "loop.h"

typedef struct sleeper {
    em_loop *loop;
    unsigned long ms;
} sleeper;

static void on_fd(em_source *source, int fd, unsigned events, void *data)
{
    (void)source, (void)fd, (void)events, (void)data;
}

static void on_signal(em_source *source, int signo, void *data)
{
    (void)source, (void)signo, (void)data;
}

static void on_other(em_source *source, void *data)
{
    (void)source, (void)data;
}

static int add_sources(em_loop *loop)
{
    em_source *notify;
    int ends[2];
    int r = pipe(ends) < 0 ? -errno : 0;

    if (r == 0)
        r = em_loop_add_fd(loop, ends[0], EM_READABLE, on_fd, NULL, NULL);
    if (r == 0)
        r = em_loop_add_timer(loop, 3600000, 0, on_other, NULL, NULL);
    if (r == 0)
        r = em_loop_add_signal(loop, SIGUSR1, on_signal, NULL, NULL);
    if (r == 0)
        r = em_loop_add_notify(loop, on_other, NULL, &notify);
    return r; /* the process, and so its descriptors, ends soon */
}

static void stop_later(void *data)
{
    sleeper *s = data;
    struct timespec rest = { .tv_sec = (time_t)(s->ms / 1000),
                             .tv_nsec = (long)(s->ms % 1000 * 1000000) };

    (void)nanosleep(&rest, NULL);
    em_loop_stop(s->loop);
}

static long sleeps(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) < 0 ? 0 : usage.ru_nvcsw;
}

/* count ms.  One sleep until the stop is due; each beyond it was woken from. */
int idle_em(bench_run *run)
{
    sleeper s = { .ms = run->count };
    poster other = { .step = stop_later, .data = &s, .count = 1 };
    long before;
    int r = em_loop_new(NULL, &s.loop);

    if (r < 0)
        return r;
    r = add_sources(s.loop);
    if (r == 0)
        r = poster_start(&other);
    if (r < 0)
        return r;
    before = sleeps();
    r = em_loop_run(s.loop, EM_RUN_DEFAULT);
    run->value = (double)(sleeps() - before) - 1;
    if (run->value < 0)
        run->value = 0; /* stopped before it slept */
    poster_join(&other);
    em_loop_free(s.loop);
    return r < 0 ? r : 0;
}
