/* SPDX-License-Identifier: MIT */
/* Batons that run on another connection. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats_job.h"
#include "nats_server.h"
#include "testing.h"

enum { MANY = 10000 };

TEST(a_work_elsewhere_gets_its_data_and_its_result_comes_back)
{
    begin();
    (void)serve("echo", echo, NULL);
    (void)call("echo", "hello");
    ck_assert_str_eq(take_marks(), ""); /* never from inside */
    run_until_answered(1);
    (void)call("echo", "");
    run_until_answered(2);
    assert_marks("7 echo:hello 7");
    finish();
}

static int say_all(em_baton *baton, void *data)
{
    em_nats_job *job = data;

    ck_assert_str_eq(job->subject, "tell.all");
    ck_assert_ptr_null(job->id);
    ck_assert_uint_eq(job->attempt, 1);
    ck_assert_str_eq(job->user, "user");
    assert_ok(em_nats_progress(baton, "one", 3));
    assert_ok(em_nats_progress(baton, "two", 3));
    assert_ok(em_nats_progress(baton, "three", 5));
    assert_ok(em_nats_append(job->result, "do", 2));
    assert_ok(em_nats_append(job->result, "ne", 2));
    return -EDOM;
}

static void end_data(void *data)
{
    mark(data);
}

TEST(items_come_in_order_before_the_end_and_an_error_to_the_owner)
{
    em_emitter *owner;

    begin();
    owner = new_emitter();
    assert_ok(em_on(owner, "error", note_error, NULL));
    assert_ok(
        em_nats_serve(b,
                      EM_OPTIONS(em_nats_serve_options, .subject = "tell.*",
                                 .work = say_all, .data = (void *)"user",
                                 .free_data = end_data, .priority = 4),
                      NULL));
    settle();
    assert_ok(
        em_nats_run(a,
                    EM_OPTIONS(em_nats_run_options, .subject = "tell.all",
                               .after = mark_after, .progress = mark_item,
                               .data = (void *)"data", .free_data = end_data,
                               .owner = owner, .error_to_owner = true),
                    NULL));
    em_unref(owner); /* the call holds it */
    run_until_answered(1);
    assert_marks("one two three -33 tell.all:done error -33 data");
    finish();
    assert_marks("user");
}

TEST(that_nobody_serves_is_known_at_once)
{
    begin();
    (void)call("nowhere", "x");
    (void)serve_on(a, "own", echo, NULL);
    settle();
    (void)call("own", "x");
    run_until_answered(2);
    assert_marks("-113 -113");
    finish();
}

typedef struct sharer {
    atomic_int jobs;
} sharer;

static int count_job(em_baton *baton, void *data)
{
    em_nats_job *job = data;

    atomic_fetch_add(&((sharer *)job->user)->jobs, 1);
    return echo(baton, data);
}

static int answers[MANY];

static void note_answer(em_nats_call *c, int status,
                        const em_nats_bytes *result, void *data)
{
    int number;

    (void)c;
    ck_assert_int_eq(status, 7);
    ck_assert_uint_eq(result->size, sizeof(number));
    memcpy(&number, result->data, sizeof(number));
    ck_assert_ptr_eq(data, &answers[number]);
    answers[number]++;
    answered++;
}

static void call_many(void)
{
    int i;

    for (i = 0; i < MANY; i++) {
        assert_ok(
            em_nats_run(a,
                        EM_OPTIONS(em_nats_run_options, .subject = "share",
                                   .payload = &i, .payload_size = sizeof(i),
                                   .after = note_answer, .data = &answers[i]),
                        NULL));
    }
    run_until_answered(MANY);
    for (i = 0; i < MANY; i++)
        ck_assert_int_eq(answers[i], 1);
}

TEST(two_servers_share_many_calls_and_each_is_answered_once)
{
    sharer first = { 0 }, second = { 0 };
    em_nats *c;

    begin();
    c = connected();
    (void)serve_on(c, "share", count_job, &second);
    (void)serve("share", count_job, &first);
    call_many();
    ck_assert_int_gt(atomic_load(&first.jobs), MANY / 4);
    ck_assert_int_gt(atomic_load(&second.jobs), MANY / 4);
    ck_assert_int_eq(first.jobs + second.jobs, MANY);
    em_nats_free(c);
    finish();
}

TEST(more_jobs_than_a_server_takes_are_refused)
{
    gate g;

    begin();
    gate_open(&g);
    assert_ok(
        em_nats_serve(b,
                      EM_OPTIONS(em_nats_serve_options, .subject = "gate",
                                 .work = pass_gate, .data = &g, .limit = 1),
                      NULL));
    settle();
    (void)call("gate", "first");
    (void)call("gate", "second");
    run_until_answered(1);
    assert_marks("-11");
    (void)sem_post(&g.go);
    run_until_answered(2);
    assert_marks("7 gate:first");
    finish();
    gate_close(&g);
}

TEST(a_pool_that_takes_no_more_is_an_answer)
{
    em_pool *pool;

    begin();
    assert_ok(em_pool_new(NULL, &pool));
    assert_ok(em_nats_serve(b,
                            EM_OPTIONS(em_nats_serve_options, .subject = "echo",
                                       .work = echo, .pool = pool),
                            NULL));
    settle();
    (void)call("echo", "x");
    run_until_answered(1);
    (void)em_pool_shutdown(pool, 0);
    (void)call("echo", "y");
    run_until_answered(2);
    assert_marks("7 echo:x -108");
    finish();
    em_pool_free(pool);
}

static char large[2 << 20];

static int say_too_much(em_baton *baton, void *data)
{
    em_nats_job *job = data;

    assert_error(-EMSGSIZE, em_nats_progress(baton, large, sizeof(large)));
    assert_error(-EMSGSIZE, em_nats_progress(baton, large, (1 << 20) - 9));
    assert_ok(em_nats_append(job->result, large, job->size ? 1 << 20 : 0));
    return 0;
}

TEST(more_than_nats_takes_is_refused_or_told)
{
    begin();
    (void)serve("much", say_too_much, NULL);
    assert_error(
        -EMSGSIZE,
        em_nats_run(a,
                    EM_OPTIONS(em_nats_run_options, .subject = "much",
                               .payload = large, .payload_size = (1 << 20) - 1),
                    NULL));
    (void)call("much", "");
    (void)call("much", "x");
    run_until_answered(2);
    assert_marks("0 -90");
    finish();
}

TEST(what_was_taken_before_unserve_is_answered_and_no_more_is_taken)
{
    em_nats_service *service;
    gate g;

    begin();
    gate_open(&g);
    service = serve("gate", pass_gate, &g);
    (void)call("gate", "x");
    while (sem_trywait(&g.began) < 0)
        (void)em_loop_run(loop, EM_RUN_ONCE);
    em_nats_unserve(service);
    settle();
    (void)call("gate", "y");
    run_until_answered(1);
    (void)sem_post(&g.go);
    run_until_answered(2);
    assert_marks("-113 7 gate:x");
    em_nats_unserve(NULL);
    finish();
    gate_close(&g);
}

TEST(a_service_may_come_before_the_connection)
{
    begin();
    em_nats_free(b);
    b = connect_to(server_url());
    (void)serve_on(b, "early", echo, NULL);
    assert_error(
        -ENOTCONN,
        em_nats_run(b, EM_OPTIONS(em_nats_run_options, .subject = "x"), NULL));
    run_until(em_nats_emitter(b), "connect");
    settle();
    (void)call("early", "x");
    run_until_answered(1);
    assert_marks("7 early:x");
    finish();
}

TEST(a_call_without_anybody_who_listens_is_well)
{
    begin();
    (void)serve("tell.all", say_all, (void *)"user");
    assert_ok(em_nats_run(
        a, EM_OPTIONS(em_nats_run_options, .subject = "tell.all"), NULL));
    (void)call("nowhere", "");
    run_until_answered(1);
    assert_marks("-113");
    finish();
}

static int progress_of_another(em_baton *baton, void *data)
{
    (void)data;
    assert_error(-EINVAL, em_nats_progress(baton, "x", 1));
    assert_error(-EINVAL, em_nats_progress(NULL, "x", 1));
    return 0;
}

static int progress_of_nothing(em_baton *baton, void *data)
{
    (void)data;
    assert_error(-EINVAL, em_nats_progress(baton, NULL, 1));
    assert_ok(em_nats_progress(baton, NULL, 0));
    return 0;
}

TEST(nonsense_is_refused)
{
    em_emitter *stray;

    begin();
    assert_ok(em_emitter_new(NULL, &stray));
#define SERVE(nats, ...) \
    em_nats_serve(nats, EM_OPTIONS(em_nats_serve_options, __VA_ARGS__), NULL)
#define RUN(nats, ...) \
    em_nats_run(nats, EM_OPTIONS(em_nats_run_options, __VA_ARGS__), NULL)
    assert_error(-EINVAL, em_nats_serve(b, NULL, NULL));
    assert_error(-EINVAL, em_nats_run(b, NULL, NULL));
    assert_error(-EINVAL, SERVE(NULL, .subject = "x", .work = echo));
    assert_error(-EINVAL, SERVE(b, .subject = "x"));
    assert_error(-EINVAL, SERVE(b, .subject = "x..y", .work = echo));
    assert_error(-EINVAL, SERVE(b, .work = echo));
    assert_error(-EINVAL,
                 SERVE(b, .subject = "x", .work = echo, .group = "a b"));
    assert_error(-EINVAL,
                 SERVE(b, .subject = "x", .work = echo, .priority = 5));
    assert_error(-EINVAL, RUN(NULL, .subject = "x"));
    assert_error(-EINVAL, RUN(a, .subject = NULL));
    assert_error(-EINVAL, RUN(a, .subject = "x.*"));
    assert_error(-EINVAL, RUN(a, .subject = "x", .payload_size = 1));
    assert_error(-EINVAL, RUN(a, .subject = "x", .error_to_owner = true));
    assert_error(-EINVAL, RUN(a, .subject = "x", .owner = stray));
    assert_error(-EINVAL, em_nats_cancel(NULL));
    em_unref(stray);
    assert_ok(em_baton_run(loop, progress_of_another, NULL, NULL));
    (void)serve("nothing", progress_of_nothing, NULL);
    (void)call("nothing", "");
    run_until_answered(1);
    assert_marks("0");
    finish();
}

NATS_SUITE("nats_baton",
           a_work_elsewhere_gets_its_data_and_its_result_comes_back,
           items_come_in_order_before_the_end_and_an_error_to_the_owner,
           that_nobody_serves_is_known_at_once,
           two_servers_share_many_calls_and_each_is_answered_once,
           more_jobs_than_a_server_takes_are_refused,
           a_pool_that_takes_no_more_is_an_answer,
           more_than_nats_takes_is_refused_or_told,
           what_was_taken_before_unserve_is_answered_and_no_more_is_taken,
           a_service_may_come_before_the_connection,
           a_call_without_anybody_who_listens_is_well, nonsense_is_refused);
