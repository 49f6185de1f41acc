/* SPDX-License-Identifier: MIT */
/* Soak: emitters, timers, posts, batons and workers that are killed, mixed for
 * SOAK_SECONDS (600), with work for both processors.  Each second it looks at
 * its memory, descriptors, threads and processes, which must stay as they were
 * after a tenth of the time; in the end each item that was accepted is
 * accounted for. */

#include <config.h>

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <emitter.h>

#include "workers.h"

/* Of what comes and goes: messages with descriptors and clients on their way,
 * workers that take each other's place. */
enum { SLACK_KB = 4096, SLACK_FDS = 300, SLACK_PROCESSES = 8 };
enum { POSTERS = 2, IN_FLIGHT = 256, BATCH = 64 };

static struct {
    atomic_ulong batons, cancels, posts, timers, emits;
} in, out;

static em_loop *loop;
static em_pool *pool;
static em_emitter *emitter;
static atomic_bool over;
static int in_flight;
static uint32_t seed = 20251123;

/* xorshift32, G. Marsaglia, "Xorshift RNGs", J. Stat. Software 8(14), 2003. */
uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

/* --- the mixture --- */

static int work(em_baton *baton, void *data)
{
    volatile unsigned left = 200;

    (void)baton, (void)data;
    while (left > 0)
        left--;
    return 0;
}

static void after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)status, (void)data;
    atomic_fetch_add(&out.batons, 1);
    in_flight--;
}

static void heard(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg, (void)data;
    atomic_fetch_add(&out.emits, 1);
}

static void posted(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)data;
    free(arg);
    atomic_fetch_add(&out.posts, 1);
}

static void fired(em_source *source, void *data)
{
    (void)source, (void)data;
    atomic_fetch_add(&out.timers, 1);
}

static void submit(void)
{
    em_baton *baton;

    if (em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = work,
                                  .after = after, .pool = draw(2) ? pool : NULL,
                                  .priority = (int)draw(9) - 4,
                                  .key = draw(4) ? NULL : &in,
                                  .timeout_ms = draw(8) ? 0 : 60000),
                       &baton) < 0)
        return;
    in_flight++;
    atomic_fetch_add(&in.batons, 1);
    if (draw(16) == 0 && em_baton_cancel(baton) == 0)
        atomic_fetch_add(&in.cancels, 1);
    em_baton_unref(baton);
}

static void live_and_die(void)
{
    em_emitter *e;
    char name[16];
    int i;

    if (em_emitter_new(loop, &e) < 0)
        return;
    for (i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof(name), "event %u", draw(1000));
        if (em_once(e, name, heard, NULL) < 0)
            continue;
        atomic_fetch_add(&in.emits, 1);
        (void)em_emit(e, name, NULL);
    }
    em_unref(e);
}

static void stir(em_source *source, void *data)
{
    int i;

    (void)data;
    if (atomic_load(&over)) {
        em_source_remove(source);
        return;
    }
    for (i = 0; i < BATCH && in_flight < IN_FLIGHT; i++)
        submit();
    for (i = 0; i < BATCH; i++)
        live_and_die();
    if (em_loop_add_timer(loop, draw(20), 0, fired, NULL, NULL) == 0)
        atomic_fetch_add(&in.timers, 1);
}

/* Another thread posts; what waits is bounded by what came. */
static void *post(void *data)
{
    const struct timespec moment = { 0, 1000000 };
    void *arg;

    (void)data;
    while (!atomic_load(&over)) {
        if (atomic_load(&in.posts) - atomic_load(&out.posts) > IN_FLIGHT) {
            (void)nanosleep(&moment, NULL);
            continue;
        }
        arg = malloc(16);
        if (em_post(emitter, "posted", arg, NULL) == 0)
            atomic_fetch_add(&in.posts, 1);
        else
            free(arg);
    }
    return NULL;
}

/* --- what must stay flat --- */

typedef struct sample {
    long memory_kb;
    int fds, threads, processes;
} sample;

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;

    while (directory && readdir(directory))
        count++;
    if (directory)
        (void)closedir(directory);
    return count;
}

static sample look(void)
{
    sample now = { 0, count_entries("/proc/self/fd"),
                   count_entries("/proc/self/task"), count_processes() };
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0, resident = 0;

    if (file) {
        if (fscanf(file, "%ld %ld", &pages, &resident) == 2)
            now.memory_kb = resident * (sysconf(_SC_PAGESIZE) / 1024);
        (void)fclose(file);
    }
    return now;
}

static long seconds, second;
static sample first, most;

static void watch(em_source *source, void *data)
{
    sample now = look();

    (void)data;
    second++;
    if (second <= seconds / 10 + 1)
        first = most = now;
    most.memory_kb =
        now.memory_kb > most.memory_kb ? now.memory_kb : most.memory_kb;
    most.fds = now.fds > most.fds ? now.fds : most.fds;
    most.threads = now.threads > most.threads ? now.threads : most.threads;
    most.processes =
        now.processes > most.processes ? now.processes : most.processes;
    if (second < seconds)
        return;
    atomic_store(&over, true);
    workers_end();
    em_source_remove(source);
}

static bool same(const char *what, atomic_ulong *accepted, atomic_ulong *back)
{
    unsigned long a = atomic_load(accepted), b = atomic_load(back);

    printf("%-8s %12lu accepted, %lu lost\n", what, a, a - b);
    return a == b && a > 0;
}

static bool flat(const char *what, long before, long highest, long slack)
{
    printf("%-8s %12ld at first, %ld at most\n", what, before, highest);
    return highest <= before + slack;
}

/* Threads of the pools come and go with the load, up to their limits. */
static bool settle(void)
{
    long limit = sysconf(_SC_NPROCESSORS_ONLN) + 16;
    bool fine = same("batons", &in.batons, &out.batons);

    fine = same("posts", &in.posts, &out.posts) && fine;
    fine = same("timers", &in.timers, &out.timers) && fine;
    fine = same("emits", &in.emits, &out.emits) && fine;
    fine = flat("kB", first.memory_kb, most.memory_kb, SLACK_KB) && fine;
    fine = flat("fds", first.fds, most.fds, SLACK_FDS) && fine;
    fine =
        flat("procs", first.processes, most.processes, SLACK_PROCESSES) && fine;
    return flat("threads", first.threads, most.threads, limit) && fine;
}

int main(void)
{
    const char *wish = getenv("SOAK_SECONDS");
    pthread_t posters[POSTERS];
    int fds = count_entries("/proc/self/fd"), i;
    bool fine;

    seconds = wish ? strtol(wish, NULL, 10) : 600;
    if (em_loop_new(NULL, &loop) < 0 ||
        em_pool_new(EM_OPTIONS(em_pool_options, .max_threads = 3), &pool) < 0 ||
        em_emitter_new(loop, &emitter) < 0 ||
        em_on(emitter, "posted", posted, NULL) < 0 || workers_begin(loop) < 0 ||
        em_loop_add_timer(loop, 1, 1, stir, NULL, NULL) < 0 ||
        em_loop_add_timer(loop, 1000, 1000, watch, NULL, NULL) < 0)
        return EXIT_FAILURE;
    for (i = 0; i < POSTERS; i++) {
        if (pthread_create(&posters[i], NULL, post, NULL) != 0)
            return EXIT_FAILURE;
    }
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    for (i = 0; i < POSTERS; i++)
        (void)pthread_join(posters[i], NULL);
    (void)em_loop_run(loop, EM_RUN_DEFAULT); /* their last posts */
    fine = settle();
    fine = workers_settle() && fine;
    em_unref(emitter);
    em_loop_free(loop);
    em_pool_free(pool);
    fine = flat("fds", fds, count_entries("/proc/self/fd"), 0) && fine;
    printf("%s after %ld s\n", fine ? "flat" : "NOT FLAT", seconds);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
