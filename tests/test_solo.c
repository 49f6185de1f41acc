/* SPDX-License-Identifier: MIT */
/* Solo: loops with a virtual clock that stand in each other's way, or in their
 * own, in the pools that they share. */

#include <config.h>

#include <stdint.h>

#include "door.h"

static const char key;
static em_pool *pool;

static em_loop *new_loop(uint64_t seed)
{
    em_loop *loop = NULL;

    assert_ok(em_loop_new(
        EM_OPTIONS(em_loop_options, .virtual_clock = true, .seed = seed),
        &loop));
    return loop;
}

static void start(em_loop *loop, em_baton_options options, em_baton **ret)
{
    options.size = sizeof(options);
    options.after = note;
    assert_ok(em_baton_start(loop, &options, ret));
}

/* --- two loops with one key --- */

static em_loop *one, *two;
static em_baton *leader;

/* The second loop has seen that its baton's turn has not come. */
static void wait_in_one_lane(void)
{
    pool = new_pool(1);
    one = new_loop(1);
    two = new_loop(2);
    start(one,
          (em_baton_options){
              .work = succeed, .data = "one", .pool = pool, .key = &key },
          &leader);
    start(two,
          (em_baton_options){
              .work = succeed, .data = "two", .pool = pool, .key = &key },
          NULL);
    assert_error(1, em_loop_run(two, EM_RUN_NOWAIT));
}

static void end_in_one_lane(void)
{
    assert_error(0, em_loop_run(two, EM_RUN_DEFAULT));
    em_loop_free(two);
    em_baton_unref(leader);
    em_pool_free(pool);
}

TEST(a_cancelled_baton_lets_another_loops_of_its_key_go)
{
    wait_in_one_lane();
    assert_error(0, em_baton_cancel(leader));
    end_in_one_lane();
    em_loop_free(one);
    assert_marks("two 0 one -125");
}

TEST(a_loop_that_is_freed_lets_another_loops_batons_of_its_key_go)
{
    wait_in_one_lane();
    em_loop_free(one);
    end_in_one_lane();
    assert_marks("one -125 two 0");
}

SUITE("solo", a_cancelled_baton_lets_another_loops_of_its_key_go,
      a_loop_that_is_freed_lets_another_loops_batons_of_its_key_go);
