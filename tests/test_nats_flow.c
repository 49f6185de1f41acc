/* SPDX-License-Identifier: MIT */
/* Messages in order, in bounds, and with a server that goes and comes. */

#include <config.h>

#include <signal.h>

#include "nats_pair.h"
#include "nats_server.h"
#include "testing.h"

enum { MANY = 20000 };

TEST(a_publishers_messages_come_in_its_order)
{
    em_emitter *to;
    numbers n = { 0, MANY };
    int i;

    begin();
    to = new_emitter();
    assert_ok(em_nats_import(b, "numbers", to, "number", NULL));
    assert_ok(em_on(to, "number", expect_next, &n));
    settle();
    for (i = 0; i < MANY; i++)
        assert_ok(em_nats_publish(a, "numbers", &i, sizeof(i)));
    run();
    ck_assert_int_eq(n.next, MANY);
    em_unref(to);
    finish();
}

static void count_one(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    ++*(int *)data;
}

TEST(a_full_queue_is_told_and_so_is_its_end)
{
    const char *url;
    em_nats *nats;
    em_emitter *to;
    int sent = 0, came = 0, r;

    begin();
    url = server_url();
    assert_ok(
        em_nats_connect(loop,
                        EM_OPTIONS(em_nats_options, .servers = &url,
                                   .server_count = 1, .queue_limit = 4096),
                        &nats));
    run_until(em_nats_emitter(nats), "connect");
    to = new_emitter();
    assert_ok(em_nats_import(b, "flood", to, "drop", NULL));
    assert_ok(em_on(to, "drop", count_one, &came));
    settle();
    assert_ok(em_on(em_nats_emitter(nats), "drain", note, "drain"));
    while ((r = em_nats_publish(nats, "flood", "12345678", 8)) == 0)
        sent++;
    ck_assert_int_eq(r, -EAGAIN);
    ck_assert_int_gt(sent, 50);
    ck_assert_uint_le(em_nats_queued(nats), 4096);
    run_until(em_nats_emitter(nats), "drain");
    ck_assert_uint_eq(em_nats_queued(nats), 0);
    assert_marks("drain");
    assert_ok(em_nats_publish(nats, "flood", "12345678", 8));
    while (came < sent + 1)
        (void)em_loop_run(loop, EM_RUN_ONCE);
    em_unref(to);
    em_nats_free(nats);
    finish();
}

TEST(what_was_published_before_close_arrives)
{
    em_emitter *to;
    numbers n = { 0, MANY };
    int i;

    begin();
    to = new_emitter();
    assert_ok(em_nats_import(b, "numbers", to, "number", NULL));
    assert_ok(em_on(to, "number", expect_next, &n));
    settle();
    for (i = 0; i < MANY; i++)
        assert_ok(em_nats_publish(a, "numbers", &i, sizeof(i)));
    em_nats_close(a);
    assert_error(-ESHUTDOWN, em_nats_publish(a, "numbers", "", 0));
    run();
    ck_assert_int_eq(n.next, MANY);
    em_unref(to);
    finish();
}

TEST(more_than_the_server_takes_is_refused)
{
    static char bytes[(1 << 20) + 1];

    begin();
    assert_error(-EMSGSIZE, em_nats_publish(a, "big", bytes, sizeof(bytes)));
    assert_ok(em_nats_publish(a, "big", bytes, sizeof(bytes) - 1));
    finish();
}

TEST(a_connection_that_broke_comes_back_with_its_subscriptions)
{
    em_emitter *to;
    numbers n = { 0, MANY };
    int i;

    begin();
    to = new_emitter();
    assert_ok(em_nats_import(b, "numbers", to, "number", NULL));
    assert_ok(em_nats_import(b, "old", to, "number", NULL));
    assert_ok(em_on(to, "number", expect_next, &n));
    settle();
    server_kill(SIGKILL);
    run_until(em_nats_emitter(b), "disconnect");
    ck_assert(!em_nats_is_connected(b));
    assert_ok(em_nats_unimport(b, "old", to, "number"));
    assert_ok(em_nats_import(b, "new", to, "number", NULL));
    server_start(NULL, NULL);
    run_until(em_nats_emitter(b), "reconnect");
    ck_assert(em_nats_is_connected(b));
    settle();
    assert_ok(em_nats_publish(a, "old", NULL, 0));
    for (i = 0; i < MANY; i++)
        assert_ok(em_nats_publish(a, "new", &i, sizeof(i)));
    run();
    ck_assert_int_eq(n.next, MANY);
    n.next = 0;
    for (i = 0; i < MANY; i++)
        assert_ok(em_nats_publish(a, "numbers", &i, sizeof(i)));
    run();
    ck_assert_int_eq(n.next, MANY);
    em_unref(to);
    finish();
}

TEST(what_is_published_while_the_server_is_away_waits_for_it)
{
    int i;

    begin();
    server_kill(SIGKILL);
    run_until(em_nats_emitter(a), "disconnect");
    for (i = 0; i < MANY; i++)
        assert_ok(em_nats_publish(a, "later", &i, sizeof(i)));
    ck_assert_uint_gt(em_nats_queued(a), MANY * sizeof(i));
    server_start(NULL, NULL);
    run_until(em_nats_emitter(a), "reconnect");
    while (em_nats_queued(a) > 0)
        (void)em_loop_run(loop, EM_RUN_ONCE);
    finish();
}

TEST(a_connection_that_does_not_come_back_is_lost_for_good)
{
    const char *url;
    em_nats *nats;

    assert_ok(em_loop_new(NULL, &loop));
    server_start(NULL, NULL);
    url = server_url();
    assert_ok(em_nats_connect(loop,
                              EM_OPTIONS(em_nats_options, .servers = &url,
                                         .server_count = 1, .reconnect_ms = 1,
                                         .reconnects = 3),
                              &nats));
    run_until(em_nats_emitter(nats), "connect");
    assert_ok(em_on(em_nats_emitter(nats), "disconnect", note, "disconnect"));
    assert_ok(em_on(em_nats_emitter(nats), "error", note_error, NULL));
    assert_ok(em_on(em_nats_emitter(nats), "close", note, "close"));
    server_kill(SIGKILL);
    run();
    assert_marks("disconnect error -107 close");
    em_nats_free(nats);
    finish();
}

TEST(a_server_that_is_about_to_leave_says_so)
{
    begin();
    assert_ok(em_on(em_nats_emitter(a), "lameduck", note, "lameduck"));
    server_kill(SIGUSR2);
    run_until(em_nats_emitter(a), "lameduck");
    assert_marks("lameduck");
    finish();
}

NATS_SUITE("nats_flow", a_publishers_messages_come_in_its_order,
           a_full_queue_is_told_and_so_is_its_end,
           what_was_published_before_close_arrives,
           more_than_the_server_takes_is_refused,
           a_connection_that_broke_comes_back_with_its_subscriptions,
           what_is_published_while_the_server_is_away_waits_for_it,
           a_connection_that_does_not_come_back_is_lost_for_good,
           a_server_that_is_about_to_leave_says_so);
