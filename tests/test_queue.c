/* SPDX-License-Identifier: MIT */
/* Queue: which baton is next, and which has waited for too long. */

#include <config.h>

#include <stdatomic.h>

#include "baton/internal.h"
#include "door.h"

static em_loop *loop;

static em_pool *begin(unsigned threads)
{
    assert_ok(em_loop_new(NULL, &loop));
    return occupied_pool(loop, threads);
}

static void put_at(em_pool *pool, int priority, const char *letter)
{
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = write_letter,
                                        .data = (void *)letter, .pool = pool,
                                        .priority = priority),
                             NULL));
}

TEST(higher_priorities_go_first_and_equals_in_order)
{
    em_pool *pool = begin(1);

    put_at(pool, 0, "c");
    put_at(pool, -4, "e");
    put_at(pool, 4, "a");
    put_at(pool, 0, "d");
    put_at(pool, 4, "b");
    put_at(pool, -4, "f");
    let_all_end(loop, pool);
    ck_assert_str_eq(take_letters(), "abcdef");
}

TEST(a_priority_out_of_range_is_refused)
{
    assert_ok(em_loop_new(NULL, &loop));
    assert_error(-EINVAL,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .priority = 5),
                                NULL));
    assert_error(-EINVAL,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .priority = -5),
                                NULL));
    em_loop_free(loop);
}

/* A flood of high priority that never ends by itself: each work begets one. */
static atomic_bool starved_ran;
static em_pool *flooded;

static int flood(em_baton *baton, void *data)
{
    if (atomic_load(&starved_ran))
        return 0;
    return em_baton_start(em_baton_loop(baton),
                          EM_OPTIONS(em_baton_options, .work = flood,
                                     .data = data, .pool = flooded,
                                     .priority = 4),
                          NULL);
}

static int end_flood(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    atomic_store(&starved_ran, true);
    return 0;
}

TEST(aging_lets_the_lowest_priority_through_a_flood_of_the_highest)
{
    int i;

    atomic_store(&starved_ran, false);
    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_pool_new(
        EM_OPTIONS(em_pool_options, .max_threads = 1, .aging_ms = 1),
        &flooded));
    for (i = 0; i < 4; i++)
        assert_ok(em_baton_start(loop,
                                 EM_OPTIONS(em_baton_options, .work = flood,
                                            .pool = flooded, .priority = 4),
                                 NULL));
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = end_flood,
                                        .pool = flooded, .priority = -4),
                             NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert(atomic_load(&starved_ran));
    em_loop_free(loop);
    em_pool_free(flooded);
}

/* --- keys --- */

enum { KEYS = 4, EACH = 500, KEY_THREADS = 8 };

static struct {
    atomic_int inside;
    int last;
} lanes[KEYS];

struct step {
    int lane, number;
};

static int take_step(em_baton *baton, void *data)
{
    const struct step *step = data;

    (void)baton;
    if (atomic_fetch_add(&lanes[step->lane].inside, 1) != 0)
        return -EBUSY;
    if (lanes[step->lane].last + 1 != step->number)
        return -ERANGE;
    lanes[step->lane].last = step->number;
    atomic_fetch_sub(&lanes[step->lane].inside, 1);
    return 0;
}

static void check_step(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    assert_error(0, status);
}

TEST(equal_keys_run_in_order_and_one_at_a_time_under_eight_threads)
{
    static struct step steps[KEYS * EACH];
    em_pool *pool;
    int i;

    assert_ok(em_loop_new(NULL, &loop));
    pool = new_pool(KEY_THREADS);
    for (i = 0; i < KEYS * EACH; i++) {
        steps[i] = (struct step){ i % KEYS, i / KEYS + 1 };
        assert_ok(em_baton_start(
            loop,
            EM_OPTIONS(em_baton_options, .work = take_step, .after = check_step,
                       .data = &steps[i], .pool = pool, .key = &lanes[i % KEYS],
                       .priority = i % 9 - 4),
            NULL));
    }
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    for (i = 0; i < KEYS; i++)
        ck_assert_int_eq(lanes[i].last, EACH);
    em_loop_free(loop);
    em_pool_free(pool);
}

static void put_key(em_pool *pool, const void *key, em_work_fn *work,
                    const char *name, em_baton **ret)
{
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = work,
                                        .after = note, .data = (void *)name,
                                        .pool = pool, .key = key),
                             ret));
}

static void put_with_key(em_pool *pool, const void *lane, const char *letter)
{
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = write_letter,
                                        .data = (void *)letter, .pool = pool,
                                        .key = lane),
                             NULL));
}

/* The order of what is queued in the same microsecond is nobody's. */
static void let_the_clock_move(void)
{
    uint64_t began = em__sys_now_us();

    while (em__sys_now_us() == began)
        ;
}

TEST(a_baton_that_waited_for_its_key_goes_before_what_came_after_it)
{
    static const char *const others[] = { "c", "d", "f" };
    static const char lane;
    em_pool *pool = begin(1);

    put_with_key(pool, &lane, "a");
    put_with_key(pool, &lane, "b");
    let_the_clock_move();
    put(loop, pool, write_letter, (void *)others[0]);
    put(loop, pool, write_letter, (void *)others[1]);
    let_the_clock_move();
    put_with_key(pool, &lane, "e");
    let_the_clock_move();
    put(loop, pool, write_letter, (void *)others[2]);
    let_all_end(loop, pool);
    ck_assert_str_eq(take_letters(), "abcdef");
}

TEST(different_keys_run_at_the_same_time)
{
    em_pool *pool;

    assert_ok(em_loop_new(NULL, &loop));
    pool = new_pool(2);
    set_door(false);
    put_key(pool, "a", wait_at_door, NULL, NULL);
    put_key(pool, "b", wait_at_door, NULL, NULL);
    wait_until_waiting(2);
    let_all_end(loop, pool);
    assert_marks("0 0");
}

TEST(a_cancelled_baton_lets_the_next_of_its_key_go)
{
    em_baton *first = NULL, *second = NULL;
    em_pool *pool = begin(1);

    put_key(pool, "key", break_down, "1", &first);
    put_key(pool, "key", break_down, "2", &second);
    put_key(pool, "key", succeed, "3", NULL);
    assert_error(0, em_baton_cancel(second));
    assert_error(0, em_baton_cancel(first));
    em_baton_unref(first);
    em_baton_unref(second);
    let_all_end(loop, pool);
    assert_marks("2 -125 1 -125 3 0");
}

static void open_door(em_baton *baton, int status, void *data)
{
    note(baton, status, data);
    set_door(true);
}

TEST(a_freed_loop_takes_its_batons_out_of_lanes_and_leaves_those_of_others)
{
    em_loop *other = NULL;
    em_pool *pool = begin(1);
    int i;

    assert_ok(em_loop_new(NULL, &other));
    for (i = 0; i < 3; i++) {
        assert_ok(em_baton_start(loop,
                                 EM_OPTIONS(em_baton_options, .work = succeed,
                                            .after = open_door, .data = "mine",
                                            .pool = pool, .key = "key"),
                                 NULL));
        assert_ok(em_baton_start(other,
                                 EM_OPTIONS(em_baton_options, .work = succeed,
                                            .after = note, .data = "other's",
                                            .pool = pool, .key = "key"),
                                 NULL));
    }
    em_loop_free(loop);
    assert_marks("mine -125 mine -125 mine -125");
    assert_error(0, em_loop_run(other, EM_RUN_DEFAULT));
    assert_marks("other's 0 other's 0 other's 0");
    em_loop_free(other);
    em_pool_free(pool);
}

TEST(a_thousand_keys_find_their_lanes)
{
    static char keys[1000];
    em_pool *pool = begin(1);
    int i;

    for (i = 0; i < 2000; i++)
        assert_ok(em_baton_start(loop,
                                 EM_OPTIONS(em_baton_options, .work = succeed,
                                            .after = check_step, .pool = pool,
                                            .key = &keys[i % 1000]),
                                 NULL));
    let_all_end(loop, pool);
}

/* --- bounds --- */

TEST(a_full_queue_refuses)
{
    em_pool *pool = NULL;
    int i;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_pool_new(
        EM_OPTIONS(em_pool_options, .max_threads = 1, .queue_limit = 3),
        &pool));
    set_door(false);
    put(loop, pool, wait_at_door, NULL);
    wait_until_waiting(1);
    for (i = 0; i < 3; i++)
        put(loop, pool, succeed, NULL);
    assert_error(-EAGAIN,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .pool = pool),
                                NULL));
    ck_assert_uint_eq(counts_of(pool).queued, 3);
    let_all_end(loop, pool);
}

/* --- time limits --- */

/* Nothing but the time limit opens the door. */
TEST(a_time_limit_is_kept_while_every_thread_is_blocked)
{
    em_pool *pool = begin(2);

    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .after = open_door, .data = "late",
                                        .pool = pool, .timeout_ms = 5),
                             NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("late -110");
    ck_assert_uint_eq(counts_of(pool).cancelled, 1);
    em_loop_free(loop);
    em_pool_free(pool);
}

TEST(an_earlier_time_limit_overtakes_a_later_one)
{
    em_pool *pool = begin(1);

    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .after = note, .data = "long",
                                        .pool = pool, .timeout_ms = UINT64_MAX),
                             NULL));
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .after = open_door, .data = "short",
                                        .pool = pool, .timeout_ms = 1),
                             NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("short -110 long 0");
    em_loop_free(loop);
    em_pool_free(pool);
}

TEST(a_baton_that_started_or_was_cancelled_has_no_time_limit)
{
    em_baton *baton = NULL;
    em_pool *pool;

    assert_ok(em_loop_new(NULL, &loop));
    pool = new_pool(1);
    set_door(false);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = wait_at_door,
                                        .after = note, .data = "runs",
                                        .pool = pool, .timeout_ms = 60000),
                             NULL));
    wait_until_waiting(1);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .after = note, .data = "goes",
                                        .pool = pool, .timeout_ms = 60000),
                             &baton));
    assert_error(0, em_baton_cancel(baton));
    em_baton_unref(baton);
    let_all_end(loop, pool);
    assert_marks("goes -125 runs 0");
}

TEST(a_time_limit_that_nobody_can_watch_is_refused)
{
    em_pool *pool = begin(1);

    fail_call("pthread_create", 1, EAGAIN);
    assert_error(-EAGAIN,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .pool = pool, .timeout_ms = 1),
                                NULL));
    ck_assert(call_failed());
    let_all_end(loop, pool);
}

SUITE("queue", higher_priorities_go_first_and_equals_in_order,
      a_priority_out_of_range_is_refused,
      aging_lets_the_lowest_priority_through_a_flood_of_the_highest,
      equal_keys_run_in_order_and_one_at_a_time_under_eight_threads,
      a_baton_that_waited_for_its_key_goes_before_what_came_after_it,
      different_keys_run_at_the_same_time,
      a_cancelled_baton_lets_the_next_of_its_key_go,
      a_freed_loop_takes_its_batons_out_of_lanes_and_leaves_those_of_others,
      a_thousand_keys_find_their_lanes, a_full_queue_refuses,
      a_time_limit_is_kept_while_every_thread_is_blocked,
      an_earlier_time_limit_overtakes_a_later_one,
      a_baton_that_started_or_was_cancelled_has_no_time_limit,
      a_time_limit_that_nobody_can_watch_is_refused);
