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

/* --- works inside works --- */

static em_pool *other_pool;

/* Run a work of the other pool, which is its data, inside this one. */
static int run_inside(em_baton *baton, void *data)
{
    em_work_fn **inner = data;
    em_baton *inside = NULL;

    start(em_baton_loop(baton),
          (em_baton_options){
              .work = *inner, .data = "inside", .pool = other_pool },
          &inside);
    assert_ok(em_baton_wait(inside, UINT64_MAX));
    em_baton_unref(inside);
    return 0;
}

static void run_one_inside_another(em_work_fn *inner)
{
    pool = new_pool(1);
    other_pool = new_pool(1);
    one = new_loop(1);
    assert_ok(
        em_baton_start(one,
                       EM_OPTIONS(em_baton_options, .work = run_inside,
                                  .data = &inner, .pool = pool, .key = &key),
                       NULL));
    assert_error(0, em_loop_run(one, EM_RUN_DEFAULT));
    em_loop_free(one);
    em_pool_free(other_pool);
    em_pool_free(pool);
}

static int wait_for_its_key(em_baton *baton, void *data)
{
    em_baton *awaited = NULL;
    int r;

    (void)data;
    start(em_baton_loop(baton),
          (em_baton_options){
              .work = succeed, .data = "behind", .pool = pool, .key = &key },
          &awaited);
    r = em_baton_wait(awaited, UINT64_MAX);
    em_baton_unref(awaited);
    return r;
}

TEST(a_work_that_waits_for_a_key_of_one_further_up_is_told)
{
    run_one_inside_another(wait_for_its_key);
    assert_marks("inside -35 behind 0");
}

static int shut_down(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return em_pool_shutdown(pool, UINT64_MAX);
}

TEST(a_work_that_shuts_down_the_pool_of_one_further_up_does_not_wait_for_it)
{
    run_one_inside_another(shut_down);
    assert_marks("inside 1");
}

SUITE("solo", a_cancelled_baton_lets_another_loops_of_its_key_go,
      a_loop_that_is_freed_lets_another_loops_batons_of_its_key_go,
      a_work_that_waits_for_a_key_of_one_further_up_is_told,
      a_work_that_shuts_down_the_pool_of_one_further_up_does_not_wait_for_it);
