/* SPDX-License-Identifier: MIT */
/* How calls end that are not simply answered. */

#include <config.h>

#include <nats/nats.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "nats_job.h"
#include "nats_server.h"
#include "testing.h"

static void wait_for(sem_t *sem)
{
    while (sem_trywait(sem) < 0)
        ck_assert_int_ge(em_loop_run(loop, EM_RUN_NOWAIT), 0);
}

TEST(a_cancel_travels_to_a_work_that_runs)
{
    em_nats_call *c;
    gate g;

    begin();
    gate_open(&g);
    (void)serve("gate", pass_gate, &g);
    c = call("gate", "x");
    wait_for(&g.began);
    assert_error(-EBUSY, em_nats_cancel(c));
    assert_error(-EALREADY, em_nats_cancel(c));
    ck_assert_int_eq(answered, 0);
    run_until_answered(1);
    assert_marks("-125");
    finish();
    gate_close(&g);
}

TEST(a_job_that_is_cancelled_in_the_queue_never_runs)
{
    em_nats_call *c;
    em_pool *pool;
    gate g;

    begin();
    gate_open(&g);
    assert_ok(
        em_pool_new(EM_OPTIONS(em_pool_options, .max_threads = 1), &pool));
    assert_ok(
        em_nats_serve(b,
                      EM_OPTIONS(em_nats_serve_options, .subject = "gate",
                                 .work = pass_gate, .data = &g, .pool = pool),
                      NULL));
    settle();
    (void)call("gate", "first");
    wait_for(&g.began);
    c = call("gate", "second");
    assert_error(-EBUSY, em_nats_cancel(c));
    run_until_answered(1);
    assert_marks("-125");
    (void)sem_post(&g.go);
    run_until_answered(2);
    assert_marks("7 gate:first");
    ck_assert_int_eq(atomic_load(&g.runs), 1);
    finish();
    em_pool_free(pool);
    gate_close(&g);
}

TEST(time_that_passes_ends_a_call_and_its_late_answer_is_dropped)
{
    gate g;

    begin();
    gate_open(&g);
    (void)serve("gate", pass_gate, &g);
    (void)call_within("gate", "x", 20);
    run_until_answered(1);
    assert_marks("-110");
    settle();
    ck_assert_int_eq(answered, 1);
    finish();
    gate_close(&g);
}

TEST(a_nats_server_that_dies_resets_what_it_had_and_what_waits_is_sent_later)
{
    em_nats_call *waits, *withdrawn;
    gate g;

    begin();
    gate_open(&g);
    (void)serve("gate", pass_gate, &g);
    (void)serve("echo", echo, NULL);
    (void)call("gate", "x");
    wait_for(&g.began);
    server_kill(SIGKILL);
    run_until_answered(1);
    assert_marks("-104");
    waits = call("echo", "later");
    withdrawn = call("echo", "never");
    assert_ok(em_nats_cancel(withdrawn));
    assert_error(-EALREADY, em_nats_cancel(withdrawn));
    ck_assert_int_eq(answered, 1);
    run_until_answered(2);
    assert_marks("-125");
    (void)waits;
    (void)sem_post(&g.go); /* its answer is late */
    server_start(NULL, NULL);
    run_until_answered(3);
    ck_assert_int_eq(answered, 3);
    (void)take_marks(); /* its server may be back by then, or not yet */
    finish();
    gate_close(&g);
}

TEST(a_connection_that_closes_ends_its_calls)
{
    gate g;

    begin();
    gate_open(&g);
    (void)serve("gate", pass_gate, &g);
    (void)call("gate", "x");
    wait_for(&g.began);
    em_nats_close(a);
    ck_assert_int_eq(answered, 0);
    assert_error(
        -ESHUTDOWN,
        em_nats_run(a, EM_OPTIONS(em_nats_run_options, .subject = "x"), NULL));
    assert_error(-ESHUTDOWN,
                 em_nats_serve(a,
                               EM_OPTIONS(em_nats_serve_options, .subject = "x",
                                          .work = echo),
                               NULL));
    run_until_answered(1);
    assert_marks("-108");
    (void)sem_post(&g.go);
    finish();
    gate_close(&g);
}

static void let_go(em_nats_call *c, int status, const em_nats_bytes *result,
                   void *data)
{
    (void)data;
    mark_after(c, status, result, NULL);
    em_nats_free(a);
    a = NULL;
}

TEST(a_connection_may_be_let_go_in_an_after)
{
    int i;

    begin();
    (void)serve("echo", echo, NULL);
    for (i = 0; i < 3; i++) {
        assert_ok(em_nats_run(a,
                              EM_OPTIONS(em_nats_run_options, .subject = "echo",
                                         .after = i == 0 ? let_go : mark_after),
                              NULL));
        if (i == 0)
            (void)call("nowhere", "x");
    }
    run_until_answered(4);
    finish();
    ck_assert_int_eq(answered, 4);
    (void)take_marks();
}

TEST(a_server_that_closes_says_so_to_its_callers)
{
    gate g;

    begin();
    gate_open(&g);
    (void)serve("gate", pass_gate, &g);
    (void)call("gate", "x");
    wait_for(&g.began);
    em_nats_close(b);
    run_until_answered(1);
    assert_marks("-104");
    finish();
    gate_close(&g);
}

TEST(a_loop_that_is_freed_ends_its_calls)
{
    begin();
    em_nats_free(b);
    (void)call("nowhere", "x");
    em_loop_free(loop);
    ck_assert_int_eq(answered, 1);
    assert_marks("-108");
    em_nats_free(a);
    a = b = NULL;
    loop = NULL;
    server_end();
    (void)nats_CloseAndWait(0);
}

/* --- two loops, each on a thread --- */

typedef struct side {
    em_loop *loop;
    em_nats *nats;
    const char *url;
    int left;
} side;

static void call_again(side *s);

static void on_echo(em_nats_call *c, int status, const em_nats_bytes *result,
                    void *data)
{
    side *s = data;

    (void)c;
    ck_assert(status == -EHOSTUNREACH || (status == 7 && result->size == 5));
    s->left -= status == 7;
    if (s->left > 0)
        call_again(s);
    else
        em_nats_close(s->nats);
}

static void call_again(side *s)
{
    assert_ok(em_nats_run(s->nats,
                          EM_OPTIONS(em_nats_run_options, .subject = "echo",
                                     .payload = "hello", .payload_size = 5,
                                     .after = on_echo, .data = s),
                          NULL));
}

static void start_calls(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    call_again(data);
}

static void *run_caller(void *data)
{
    side *s = data;

    assert_ok(em_loop_new(NULL, &s->loop));
    assert_ok(em_nats_connect(
        s->loop,
        EM_OPTIONS(em_nats_options, .servers = &s->url, .server_count = 1),
        &s->nats));
    assert_ok(em_on(em_nats_emitter(s->nats), "connect", start_calls, s));
    (void)em_loop_run(s->loop, EM_RUN_DEFAULT);
    em_nats_free(s->nats);
    em_loop_free(s->loop);
    return NULL;
}

TEST(loops_on_two_threads_call_each_its_own_way)
{
    side sides[2] = { { .left = 500 }, { .left = 500 } };
    pthread_t threads[2];
    const char *url;
    int i;

    begin();
    url = server_url(); /* written by this call */
    (void)serve("echo", echo, NULL);
    for (i = 0; i < 2; i++) {
        sides[i].url = url;
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, run_caller, &sides[i]), 0);
    }
    while (pthread_tryjoin_np(threads[0], NULL) != 0)
        (void)em_loop_run(loop, EM_RUN_NOWAIT);
    while (pthread_tryjoin_np(threads[1], NULL) != 0)
        (void)em_loop_run(loop, EM_RUN_NOWAIT);
    ck_assert_int_eq(sides[0].left + sides[1].left, 0);
    finish();
}

NATS_SUITE(
    "nats_call", a_cancel_travels_to_a_work_that_runs,
    a_job_that_is_cancelled_in_the_queue_never_runs,
    time_that_passes_ends_a_call_and_its_late_answer_is_dropped,
    a_nats_server_that_dies_resets_what_it_had_and_what_waits_is_sent_later,
    a_connection_that_closes_ends_its_calls,
    a_connection_may_be_let_go_in_an_after,
    a_server_that_closes_says_so_to_its_callers,
    a_loop_that_is_freed_ends_its_calls,
    loops_on_two_threads_call_each_its_own_way);
