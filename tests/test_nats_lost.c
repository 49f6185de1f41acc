/* SPDX-License-Identifier: MIT */
/* Calls whose server is another process, which is killed. */

#include <config.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nats_job.h"
#include "nats_server.h"
#include "testing.h"

static int begin_and_stay(em_baton *baton, void *data)
{
    (void)data;
    (void)em_nats_progress(baton, "began", 5);
    (void)pause();
    return 0;
}

static pid_t fork_server(void)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    assert_ok(em_loop_new(NULL, &loop));
    b = connect_to(server_url());
    (void)serve_on(b, "stay", begin_and_stay, NULL);
    run();
    _exit(0);
}

static void on_began(em_nats_call *c, const em_nats_bytes *item, void *data)
{
    (void)c, (void)item;
    ++*(int *)data;
}

/* Again and again until the child has subscribed. */
static void call_until_it_began(int *began)
{
    while (*began == 0) {
        int before = answered;

        assert_ok(em_nats_run(a,
                              EM_OPTIONS(em_nats_run_options, .subject = "stay",
                                         .after = mark_after,
                                         .progress = on_began, .data = began),
                              NULL));
        while (*began == 0 && answered == before)
            ck_assert_int_ge(em_loop_run(loop, EM_RUN_ONCE), 0);
    }
    (void)take_marks();
    answered = 0;
}

TEST(a_server_that_is_killed_resets_its_calls)
{
    int began = 0;
    pid_t child;

    assert_ok(em_loop_new(NULL, &loop));
    server_start(NULL, NULL);
    child = fork_server();
    a = connected();
    call_until_it_began(&began);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    run_until_answered(1);
    assert_marks("-104");
    finish();
}

/* Those who are left do not have it, and say nothing. */
TEST(a_server_that_is_killed_among_others_resets_its_calls)
{
    int began = 0;
    pid_t child;

    assert_ok(em_loop_new(NULL, &loop));
    server_start(NULL, NULL);
    child = fork_server();
    a = connected();
    b = connected();
    (void)serve_on(b, "stay", echo, NULL);
    call_until_it_began(&began);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    run_until_answered(1);
    assert_marks("-104");
    finish();
}

static bool is_told_so(void)
{
    return em_nats_run(a, EM_OPTIONS(em_nats_run_options, .subject = "x"),
                       NULL) == -ECHILD &&
           em_nats_serve(
               a,
               EM_OPTIONS(em_nats_serve_options, .subject = "x", .work = echo),
               NULL) == -ECHILD;
}

/* The child ends as another program, lest valgrind looks for what only libnats'
 * threads know of, which it does not have. */
TEST(a_child_that_was_forked_is_told_so)
{
    int status;
    pid_t pid;

    begin();
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (is_told_so())
            (void)execl("/bin/true", "true", NULL);
        _exit(1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    finish();
}

NATS_SUITE("nats_lost", a_server_that_is_killed_resets_its_calls,
           a_server_that_is_killed_among_others_resets_its_calls,
           a_child_that_was_forked_is_told_so);
