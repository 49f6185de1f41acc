/* SPDX-License-Identifier: MIT */
/* Timer sources. */

#include <config.h>

#include <stdlib.h>
#include <time.h>

#include <emitter/loop.h>

#include "testing.h"

static em_loop *loop;

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
}

static void note(em_source *source, void *data)
{
    ck_assert_ptr_eq(em_source_loop(source), loop);
    mark(data);
}

static void note_free(void *data)
{
    (void)data;
    mark("free");
}

TEST(timers_fire_by_deadline_then_in_the_order_they_were_armed)
{
    begin();
    assert_ok(em_loop_add_timer(loop, 200, 0, note, "c", NULL));
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "a", NULL));
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "b", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("a b c");
    em_loop_free(loop);
}

/* Until the loop's clock has gone on, without a turn. */
static void pass_time(uint64_t ms)
{
    uint64_t until = em_loop_now(loop) + ms;

    while (em_loop_now(loop) < until)
        ;
}

TEST(a_timer_of_no_time_fires_behind_those_that_are_overdue)
{
    begin();
    assert_ok(em_loop_add_timer(loop, 100, 0, note, "b", NULL));
    assert_ok(em_loop_add_timer(loop, 1, 0, note, "a", NULL));
    pass_time(150);
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "c", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("a b c");
    em_loop_free(loop);
}

struct due {
    uint64_t at_us;
    int fired;
};

static uint64_t clock_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void not_early(em_source *source, void *data)
{
    struct due *due = data;

    (void)source;
    ck_assert_uint_ge(clock_us(), due->at_us);
    due->fired++;
}

TEST(no_timer_is_early_not_even_by_a_microsecond)
{
    struct due dues[30] = { { 0 } };
    uint64_t i;

    begin();
    for (i = 0; i < 30; i++) {
        dues[i].at_us = clock_us() + 1000 * i;
        assert_ok(em_loop_add_timer(loop, i, 0, not_early, &dues[i], NULL));
    }
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    for (i = 0; i < 30; i++)
        ck_assert_int_eq(dues[i].fired, 1);
    em_loop_free(loop);
}

static void again_at_once(em_source *source, void *data)
{
    mark(data);
    assert_ok(em_source_set_timer(source, 0, 0));
}

TEST(a_timer_of_no_time_armed_in_its_callback_waits_for_the_next_turn)
{
    em_source *timer;

    begin();
    assert_ok(em_loop_add_timer(loop, 0, 0, again_at_once, "x", &timer));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("x");
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("x");
    em_source_remove(timer);
    em_loop_free(loop);
}

static void until_third(em_source *source, void *data)
{
    int *count = data;

    if (++*count == 3)
        em_source_remove(source);
}

TEST(a_repeating_timer_goes_on_until_it_is_removed)
{
    int count = 0;
    em_source *timer;

    begin();
    assert_ok(em_loop_add_timer(loop, 1, 1, until_third, &count, &timer));
    em_source_set_free(timer, note_free);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(count, 3);
    assert_marks("free");
    em_loop_free(loop);
}

static void wait_until(uint64_t at)
{
    while (em_loop_now(loop) < at)
        ;
}

static void beat(em_source *source, void *data)
{
    struct due *due = data;

    ck_assert_uint_ge(clock_us(), due->at_us + 20000 * (uint64_t)due->fired);
    if (++due->fired == 3)
        em_source_remove(source);
}

TEST(a_period_that_begins_at_once_begins_when_it_was_armed)
{
    struct due due = { .fired = 0 };

    begin();
    pass_time(30);
    due.at_us = clock_us();
    assert_ok(em_loop_add_timer(loop, 0, 20, beat, &due, NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(due.fired, 3);
    em_loop_free(loop);
}

TEST(an_overdue_repeating_timer_fires_once_a_turn)
{
    int count = 0;
    em_source *timer;

    begin();
    assert_ok(em_loop_add_timer(loop, 1, 2, until_third, &count, &timer));
    wait_until(em_loop_now(loop) + 20);
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    ck_assert_int_eq(count, 1);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(count, 3);
    em_loop_free(loop);
}

TEST(a_timer_that_fired_is_inactive_and_can_be_armed_again)
{
    em_source *timer;

    begin();
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "x", &timer));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert(!em_loop_alive(loop));
    assert_ok(em_source_set_timer(timer, 1, UINT64_MAX));
    ck_assert(em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("x x");
    em_loop_free(loop);
}

TEST(a_timer_armed_for_never_is_not_alive)
{
    em_source *timer;

    begin();
    assert_ok(em_loop_add_timer(loop, UINT64_MAX, 0, note, "x", &timer));
    ck_assert(!em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_ok(em_source_set_timer(timer, 0, 5));
    ck_assert(em_loop_alive(loop));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    assert_ok(em_source_set_timer(timer, UINT64_MAX, 5));
    ck_assert(!em_loop_alive(loop));
    em_loop_free(loop);
}

TEST(the_longest_times_do_not_overflow)
{
    em_source *timer;

    begin();
    assert_ok(em_loop_add_timer(loop, UINT64_MAX - 1, UINT64_MAX - 1, note, "x",
                                &timer));
    ck_assert(em_loop_alive(loop));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_ok(em_source_set_timer(timer, 0, UINT64_MAX - 1));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("x");
    em_loop_free(loop);
}

TEST(reference_and_unreference_are_idempotent)
{
    em_source *timer;

    begin();
    assert_ok(em_loop_add_timer(loop, 1, 0, note, "x", &timer));
    em_source_unref(timer);
    em_source_unref(timer);
    ck_assert(!em_loop_alive(loop));
    em_source_ref(timer);
    em_source_ref(timer);
    ck_assert(em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("x");
    em_loop_free(loop);
}

static void remove_other(em_source *source, void *data)
{
    em_source **other = data;

    (void)source;
    mark("remover");
    em_source_remove(*other);
    *other = NULL;
}

TEST(a_timer_removed_by_another_in_the_same_turn_does_not_fire)
{
    em_source *other = NULL;

    begin();
    assert_ok(em_loop_add_timer(loop, 0, 0, remove_other, &other, NULL));
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "never", &other));
    em_source_set_free(other, note_free);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("remover free");
    em_loop_free(loop);
}

static void remove_self(em_source *source, void *data)
{
    mark(data);
    em_source_remove(source);
    em_source_remove(source);
    assert_error(-EINVAL, em_source_set_timer(source, 0, 0));
    mark("still here");
}

static void note_and_stop(em_source *source, void *data)
{
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "armed meanwhile", NULL));
    mark(data);
    em_loop_stop(em_source_loop(source));
}

TEST(timers_that_a_stop_kept_waiting_come_first_in_the_next_run)
{
    begin();
    assert_ok(em_loop_add_timer(loop, 0, 0, note_and_stop, "a", NULL));
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "b", NULL));
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "c", NULL));
    assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("a");
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("b c armed meanwhile");
    em_loop_free(loop);
}

static void free_loop(em_source *source, void *data)
{
    mark(data);
    em_loop_free(em_source_loop(source));
}

TEST(a_loop_freed_by_a_timer_takes_all_timers_along_wherever_they_wait)
{
    static const uint64_t afters[] = { 0, 5, 500, 100000, 1000000000000 };
    em_source *timer;
    size_t i;

    begin();
    assert_ok(em_loop_add_timer(loop, UINT64_MAX, 0, note, "no", &timer));
    em_source_set_free(timer, note_free);
    assert_ok(em_loop_add_timer(loop, 0, 0, note, "a", &timer));
    em_source_set_free(timer, note_free);
    assert_ok(em_loop_add_timer(loop, 0, 7, free_loop, "b", &timer));
    em_source_set_free(timer, note_free);
    for (i = 0; i < sizeof(afters) / sizeof(afters[0]); i++) {
        assert_ok(em_loop_add_timer(loop, afters[i], 0, note, "never", &timer));
        em_source_set_free(timer, note_free);
    }
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("a b free free free free free free free free");
}

TEST(a_timer_removed_in_its_own_callback_is_freed_when_it_returned)
{
    em_source *timer;

    begin();
    assert_ok(em_loop_add_timer(loop, 0, 1, remove_self, "x", &timer));
    em_source_set_free(timer, note_free);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("x still here free");
    em_loop_free(loop);
}

TEST(nonsense_is_refused_and_no_memory_changes_nothing)
{
    em_source *timer = NULL;

    begin();
    assert_error(-EINVAL, em_loop_add_timer(NULL, 0, 0, note, NULL, &timer));
    assert_error(-EINVAL, em_loop_add_timer(loop, 0, 0, NULL, NULL, &timer));
    assert_error(-EINVAL, em_source_set_timer(NULL, 0, 0));
    fail_allocation(1);
    assert_error(-ENOMEM, em_loop_add_timer(loop, 0, 0, note, NULL, &timer));
    ck_assert(allocation_failed());
    ck_assert_ptr_null(timer);
    ck_assert(!em_loop_alive(loop));
    assert_ok(em_loop_add_timer(loop, 0, 0, note, NULL, &timer));
    assert_error(-EINVAL, em_source_set_events(timer, EM_READABLE));
    em_loop_free(loop);
}

TEST(a_hundred_thousand_timers_all_fire)
{
    static struct due dues[100000];
    uint64_t after;
    int i;

    begin();
    srand(1);
    for (i = 0; i < 100000; i++) {
        after = (uint64_t)rand() % 100;
        dues[i] = (struct due){ .at_us = clock_us() + 1000 * after };
        assert_ok(em_loop_add_timer(loop, after, 0, not_early, &dues[i], NULL));
    }
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    for (i = 0; i < 100000; i++)
        ck_assert_int_eq(dues[i].fired, 1);
    em_loop_free(loop);
}

SUITE("timer", timers_fire_by_deadline_then_in_the_order_they_were_armed,
      a_timer_of_no_time_fires_behind_those_that_are_overdue,
      no_timer_is_early_not_even_by_a_microsecond,
      a_timer_of_no_time_armed_in_its_callback_waits_for_the_next_turn,
      a_repeating_timer_goes_on_until_it_is_removed,
      a_period_that_begins_at_once_begins_when_it_was_armed,
      an_overdue_repeating_timer_fires_once_a_turn,
      a_timer_that_fired_is_inactive_and_can_be_armed_again,
      a_timer_armed_for_never_is_not_alive, the_longest_times_do_not_overflow,
      reference_and_unreference_are_idempotent,
      a_timer_removed_by_another_in_the_same_turn_does_not_fire,
      timers_that_a_stop_kept_waiting_come_first_in_the_next_run,
      a_loop_freed_by_a_timer_takes_all_timers_along_wherever_they_wait,
      a_timer_removed_in_its_own_callback_is_freed_when_it_returned,
      nonsense_is_refused_and_no_memory_changes_nothing,
      a_hundred_thousand_timers_all_fire);
