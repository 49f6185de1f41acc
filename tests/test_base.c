/* SPDX-License-Identifier: MIT */
/* Base: allocator, errors, options, version and the timing wheel. */

#include <config.h>

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <emitter/base.h>
#include <emitter/error.h>
#include <emitter/version.h>

#include "base/alloc.h"
#include "base/options.h"
#include "base/sys.h"
#include "base/wheel.h"
#include "testing.h"

TEST(the_allocator_cannot_change_after_the_first_allocation)
{
    void *block = em__malloc(1);

    ck_assert_ptr_nonnull(block);
    assert_error(-EBUSY, em_set_allocator(malloc, realloc, free));
    assert_error(-EINVAL, em_set_allocator(NULL, realloc, free));
    assert_error(-EINVAL, em_set_allocator(malloc, NULL, free));
    assert_error(-EINVAL, em_set_allocator(malloc, realloc, NULL));
    em__free(block);
}

TEST(calloc_refuses_a_size_that_overflows)
{
    unsigned char *block = em__calloc(3, 5);

    ck_assert_ptr_nonnull(block);
    ck_assert_mem_eq(block, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
    em__free(block);
    ck_assert_ptr_null(em__calloc(SIZE_MAX / 2, 3));
}

TEST(an_injected_failure_is_seen_once)
{
    fail_allocation(2);
    em__free(em__malloc(1));
    ck_assert_ptr_null(em__malloc(1));
    em__free(em__malloc(1));
    ck_assert(allocation_failed());
    ck_assert(!allocation_failed());
}

TEST(errors_have_texts_whatever_their_sign)
{
    ck_assert_str_eq(em_strerror(-ENOENT), strerror(ENOENT));
    ck_assert_str_eq(em_strerror(ENOENT), strerror(ENOENT));
    ck_assert_str_eq(em_strerror(0), strerror(0));
    ck_assert_ptr_nonnull(em_strerror(-99999));
    ck_assert_ptr_nonnull(em_strerror(INT_MIN));
    ck_assert_ptr_nonnull(em_strerror(INT_MAX));
}

TEST(the_version_is_that_of_the_headers)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%d.%d.%d", EM_VERSION_MAJOR,
                   EM_VERSION_MINOR, EM_VERSION_PATCH);
    ck_assert_str_eq(em_version(), text);
    ck_assert_str_eq(em_version(), EM_VERSION);
}

struct sample {
    size_t size;
    int a, b;
};

struct newer_sample {
    struct sample known;
    size_t c; /* as wide as the rest is aligned: padding is not zero */
};

TEST(options_of_another_size_are_read_as_far_as_both_know_them)
{
    struct newer_sample newer = { { sizeof(newer), 1, 2 }, 0 };
    struct sample older = { offsetof(struct sample, b), 3, 4 };
    struct sample copy;

    assert_ok(em__options_read(&newer, &copy, sizeof(copy)));
    ck_assert(copy.size == sizeof(copy) && copy.a == 1 && copy.b == 2);
    assert_ok(em__options_read(&older, &copy, sizeof(copy)));
    ck_assert(copy.size == sizeof(copy) && copy.a == 3 && copy.b == 0);
    assert_ok(em__options_read(NULL, &copy, sizeof(copy)));
    ck_assert(copy.a == 0 && copy.b == 0);
    newer.c = 1;
    assert_error(-E2BIG, em__options_read(&newer, &copy, sizeof(copy)));
    older.size = 0;
    assert_error(-EINVAL, em__options_read(&older, &copy, sizeof(copy)));
    ck_assert_int_eq(EM_OPTIONS(struct sample, .b = 7)->b, 7);
    ck_assert_uint_eq(EM_OPTIONS(struct sample, .b = 7)->size, sizeof(copy));
}

TEST(the_clock_goes_forward_and_there_is_a_processor)
{
    uint64_t before = em__sys_now_us();

    ck_assert_uint_le(before, em__sys_now_us());
    ck_assert_uint_ge(em__sys_processors(), 1);
    ck_assert_ptr_eq(em__sys_thread(), em__sys_thread());
}

static void add(em__wheel *wheel, em__timer *timer, uint64_t due)
{
    timer->due = due;
    em__wheel_add(wheel, timer);
}

/* Mark the timers that are due by their number in `timers`. */
static void mark_due(em__wheel *wheel, em__timer *timers)
{
    em__timer *timer;

    while (!em__list_empty(&wheel->due)) {
        timer = em__container(wheel->due.next, em__timer, node);
        em__wheel_remove(wheel, timer);
        mark_number((long)(timer - timers));
    }
}

TEST(timers_come_by_deadline_and_then_in_the_order_they_were_added)
{
    em__wheel wheel;
    em__timer timers[6];

    em__wheel_init(&wheel, 1000);
    add(&wheel, &timers[0], 1040);
    add(&wheel, &timers[1], 1005);
    em__wheel_advance(&wheel, 1010);
    mark_due(&wheel, timers);
    assert_marks("1");
    add(&wheel, &timers[2], 1040);
    em__wheel_advance(&wheel, 1039);
    add(&wheel, &timers[3], 1040);
    add(&wheel, &timers[4], 1039);
    add(&wheel, &timers[5], 0);
    mark_due(&wheel, timers);
    assert_marks("4 5");
    em__wheel_advance(&wheel, 1040);
    mark_due(&wheel, timers);
    assert_marks("0 2 3");
    ck_assert_uint_eq(em__wheel_next(&wheel), UINT64_MAX);
}

TEST(timers_that_were_put_off_come_in_the_order_they_were_armed_in_the_end)
{
    em__wheel wheel;
    em__timer timers[6];
    int i;

    em__wheel_init(&wheel, 1000);
    for (i = 0; i < 4; i++)
        add(&wheel, &timers[i], 1001 + (uint64_t)i);
    em__wheel_change(&wheel, &timers[1], 1030);
    add(&wheel, &timers[4], 1030);
    em__wheel_change(&wheel, &timers[0], 1030);
    em__wheel_change(&wheel, &timers[3], 1500);
    add(&wheel, &timers[5], 1030);
    ck_assert_uint_eq(em__wheel_next(&wheel), 1003);
    em__wheel_change(&wheel, &timers[2], 1500);
    ck_assert_uint_eq(em__wheel_next(&wheel), 1030);
    em__wheel_advance(&wheel, 1029);
    ck_assert(em__list_empty(&wheel.due));
    em__wheel_advance(&wheel, 1600);
    mark_due(&wheel, timers);
    assert_marks("1 4 0 5 3 2");
    ck_assert_uint_eq(em__wheel_next(&wheel), UINT64_MAX);
}

TEST(a_timer_that_was_put_off_is_removed_from_where_it_waits)
{
    em__wheel wheel;
    em__timer timers[2];

    em__wheel_init(&wheel, 0);
    add(&wheel, &timers[0], 10);
    add(&wheel, &timers[1], 10);
    em__wheel_change(&wheel, &timers[0], 5000);
    em__wheel_remove(&wheel, &timers[0]);
    ck_assert_uint_eq(em__wheel_next(&wheel), 10);
    em__wheel_change(&wheel, &timers[1], UINT64_MAX - 1);
    em__wheel_change(&wheel, &timers[1], 7);
    ck_assert_uint_eq(em__wheel_next(&wheel), 7);
    em__wheel_remove(&wheel, &timers[1]);
    em__wheel_advance(&wheel, 100000);
    ck_assert(em__list_empty(&wheel.due));
    ck_assert_uint_eq(em__wheel_next(&wheel), UINT64_MAX);
}

TEST(a_timer_may_be_as_far_away_as_a_number_reaches)
{
    em__wheel wheel;
    em__timer timers[3];

    em__wheel_init(&wheel, 7);
    add(&wheel, &timers[0], UINT64_MAX - 1);
    add(&wheel, &timers[1], UINT64_C(1) << 40);
    add(&wheel, &timers[2], (UINT64_C(1) << 40) + 1);
    em__wheel_advance(&wheel, UINT64_C(1) << 39);
    em__wheel_remove(&wheel, &timers[2]);
    em__wheel_advance(&wheel, (UINT64_C(1) << 40) - 1);
    ck_assert_uint_eq(em__wheel_next(&wheel), UINT64_C(1) << 40);
    em__wheel_advance(&wheel, UINT64_C(1) << 41);
    mark_due(&wheel, timers);
    assert_marks("1");
    ck_assert_uint_eq(em__wheel_next(&wheel), UINT64_MAX - 1);
    em__wheel_advance(&wheel, UINT64_MAX - 1);
    mark_due(&wheel, timers);
    assert_marks("0");
}

TEST(at_the_end_of_time_all_timers_are_due)
{
    em__wheel wheel;
    em__timer timers[5];
    int count = 0;

    em__wheel_init(&wheel, 1000);
    add(&wheel, &timers[0], 1000);
    add(&wheel, &timers[1], 1001);
    add(&wheel, &timers[2], 5000);
    add(&wheel, &timers[3], 5001);
    add(&wheel, &timers[4], UINT64_MAX - 1);
    em__wheel_end(&wheel);
    for (; !em__list_empty(&wheel.due); count++)
        em__wheel_remove(&wheel,
                         em__container(wheel.due.next, em__timer, node));
    ck_assert_int_eq(count, 5);
    ck_assert_uint_eq(em__wheel_next(&wheel), UINT64_MAX);
}

enum { TIMERS = 150, STEPS = 50000 };

/* The wheel against the plainest model: an array that is searched. */
struct model {
    em__wheel wheel;
    em__timer timers[TIMERS];
    bool armed[TIMERS];
    int serials[TIMERS], serial; /* when each was armed */
};

static uint64_t model_next(const struct model *model)
{
    uint64_t next = UINT64_MAX;
    size_t i;

    for (i = 0; i < TIMERS; i++) {
        if (model->armed[i] && model->timers[i].due < next)
            next = model->timers[i].due;
    }
    return next;
}

/* Of every size, and mostly round, so that many are equal. */
static uint64_t model_draw(const struct model *model)
{
    static const unsigned spans[] = { 1, 30, 1000, 40000, 2000000, 1u << 31 };
    uint64_t span = spans[(unsigned)rand() % 6];
    uint64_t due = model->wheel.now + (uint64_t)rand() % (span + 1);

    return rand() % 3 ? (due | 15) + 1 : due;
}

static void model_change(struct model *model, size_t i)
{
    em__timer *timer = &model->timers[i];

    model->serials[i] = ++model->serial;
    if (!model->armed[i]) {
        add(&model->wheel, timer, model_draw(model));
        model->armed[i] = true;
    } else if (rand() % 3) {
        em__wheel_change(&model->wheel, timer, model_draw(model));
    } else {
        em__wheel_remove(&model->wheel, timer);
        model->armed[i] = false;
    }
}

/* By deadline, then by serial, and nothing that is due is left behind.  A timer
 * that was due when it was armed comes after those that were due before. */
static void model_advance(struct model *model, uint64_t now)
{
    uint64_t began = model->wheel.now, last = 0;
    em__timer *timer;
    int serial = 0, i;

    em__wheel_advance(&model->wheel, now);
    while (!em__list_empty(&model->wheel.due)) {
        timer = em__container(model->wheel.due.next, em__timer, node);
        i = (int)(timer - model->timers);
        ck_assert_uint_le(timer->due, now);
        ck_assert_uint_ge(timer->due, last);
        if (timer->due == last)
            ck_assert_int_gt(model->serials[i], serial);
        ck_assert(timer->due >= began);
        last = timer->due;
        serial = model->serials[i];
        em__wheel_remove(&model->wheel, timer);
        model->armed[i] = false;
    }
    ck_assert_uint_gt(model_next(model), now);
}

TEST(the_wheel_agrees_with_a_model_over_random_operations)
{
    static struct model model;
    uint64_t next;
    int step;

    srand(1);
    em__wheel_init(&model.wheel, 123456789);
    for (step = 0; step < STEPS; step++) {
        model_change(&model, (size_t)rand() % TIMERS);
        next = em__wheel_next(&model.wheel);
        if (next > model.wheel.now)
            ck_assert_uint_eq(next, model_next(&model));
        if (step % 3 == 0)
            model_advance(&model, model.wheel.now + (uint64_t)rand() % 50);
        if (step % 100 == 0)
            model_advance(&model, em__wheel_next(&model.wheel));
    }
}

SUITE("base", the_allocator_cannot_change_after_the_first_allocation,
      calloc_refuses_a_size_that_overflows, an_injected_failure_is_seen_once,
      errors_have_texts_whatever_their_sign, the_version_is_that_of_the_headers,
      options_of_another_size_are_read_as_far_as_both_know_them,
      the_clock_goes_forward_and_there_is_a_processor,
      timers_come_by_deadline_and_then_in_the_order_they_were_added,
      timers_that_were_put_off_come_in_the_order_they_were_armed_in_the_end,
      a_timer_that_was_put_off_is_removed_from_where_it_waits,
      a_timer_may_be_as_far_away_as_a_number_reaches,
      at_the_end_of_time_all_timers_are_due,
      the_wheel_agrees_with_a_model_over_random_operations);
