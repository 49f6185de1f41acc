/* SPDX-License-Identifier: MIT */
/* Scenario: a program that uses all parts, for scripts/faults to make its
 * system calls fail from outside.
 *
 * Each function may refuse, with an errno that it documents.  What was accepted
 * comes back, and in the end nothing is left; else the program fails.  The two
 * writes to no descriptor show where in the trace the library's part is. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <emitter.h>

#include "baton/internal.h"

enum { BATONS = 8, POSTS = 4, MEMBERS = 5, RUNS = 50 };

/* What was accepted, and what of that came back. */
static struct {
    int batons, posts, timers, readers, children, notices, signals, groups;
} in, out;

static atomic_size_t blocks;
static const char *refused[64];
static int errors[64];
static int refusals;
static int ends[2], hold[2];
static pid_t child;

/* --- memory, counted --- */

static void *take(size_t size)
{
    void *block = malloc(size);

    if (block)
        atomic_fetch_add(&blocks, 1);
    return block;
}

static void *resize(void *old, size_t size)
{
    void *block = realloc(old, size);

    if (block && !old)
        atomic_fetch_add(&blocks, 1);
    return block;
}

static void give_back(void *block)
{
    if (block)
        atomic_fetch_sub(&blocks, 1);
    free(block);
}

/* --- what comes back --- */

/* Whether the call was accepted. */
static bool ask(const char *call, int r)
{
    if (r >= 0)
        return true;
    if (refusals < 64) {
        refused[refusals] = call;
        errors[refusals++] = r;
    }
    return false;
}

#define ASK(call) ask(#call, call)

static int work(em_baton *baton, void *data)
{
    (void)em_baton_progress(baton, data, NULL);
    return 0;
}

static void progress(em_baton *baton, void *item, void *data)
{
    (void)baton, (void)item, (void)data;
}

static void after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)status, (void)data;
    out.batons++;
}

static void posted(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    out.posts++;
}

static void task(em_loop *loop, void *data)
{
    (void)loop, (void)data;
    out.posts++;
}

static void fired(em_source *source, void *data)
{
    (void)source, (void)data;
    out.timers++;
}

static void readable(em_source *source, int fd, unsigned events, void *data)
{
    (void)fd, (void)events, (void)data;
    out.readers++;
    em_source_remove(source);
}

static void ended(em_source *source, pid_t pid, int status, void *data)
{
    (void)pid, (void)status, (void)data;
    out.children++;
    em_source_remove(source);
}

static void noticed(em_source *source, void *data)
{
    (void)data;
    out.notices++;
    em_source_remove(source);
}

static void signalled(em_source *source, int signo, void *data)
{
    (void)signo, (void)data;
    out.signals++;
    em_source_remove(source);
}

static int feed(em_group *group, em_baton_options *next, void *data)
{
    int *left = data;

    (void)group;
    if (*left == 0)
        return 0;
    --*left;
    next->work = work;
    return 1;
}

static void grouped(em_group *group, int status, void *data)
{
    (void)group, (void)status, (void)data;
    out.groups++;
}

/* --- each part --- */

static void use_batons(em_loop *loop, em_pool *pool)
{
    static int left;
    em_group *group;
    int i;

    for (i = 0; i < BATONS; i++)
        in.batons += ASK(em_baton_start(
            loop,
            EM_OPTIONS(em_baton_options, .work = work, .after = after,
                       .progress = progress, .data = &in,
                       .pool = i % 2 ? pool : NULL, .key = i < 4 ? &in : NULL,
                       .timeout_ms = 60000),
            NULL));
    left = MEMBERS;
    in.groups += ASK(em_group_new(loop,
                                  EM_OPTIONS(em_group_options, .next = feed,
                                             .done = grouped, .data = &left),
                                  &group));
}

static void use_sources(em_loop *loop)
{
    em_source *source;

    if (ASK(em_loop_add_timer(loop, 1, 0, fired, NULL, NULL)))
        in.timers++;
    in.readers +=
        ASK(em_loop_add_fd(loop, ends[0], EM_READABLE, readable, NULL, NULL));
    if (ASK(em_loop_add_child(loop, child, ended, NULL, &source)))
        in.children++;
    if (ASK(em_loop_add_notify(loop, noticed, NULL, &source))) {
        in.notices++;
        (void)ASK(em_source_notify(source));
    }
    if (ASK(em_loop_add_signal(loop, SIGUSR1, signalled, NULL, &source))) {
        in.signals++;
        (void)raise(SIGUSR1);
    }
}

static void use_emitter(em_loop *loop)
{
    em_emitter *emitter;
    int i;

    if (!ASK(em_emitter_new(loop, &emitter)))
        return;
    if (ASK(em_on(emitter, "posted", posted, NULL))) {
        for (i = 0; i < POSTS; i++)
            in.posts += ASK(em_post(emitter, "posted", NULL, NULL));
    }
    in.posts += ASK(em_loop_post(loop, task, NULL));
    in.posts += ASK(em_loop_defer(loop, task, NULL));
    em_unref(emitter);
}

static void use_all(void)
{
    em_pool *pool = NULL;
    em_loop *loop;
    int i, r = 1;

    if (!ASK(em_loop_new(NULL, &loop)))
        return;
    (void)em_loop_fd(loop);
    (void)ASK(
        em_pool_new(EM_OPTIONS(em_pool_options, .max_threads = 2), &pool));
    use_sources(loop);
    use_emitter(loop);
    if (pool)
        use_batons(loop, pool);
    (void)close(hold[1]); /* the child ends */
    hold[1] = -1;
    for (i = 0; i < RUNS && r != 0; i++) {
        r = em_loop_run(loop, EM_RUN_DEFAULT);
        (void)ask("em_loop_run", r);
    }
    em_loop_free(loop);
    if (pool)
        (void)ASK(em_pool_shutdown(pool, UINT64_MAX));
    em_pool_free(pool);
    em__default_end();
}

/* --- the account --- */

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

static void wait_for_threads(int before)
{
    time_t give_up = time(NULL) + 10;

    while ((count_entries("/proc/self/task") > before ||
            atomic_load(&blocks) > 0) &&
           time(NULL) < give_up)
        (void)sched_yield();
}

static bool is_settled(const char *what, int accepted, int came_back)
{
    if (accepted != came_back)
        printf("LOST: %d of %d %s\n", accepted - came_back, accepted, what);
    return accepted == came_back;
}

static bool settle(void)
{
    bool fine = is_settled("batons", in.batons, out.batons);

    fine = is_settled("posts", in.posts, out.posts) && fine;
    fine = is_settled("timers", in.timers, out.timers) && fine;
    fine = is_settled("readers", in.readers, out.readers) && fine;
    fine = is_settled("children", in.children, out.children) && fine;
    fine = is_settled("notices", in.notices, out.notices) && fine;
    fine = is_settled("signals", in.signals, out.signals) && fine;
    fine = is_settled("groups", in.groups, out.groups) && fine;
    return fine;
}

static void prepare(void)
{
    if (pipe(ends) < 0 || pipe(hold) < 0)
        exit(EXIT_FAILURE);
    while (write(ends[1], "x", 1) !=
           1) /* a fault for all threads hits it too */
        ;
    child = fork();
    if (child == 0) {
        char byte;

        (void)close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    (void)em_set_allocator(take, resize, give_back);
}

int main(void)
{
    int fds, threads, i;
    bool fine;

    prepare();
    fds = count_entries("/proc/self/fd");
    threads = count_entries("/proc/self/task");
    (void)!write(-1, "begin", 5);
    use_all();
    (void)!write(-1, "end", 3);
    if (hold[1] >= 0) /* the child's end */
        (void)close(hold[1]);
    fds--;
    (void)waitpid(child, NULL, 0);
    wait_for_threads(threads);
    fine = settle();
    if (count_entries("/proc/self/task") > threads) {
        printf("LEAK: threads\n");
        fine = false;
    }
    if (atomic_load(&blocks) > 0) {
        printf("LEAK: memory\n");
        fine = false;
    }
    if (count_entries("/proc/self/fd") != fds) {
        printf("LEAK: descriptors\n");
        fine = false;
    }
    for (i = 0; i < refusals; i++)
        printf("refused: %.*s %s\n", (int)strcspn(refused[i], "("), refused[i],
               em_strerror(errors[i]));
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
