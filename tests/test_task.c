/* SPDX-License-Identifier: MIT */
/* Task: posts from any thread, and defers. */

#include <config.h>

#include <pthread.h>
#include <stdint.h>

#include <emitter/loop.h>

#include "testing.h"

static void note(em_loop *loop, void *data)
{
    (void)loop;
    mark(data);
}

TEST(posts_are_delivered_in_order_and_keep_the_loop_alive)
{
    em_loop *loop = NULL;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_loop_post(loop, note, "a"));
    assert_ok(em_loop_post(loop, note, "b"));
    assert_ok(em_loop_post(loop, note, "c"));
    ck_assert(em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("a b c");
    ck_assert(!em_loop_alive(loop));
    em_loop_free(loop);
}

static void defer_again(em_loop *loop, void *data)
{
    mark(data);
    assert_ok(em_loop_defer(loop, note, "inner"));
}

static void post_and_defer(em_loop *loop, void *data)
{
    mark(data);
    assert_ok(em_loop_post(loop, note, "next turn"));
    assert_ok(em_loop_defer(loop, defer_again, "outer"));
}

TEST(a_defer_and_one_inside_it_come_before_the_next_turn)
{
    em_loop *loop = NULL;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_loop_post(loop, post_and_defer, "post"));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("post outer inner");
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("next turn");
    em_loop_free(loop);
}

static void defer_for_ever(em_loop *loop, void *data)
{
    int *left = data;

    if (--*left == 0)
        em_loop_stop(loop);
    if (*left >= 0)
        assert_ok(em_loop_defer(loop, defer_for_ever, data));
}

TEST(stop_ends_even_a_chain_of_defers)
{
    em_loop *loop = NULL;
    int left = 100;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_loop_defer(loop, defer_for_ever, &left));
    assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(left, 0);
    em_loop_free(loop);
}

TEST(no_memory_for_a_task_is_an_error_and_changes_nothing)
{
    em_loop *loop = NULL;

    assert_ok(em_loop_new(NULL, &loop));
    fail_allocation(1);
    assert_error(-ENOMEM, em_loop_post(loop, note, "post"));
    fail_allocation(1);
    assert_error(-ENOMEM, em_loop_defer(loop, note, "defer"));
    ck_assert(allocation_failed());
    ck_assert(!em_loop_alive(loop));
    em_loop_free(loop);
}

enum { SENDERS = 4, POSTS = 20000 };

struct sender {
    pthread_t thread;
    em_loop *loop;
    intptr_t sent, received;
};

struct letter {
    struct sender *sender;
    intptr_t number;
};

static struct letter letters[SENDERS][POSTS];

static void receive(em_loop *loop, void *data)
{
    struct letter *letter = data;

    (void)loop;
    ck_assert_int_eq(letter->number, letter->sender->received);
    letter->sender->received++;
}

static void *send_all(void *data)
{
    struct letter *mine = data;
    int i;

    for (i = 0; i < POSTS; i++)
        assert_ok(em_loop_post(mine->sender->loop, receive, &mine[i]));
    return NULL;
}

TEST(every_post_of_every_thread_arrives_once_and_in_its_order)
{
    struct sender senders[SENDERS] = { { 0 } };
    em_loop *loop = NULL;
    int i, j;

    assert_ok(em_loop_new(NULL, &loop));
    for (i = 0; i < SENDERS; i++) {
        senders[i].loop = loop;
        for (j = 0; j < POSTS; j++)
            letters[i][j] = (struct letter){ &senders[i], j };
        ck_assert_int_eq(
            pthread_create(&senders[i].thread, NULL, send_all, letters[i]), 0);
    }
    em_loop_ref(loop);
    for (i = 0; i < SENDERS; i++) {
        while (senders[i].received < POSTS)
            assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    }
    for (i = 0; i < SENDERS; i++)
        ck_assert_int_eq(pthread_join(senders[i].thread, NULL), 0);
    em_loop_unref(loop);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
}

static void post_again(em_loop *loop, void *data)
{
    bool *go = data;

    if (*go)
        assert_ok(em_loop_post(loop, post_again, data));
}

static void end(em_source *source, void *data)
{
    (void)source;
    *(bool *)data = false;
    mark("timer");
}

TEST(a_post_that_posts_itself_does_not_keep_a_timer_waiting)
{
    em_loop *loop = NULL;
    bool go = true;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_loop_post(loop, post_again, &go));
    assert_ok(em_loop_add_timer(loop, 2, 0, end, &go, NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("timer");
    em_loop_free(loop);
}

static void take_time(em_loop *loop, void *data)
{
    uint64_t *until = data;
    em_loop *clock = NULL;

    (void)loop;
    mark("slow");
    assert_ok(em_loop_new(NULL, &clock));
    *until = em_loop_now(clock) + 3;
    while (em_loop_now(clock) < *until)
        ;
    em_loop_free(clock);
}

TEST(the_time_budget_ends_a_turn_too)
{
    em_loop *loop = NULL;
    uint64_t until;
    int i;

    assert_ok(
        em_loop_new(EM_OPTIONS(em_loop_options, .budget_us = 1000), &loop));
    for (i = 0; i < 20; i++)
        assert_ok(em_loop_post(loop, take_time, &until));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    ck_assert_uint_lt(strlen(take_marks()), 20 * strlen("slow "));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    (void)take_marks();
    em_loop_free(loop);
}

TEST(the_longest_time_budget_is_as_good_as_none)
{
    em_loop *loop = NULL;
    int i;

    assert_ok(em_loop_new(EM_OPTIONS(em_loop_options, .budget_us = UINT64_MAX),
                          &loop));
    for (i = 0; i < 3; i++)
        assert_ok(em_loop_post(loop, note, "x"));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("x x x");
    em_loop_free(loop);
}

SUITE("task", posts_are_delivered_in_order_and_keep_the_loop_alive,
      a_defer_and_one_inside_it_come_before_the_next_turn,
      stop_ends_even_a_chain_of_defers,
      no_memory_for_a_task_is_an_error_and_changes_nothing,
      every_post_of_every_thread_arrives_once_and_in_its_order,
      a_post_that_posts_itself_does_not_keep_a_timer_waiting,
      the_time_budget_ends_a_turn_too,
      the_longest_time_budget_is_as_good_as_none);
