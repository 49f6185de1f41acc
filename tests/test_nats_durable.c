/* SPDX-License-Identifier: MIT */
/* Durable jobs: what is kept until it is done. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "nats_durable.h"
#include "testing.h"

/* --- works --- */

static int refuse(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    atomic_fetch_add(&runs, 1);
    return -EIO;
}

static int take_long(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    atomic_fetch_add(&runs, 1);
    (void)poll(NULL, 0, 1200);
    return 0;
}

static int tell_id(em_baton *baton, void *data)
{
    em_nats_job *job = data;

    (void)baton;
    return em_nats_append(job->result, job->id, strlen(job->id));
}

/* Until its baton is cancelled, which the end of its connection does. */
static int hang(em_baton *baton, void *data)
{
    (void)data;
    atomic_fetch_add(&runs, 1);
    while (!em_baton_cancelled(baton))
        (void)poll(NULL, 0, 5);
    return 0;
}

/* --- calls --- */

static void note_accepted(em_nats_call *call, void *data)
{
    (void)call, (void)data;
    mark("accepted");
}

static void stop_when_accepted(em_nats_call *call, void *data)
{
    note_accepted(call, data);
    em_loop_stop(loop);
}

static void stop_third(em_emitter *emitter, void *arg, void *data)
{
    static int looks;

    (void)emitter, (void)arg, (void)data;
    if (++looks == 3)
        em_loop_stop(loop);
}

/* All of them, which one job shows. */
static void make_streams(void)
{
    em_nats_service *service = serve(b, echo, 0, 0);

    (void)submit(a, NULL, "", "");
    run();
    (void)take_marks();
    run_until_empty("WORK");
    em_nats_unserve(service);
}

/* --- tests --- */

TEST(a_durable_job_is_accepted_then_done_and_nothing_of_it_is_left)
{
    begin_durable();
    (void)serve(b, echo, 0, 0);
    left = 1;
    assert_ok(em_nats_run(
        a,
        EM_OPTIONS(em_nats_run_options, .subject = "job", .payload = "hello",
                   .payload_size = 5, .after = note_after, .data = "after",
                   .stream = "WORK", .accepted = note_accepted),
        NULL));
    run();
    assert_marks("accepted after:hello");
    run_until_empty("WORK");
    ck_assert_uint_eq(messages_in("WORK-results"), 0);
    ck_assert_uint_eq(messages_in("WORK-dead"), 0);
    finish();
}

TEST(a_job_waits_for_a_stream_and_a_server)
{
    begin_durable();
    (void)submit(a, NULL, "early", "after");
    settle();
    (void)serve(b, echo, 0, 0);
    run();
    assert_marks("after:early");
    finish();
}

TEST(one_connection_may_do_its_own_jobs)
{
    begin_durable();
    (void)serve(a, echo, 0, 0);
    (void)submit(a, NULL, "own", "after");
    run();
    assert_marks("after:own");
    finish();
}

TEST(a_status_is_a_result_and_not_tried_again)
{
    begin_durable();
    (void)serve(b, refuse, 0, 0);
    (void)submit(a, NULL, "x", "after");
    run();
    assert_marks("after:-5");
    run_until_empty("WORK");
    ck_assert_int_eq(atomic_load(&runs), 1);
    finish();
}

TEST(jobs_of_one_id_are_one_job_and_each_call_gets_its_result)
{
    begin_durable();
    (void)serve(b, echo, 0, 0);
    (void)submit(a, "same", "1", "first");
    run();
    assert_marks("first:1");
    (void)submit(a, "same", "2", "second");
    run();
    assert_marks("second:1");
    ck_assert_int_eq(atomic_load(&runs), 1);
    finish();
}

/* JetStream still knows the id, and would not store it again. */
TEST(a_job_that_its_stream_has_lost_is_done_all_the_same)
{
    begin_durable();
    make_streams();
    left = 1;
    assert_ok(em_nats_run(a,
                          EM_OPTIONS(em_nats_run_options, .subject = "job",
                                     .payload = "x", .payload_size = 1,
                                     .after = note_after, .data = "after",
                                     .stream = "WORK", .id = "lost",
                                     .accepted = stop_when_accepted),
                          NULL));
    run();
    lose_messages_of("WORK");
    (void)serve(b, tell_id, 0, 0);
    run();
    assert_marks("accepted after:lost");
    finish();
}

TEST(a_job_that_waits_is_looked_for_and_not_submitted_again)
{
    begin_durable();
    make_streams();
    submit_for_sure(a, "waits", "x", "after");
    assert_ok(em_nats_import(b, "$JS.API.STREAM.MSG.GET.WORK",
                             em_nats_emitter(b), "look", NULL));
    assert_ok(em_on(em_nats_emitter(b), "look", stop_third, NULL));
    run();
    ck_assert_uint_eq(messages_in("WORK"), 1);
    (void)serve(b, echo, 0, 0);
    run();
    assert_marks("after:x");
    ck_assert_int_eq(atomic_load(&runs), 2);
    finish();
}

TEST(a_work_that_takes_long_is_not_given_to_another)
{
    begin_durable();
    (void)serve(a, take_long, 300, 0);
    (void)serve(b, take_long, 300, 0);
    (void)submit(a, NULL, "x", "after");
    run();
    assert_marks("after:");
    ck_assert_int_eq(atomic_load(&runs), 1);
    finish();
}

TEST(a_server_that_leaves_gives_back_what_it_had)
{
    begin_durable();
    (void)serve(b, hang, 60000, 0);
    (void)submit(a, NULL, "x", "after");
    run_until_runs(1);
    em_nats_free(b);
    b = connected();
    (void)serve(b, tell_attempt, 60000, 0);
    run();
    assert_marks("after:2");
    finish();
}

TEST(who_stops_serving_takes_no_more_but_ends_what_it_has)
{
    em_nats_service *service;

    begin_durable();
    service = serve(b, take_long, 0, 0);
    (void)submit(a, NULL, "1", "first");
    run_until_runs(1);
    em_nats_unserve(service);
    (void)submit(a, NULL, "2", "second");
    left--;
    run();
    assert_marks("first:");
    ck_assert_int_eq(atomic_load(&runs), 1);
    left++;
    (void)serve(b, echo, 0, 0);
    run();
    assert_marks("second:2");
    finish();
}

TEST(a_job_that_nobody_accepts_says_so_when_its_time_is_over)
{
    begin_durable();
    left = 1;
    assert_ok(em_nats_run(a,
                          EM_OPTIONS(em_nats_run_options, .subject = "job",
                                     .after = note_after, .data = "after",
                                     .stream = "NOWHERE", .timeout_ms = 300),
                          NULL));
    run();
    assert_marks("after:-113");
    finish();
}

TEST(a_job_that_is_withdrawn_ends_once)
{
    em_nats_call *call;

    begin_durable();
    call = submit(a, NULL, "x", "after");
    assert_error(-EBUSY, em_nats_cancel(call));
    assert_error(-EALREADY, em_nats_cancel(call));
    run();
    assert_marks("after:-125");
    finish();
}

/* It is not there for the server that comes. */
TEST(a_job_that_is_withdrawn_before_it_begins_never_runs)
{
    em_nats_call *call;

    begin_durable();
    make_streams();
    left = 1;
    assert_ok(em_nats_run(a,
                          EM_OPTIONS(em_nats_run_options, .subject = "job",
                                     .after = note_after, .data = "after",
                                     .stream = "WORK",
                                     .accepted = stop_when_accepted),
                          &call));
    run();
    ck_assert_uint_eq(messages_in("WORK"), 1);
    assert_error(-EBUSY, em_nats_cancel(call));
    run();
    assert_marks("accepted after:-125");
    run_until_empty("WORK");
    (void)serve(b, echo, 0, 0);
    (void)submit(a, NULL, "x", "next");
    run();
    assert_marks("next:x");
    ck_assert_int_eq(atomic_load(&runs), 2); /* with the one of make_streams */
    finish();
}

/* What comes back is counted, not marked: there is no room for so much. */
static void run_forgetting(void)
{
    while (left > 0) {
        ck_assert_int_eq(em_loop_run(loop, EM_RUN_ONCE), 1);
        (void)take_marks();
    }
}

TEST(many_jobs_come_back_once_each_in_whatever_order)
{
    char payload[16];
    int i;

    begin_durable();
    (void)serve(a, echo, 0, 0);
    (void)serve(b, echo, 0, 0);
    for (i = 0; i < 2000; i++) {
        (void)snprintf(payload, sizeof(payload), "%d", i);
        (void)take_marks();
        (void)submit(a, NULL, payload, "");
    }
    run_forgetting();
    ck_assert_int_eq(left, 0);
    ck_assert_int_eq(atomic_load(&runs), 2000);
    run_until_empty("WORK");
    (void)take_marks();
    finish();
}

enum { LARGE = 20000 };

static void note_large(em_nats_call *call, int status,
                       const em_nats_bytes *result, void *data)
{
    (void)call, (void)data;
    assert_ok(status);
    ck_assert_uint_eq(result->size, LARGE);
    if (--left == 0)
        em_loop_stop(loop);
}

/* More than one message, and to two inboxes, whose turns change. */
TEST(large_results_come_back_to_whoever_called)
{
    static const char payload[LARGE];
    em_nats *c;

    begin_durable();
    c = connected();
    (void)serve(b, echo, 0, 0);
    for (left = 0; left < 16; left++)
        assert_ok(
            em_nats_run(left % 4 < 2 ? a : c,
                        EM_OPTIONS(em_nats_run_options, .subject = "job",
                                   .payload = payload, .payload_size = LARGE,
                                   .after = note_large, .stream = "WORK"),
                        NULL));
    run();
    ck_assert_int_eq(left, 0);
    run_until_empty("WORK");
    ck_assert_int_eq(atomic_load(&runs), 16);
    em_nats_free(c);
    finish();
}

TEST(a_connection_that_ends_ends_its_calls)
{
    begin_durable();
    (void)submit(a, NULL, "x", "after");
    em_nats_free(a);
    a = NULL;
    run();
    assert_marks("after:-108");
    finish();
}

TEST(nonsense_is_refused)
{
    begin_durable();
    assert_error(
        -EINVAL,
        em_nats_serve(a,
                      EM_OPTIONS(em_nats_serve_options, .subject = "job",
                                 .work = echo, .stream = "a.b"),
                      NULL));
    assert_error(
        -EINVAL,
        em_nats_serve(a,
                      EM_OPTIONS(em_nats_serve_options, .subject = "job",
                                 .work = echo, .stream = "WORK", .group = "g"),
                      NULL));
    assert_error(-EINVAL,
                 em_nats_run(a,
                             EM_OPTIONS(em_nats_run_options, .subject = "job",
                                        .stream = "a%b"),
                             NULL));
    assert_error(-EINVAL,
                 em_nats_run(a,
                             EM_OPTIONS(em_nats_run_options, .subject = "job",
                                        .stream = "WORK", .id = "a.b"),
                             NULL));
    assert_error(-EINVAL, em_nats_run(a,
                                      EM_OPTIONS(em_nats_run_options,
                                                 .subject = "job", .id = "x"),
                                      NULL));
    finish();
}

NATS_SUITE("nats durable",
           a_durable_job_is_accepted_then_done_and_nothing_of_it_is_left,
           a_job_waits_for_a_stream_and_a_server,
           one_connection_may_do_its_own_jobs,
           a_status_is_a_result_and_not_tried_again,
           jobs_of_one_id_are_one_job_and_each_call_gets_its_result,
           a_job_that_its_stream_has_lost_is_done_all_the_same,
           a_job_that_waits_is_looked_for_and_not_submitted_again,
           a_work_that_takes_long_is_not_given_to_another,
           a_server_that_leaves_gives_back_what_it_had,
           who_stops_serving_takes_no_more_but_ends_what_it_has,
           a_job_that_nobody_accepts_says_so_when_its_time_is_over,
           a_job_that_is_withdrawn_ends_once,
           a_job_that_is_withdrawn_before_it_begins_never_runs,
           many_jobs_come_back_once_each_in_whatever_order,
           large_results_come_back_to_whoever_called,
           a_connection_that_ends_ends_its_calls, nonsense_is_refused);
