/* SPDX-License-Identifier: MIT */
/* Virtual clock: time that passes only when nothing else happens. */

#include <config.h>

#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"

enum { HOUR = 3600 * 1000 };

static em_loop *loop;

static void begin(void)
{
    assert_ok(em_loop_new(
        EM_OPTIONS(em_loop_options, .virtual_clock = true, .seed = 1), &loop));
    ck_assert_uint_eq(em_loop_now(loop), 0);
}

static void note(em_source *source, void *data)
{
    mark(data);
    mark_number((long long)em_loop_now(em_source_loop(source)));
}

TEST(hours_pass_at_once_and_in_order)
{
    begin();
    assert_ok(em_loop_add_timer(loop, 5 * HOUR, 0, note, "b", NULL));
    assert_ok(em_loop_add_timer(loop, HOUR, 0, note, "a", NULL));
    assert_ok(
        em_loop_add_timer(loop, 24 * 365 * (uint64_t)HOUR, 0, note, "c", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("a 3600000 b 18000000 c 31536000000");
    ck_assert_uint_eq(em_loop_now(loop), 31536000000);
    em_loop_free(loop);
}

TEST(time_goes_on_after_hundreds_of_millions_of_years)
{
    const uint64_t far = INT64_MAX - 5;

    begin();
    assert_ok(em_loop_add_timer(loop, far, 0, note, "a", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    (void)take_marks();
    ck_assert_uint_eq(em_loop_now(loop), far);
    assert_ok(em_loop_add_timer(loop, 5, 0, note, "b", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("b 9223372036854775807");
    em_loop_free(loop);
}

static void thrice(em_source *source, void *data)
{
    note(source, data);
    if (em_loop_now(loop) == 30)
        em_source_remove(source);
}

TEST(repeating_timers_keep_their_beat_exactly)
{
    begin();
    assert_ok(em_loop_add_timer(loop, 10, 10, thrice, "x", NULL));
    assert_ok(em_loop_add_timer(loop, 15, 0, note, "y", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("x 10 y 15 x 20 x 30");
    em_loop_free(loop);
}

TEST(timers_of_one_time_fire_in_the_order_they_were_armed_put_off_or_not)
{
    em_source *first, *second;

    begin();
    assert_ok(em_loop_add_timer(loop, 5, 0, note, "b", &first));
    assert_ok(em_loop_add_timer(loop, 5, 0, note, "d", &second));
    assert_ok(em_loop_add_timer(loop, 200, 0, note, "a", NULL));
    assert_ok(em_source_set_timer(first, 200, 0));
    assert_ok(em_loop_add_timer(loop, 200, 0, note, "c", NULL));
    assert_ok(em_source_set_timer(second, 200, 0));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("a 200 b 200 c 200 d 200");
    em_loop_free(loop);
}

TEST(a_timer_that_was_put_off_costs_no_turn_at_its_former_time)
{
    em_loop_counts counts = { .size = sizeof(counts) };
    em_source *timer;
    int i;

    begin();
    for (i = 0; i < 100; i++) {
        assert_ok(
            em_loop_add_timer(loop, (uint64_t)(i * i), 0, note, "x", &timer));
        assert_ok(em_source_set_timer(timer, 20000, 0));
        if (i > 0)
            em_source_remove(timer);
    }
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("x 20000");
    assert_ok(em_loop_metrics(loop, &counts));
    ck_assert_uint_eq(counts.turns, 1);
    em_loop_free(loop);
}

static void post_to_itself(em_loop *of, void *data)
{
    int *left = data;

    mark_number((long long)em_loop_now(of));
    if (--*left > 0)
        assert_ok(em_loop_post(of, post_to_itself, data));
}

TEST(time_stands_still_while_anything_else_is_ready)
{
    int left = 3;

    begin();
    assert_ok(em_loop_add_timer(loop, 1, 0, note, "timer", NULL));
    assert_ok(em_loop_post(loop, post_to_itself, &left));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("0 0 0 timer 1");
    em_loop_free(loop);
}

static void read_one(em_source *source, int fd, unsigned events, void *data)
{
    char byte;

    (void)events;
    mark(data);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    if (byte == 'z')
        em_source_remove(source);
}

TEST(ready_descriptors_come_before_the_next_timer)
{
    int ends[2];

    begin();
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "xyz", 3), 3);
    assert_ok(em_loop_add_timer(loop, 1, 0, note, "timer", NULL));
    assert_ok(
        em_loop_add_fd(loop, ends[0], EM_READABLE, read_one, "byte", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("byte byte byte timer 1");
    (void)close(ends[0]);
    (void)close(ends[1]);
    em_loop_free(loop);
}

TEST(a_turn_that_would_not_wait_does_not_move_the_clock)
{
    begin();
    assert_ok(em_loop_add_timer(loop, 1, 0, note, "timer", NULL));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("");
    assert_error(0, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("timer 1");
    assert_error(-ENOTSUP, em_loop_fd(loop));
    em_loop_free(loop);
}

SUITE("virtual clock", hours_pass_at_once_and_in_order,
      time_goes_on_after_hundreds_of_millions_of_years,
      timers_of_one_time_fire_in_the_order_they_were_armed_put_off_or_not,
      a_timer_that_was_put_off_costs_no_turn_at_its_former_time,
      repeating_timers_keep_their_beat_exactly,
      time_stands_still_while_anything_else_is_ready,
      ready_descriptors_come_before_the_next_timer,
      a_turn_that_would_not_wait_does_not_move_the_clock);
