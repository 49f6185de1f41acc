/* SPDX-License-Identifier: MIT */
/* Scenario: a program that uses all parts of one process, for scripts/faults to
 * make its system calls fail from outside.
 *
 * Each function may refuse, with an errno that it documents.  What was accepted
 * comes back, and in the end nothing is left; else the program fails.  Workers
 * and clusters have a program of their own, workers.c. */

#include <config.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter.h>

#include "account.h"
#include "baton/internal.h"

enum { BATONS = 8, POSTS = 4, MEMBERS = 5, RUNS = 50 };

/* What was accepted, and what of that came back. */
static struct {
    int batons, posts, timers, readers, children, notices, signals, groups;
} in, out;

static int ends[2], hold[2];
static pid_t child;

/* --- what comes back --- */

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

static void settle(void)
{
    account_settle("batons", in.batons, out.batons);
    account_settle("posts", in.posts, out.posts);
    account_settle("timers", in.timers, out.timers);
    account_settle("readers", in.readers, out.readers);
    account_settle("children", in.children, out.children);
    account_settle("notices", in.notices, out.notices);
    account_settle("signals", in.signals, out.signals);
    account_settle("groups", in.groups, out.groups);
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
}

int main(void)
{
    prepare();
    account_begin();
    use_all();
    account_stop();
    if (hold[1] >= 0) /* the child's end */
        (void)close(hold[1]);
    (void)waitpid(child, NULL, 0);
    settle();
    return account_end(1);
}
