/* SPDX-License-Identifier: MIT */
/* Deaths: of those who do durable jobs, and of the server that keeps them. */

#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nats_durable.h"
#include "nats_server.h"
#include "testing.h"

static int die(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    (void)kill(getpid(), SIGKILL);
    return 0;
}

/* A process that serves, until it is killed by what it serves. */
static pid_t start_victim(void)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    assert_ok(em_loop_new(NULL, &loop));
    a = connected();
    (void)serve(a, die, 1000, 2);
    run();
    _exit(1);
}

static void await_death(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
}

TEST(a_job_whose_server_is_killed_is_done_by_another)
{
    pid_t victim;

    server_start("-js", NULL);
    victim = start_victim();
    assert_ok(em_loop_new(NULL, &loop));
    a = connected();
    submit_for_sure(a, NULL, "x", "after");
    await_death(victim);
    b = connected();
    (void)serve(b, tell_attempt, 1000, 2);
    run();
    assert_marks("after:2");
    run_until_empty("WORK");
    finish();
}

TEST(a_job_that_kills_its_servers_is_given_up_and_kept)
{
    pid_t victims[2];

    server_start("-js", NULL);
    victims[0] = start_victim();
    victims[1] = start_victim();
    assert_ok(em_loop_new(NULL, &loop));
    a = connected();
    submit_for_sure(a, "killer", "x", "after");
    await_death(victims[0]);
    await_death(victims[1]);
    b = connected();
    assert_ok(em_on(em_nats_emitter(b), "error", note_error, NULL));
    (void)serve(b, echo, 1000, 2);
    run();
    ck_assert_str_eq(take_marks(), "error -103 after:-103");
    run_until_empty("WORK");
    ck_assert_uint_eq(messages_in("WORK-dead"), 1);
    finish();
}

/* The server is killed with what it has accepted, and comes back. */
TEST(what_was_accepted_outlives_the_nats_server)
{
    begin_durable();
    em_nats_unserve(serve(b, echo, 0, 0)); /* makes the stream */
    submit_for_sure(a, NULL, "1", "first");
    submit_for_sure(a, NULL, "2", "second");
    server_kill(SIGKILL);
    run_until(em_nats_emitter(a), "disconnect");
    server_start("-js", NULL);
    (void)serve(b, echo, 0, 0);
    run();
    ck_assert_int_eq(left, 0);
    ck_assert_int_eq(atomic_load(&runs), 2);
    (void)take_marks();
    finish();
}

TEST(a_durable_job_that_has_not_left_can_be_withdrawn_for_good)
{
    em_nats_call *call;

    begin_durable();
    server_kill(SIGKILL);
    run_until(em_nats_emitter(a), "disconnect");
    call = submit(a, NULL, "x", "after");
    assert_ok(em_nats_cancel(call));
    run();
    assert_marks("after:-125");
    finish();
}

/* The caller comes back later than the server, whose result it missed. */
TEST(a_result_that_came_while_the_caller_was_away_is_found)
{
    const char *url;

    assert_ok(em_loop_new(NULL, &loop));
    server_start("-js", NULL);
    url = server_url();
    assert_ok(
        em_nats_connect(loop,
                        EM_OPTIONS(em_nats_options, .servers = &url,
                                   .server_count = 1, .reconnect_ms = 3000),
                        &a));
    run_until(em_nats_emitter(a), "connect");
    b = connected();
    em_nats_unserve(serve(b, echo, 0, 0));
    submit_for_sure(a, NULL, "1", "after");
    server_kill(SIGKILL);
    server_start("-js", NULL);
    run_until(em_nats_emitter(b), "reconnect");
    (void)serve(b, echo, 0, 0);
    run_until_runs(1);
    run_until_empty("WORK");
    ck_assert(!em_nats_is_connected(a));
    run();
    assert_marks("after:1");
    finish();
}

/* Copy or put back the messages of the queue, as one of a cluster's servers may
 * have them that missed what the others did. */
static void copy_messages(const char *from, const char *to)
{
    char command[256];

    (void)snprintf(command, sizeof(command),
                   "cd %s && rm -rf '%s' && cp -r '%s' '%s'",
                   server_directory(), to, from, to);
    ck_assert_int_eq(system(command), 0);
}

TEST(what_is_done_and_stays_in_the_queue_is_removed)
{
    static const char messages[] = "jetstream/$G/streams/WORK/msgs";

    begin_durable();
    (void)serve(b, echo, 0, 0);
    (void)submit(a, NULL, "1", "first");
    run();
    run_until_empty("WORK");
    em_nats_free(b);
    submit_for_sure(a, NULL, "2", "second");
    server_kill(SIGTERM);
    copy_messages(messages, "kept");
    server_start("-js", NULL);
    b = connected();
    (void)serve(b, echo, 0, 0);
    run();
    run_until_empty("WORK");
    em_nats_free(b);
    server_kill(SIGTERM);
    copy_messages("kept", messages);
    server_start("-js", NULL);
    ck_assert_uint_eq(messages_in("WORK"), 1);
    b = connected();
    (void)serve(b, echo, 0, 0);
    run_until_empty("WORK");
    ck_assert_int_eq(atomic_load(&runs), 2);
    assert_marks("first:1 second:2");
    finish();
}

NATS_SUITE("nats_deaths", a_job_whose_server_is_killed_is_done_by_another,
           a_job_that_kills_its_servers_is_given_up_and_kept,
           what_was_accepted_outlives_the_nats_server,
           a_durable_job_that_has_not_left_can_be_withdrawn_for_good,
           a_result_that_came_while_the_caller_was_away_is_found,
           what_is_done_and_stays_in_the_queue_is_removed);
