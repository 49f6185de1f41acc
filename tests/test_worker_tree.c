/* SPDX-License-Identifier: MIT */
/* Workers whose parent dies.
 *
 * The parent is a child of the test, which adopts what it leaves behind, and so
 * learns how that ended.  All of them have one end of a pipe. */

#include <config.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers.h"

static int ends[2];

/* --- workers --- */

static int report_and_hang(em_loop *own, em_worker *parent, void *data)
{
    (void)!write(ends[1], "up ", 3);
    return hang(own, parent, data);
}

static int report_and_idle(em_loop *own, em_worker *parent, void *data)
{
    (void)!write(ends[1], "up ", 3);
    return idle(own, parent, data);
}

static void write_event(em_emitter *emitter, void *arg, void *data)
{
    const char *event = em_event(emitter);

    (void)arg, (void)data;
    (void)!write(ends[1], event, strlen(event));
}

static int report_disconnect(em_loop *own, em_worker *parent, void *data)
{
    (void)data;
    if (em_on(em_worker_emitter(parent), "disconnect", write_event, NULL) < 0)
        return 1;
    (void)!write(ends[1], "up ", 3);
    return em_loop_run(own, EM_RUN_DEFAULT) == 0 ? 4 : 1;
}

static void note_signal(em_source *source, int signo, void *data)
{
    (void)source, (void)signo;
    *(bool *)data = true;
}

/* The signal comes before the end of the channel is seen, or after: then what
 * catches it has to be there still. */
static int catch_signal(em_loop *own, em_worker *parent, void *data)
{
    bool caught = false;
    em_source *source;
    int r;

    if (em_loop_add_signal(own, SIGTERM, note_signal, &caught, &source) < 0)
        return 1;
    em_source_unref(source);
    r = report_disconnect(own, parent, data);
    em_source_ref(source);
    while (!caught)
        (void)em_loop_run(own, EM_RUN_ONCE);
    return r;
}

/* Has a worker of its own. */
static int branch(em_loop *own, em_worker *parent, void *data)
{
    em_worker *worker;

    (void)parent, (void)data;
    if (em_worker_spawn(own,
                        EM_OPTIONS(em_worker_options, .main = report_and_hang,
                                   .keep_fds = &ends[1], .keep_count = 1),
                        &worker) < 0)
        return 1;
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return 0;
}

/* --- the parent --- */

static const em_worker_options *wanted;

static void *be_parent(void *data)
{
    em_worker *worker;
    em_loop *own;

    if (em_loop_new(NULL, &own) < 0 ||
        em_worker_spawn(own, wanted, &worker) < 0)
        _exit(1);
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return data;
}

static pid_t start(const em_worker_options *options, bool on_thread)
{
    pthread_t thread;
    pid_t pid;

    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1L), 0);
    ck_assert_int_eq(pipe(ends), 0);
    wanted = options;
    pid = fork();
    if (pid != 0)
        return pid;
    if (!on_thread)
        (void)be_parent(NULL);
    else if (pthread_create(&thread, NULL, be_parent, NULL) == 0)
        (void)pthread_join(thread, NULL);
    _exit(0);
}

static void note_status(int status)
{
    mark(WIFSIGNALED(status) ? "killed" : "exit");
    mark_number(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* All have ended when nobody can write any more. */
static void kill_parent(pid_t pid)
{
    char text[64] = "";
    size_t used = 3;
    ssize_t n;
    int status;

    (void)close(ends[1]);
    ck_assert_int_eq(read(ends[0], text, 3), 3);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    while ((n = read(ends[0], text + used, sizeof(text) - used)) > 0)
        used += (size_t)n;
    (void)close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    mark(text);
    while (waitpid(-1, &status, 0) > 0)
        note_status(status);
}

static pid_t start_main(em_worker_main_fn *main, bool on_thread)
{
    static em_worker_options options;

    options = (em_worker_options){ .size = sizeof(options),
                                   .main = main,
                                   .keep_fds = &ends[1],
                                   .keep_count = 1 };
    return start(&options, on_thread);
}

TEST(a_worker_that_never_looks_ends_with_its_parent)
{
    if (portable()) /* nobody tells it */
        return;
    kill_parent(start_main(report_and_hang, false));
    assert_marks("up  killed 15");
}

TEST(a_program_that_knows_nothing_of_it_ends_with_its_parent)
{
    static char *const argv[] = { "sh", "-c", "printf 'up '; exec sleep 1000",
                                  NULL };
    static em_worker_options options = { .size = sizeof(options),
                                         .path = "/bin/sh",
                                         .argv = argv };
    int out[2];
    pid_t pid;

    if (portable())
        return;
    ck_assert_int_eq(pipe(out), 0);
    options.stdio[1] = out[1] + 1;
    pid = start(&options, false);
    (void)close(out[1]);
    (void)close(ends[0]), (void)close(ends[1]);
    ends[0] = out[0];
    ends[1] = dup(0);
    kill_parent(pid);
    assert_marks("up  killed 15");
}

/* The kernel's signal would follow the thread. */
TEST(a_worker_that_a_thread_made_ends_by_the_end_of_its_channel)
{
    kill_parent(start_main(report_and_idle, true));
    assert_marks("up  exit 0");
}

TEST(a_worker_is_told_that_it_was_left)
{
    kill_parent(start_main(report_disconnect, true));
    assert_marks("up disconnect exit 4");
}

TEST(a_worker_that_catches_the_signal_is_told_too)
{
    if (portable()) /* there is none */
        return;
    kill_parent(start_main(catch_signal, false));
    assert_marks("up disconnect exit 4");
}

TEST(a_tree_of_workers_ends_with_its_root)
{
    kill_parent(start_main(branch, true));
    assert_marks("up  exit 0"); /* which has reaped the other */
}

SUITE("worker_tree", a_worker_that_never_looks_ends_with_its_parent,
      a_program_that_knows_nothing_of_it_ends_with_its_parent,
      a_worker_that_a_thread_made_ends_by_the_end_of_its_channel,
      a_worker_is_told_that_it_was_left,
      a_worker_that_catches_the_signal_is_told_too,
      a_tree_of_workers_ends_with_its_root);
