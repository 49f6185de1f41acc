/* SPDX-License-Identifier: MIT */
/* Group: many batons with one end. */

#include <config.h>

#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "baton/internal.h"
#include "door.h"

static em_loop *loop;

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
}

static void finish(em_pool *pool)
{
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
    em_pool_free(pool);
}

static void done(em_group *group, int status, void *data)
{
    (void)group, (void)data;
    mark("done");
    mark_number(status);
}

static void note_free(void *data)
{
    (void)data;
    mark("free");
}

static em_group *new_group(unsigned limit, bool stop_on_error)
{
    em_group *group = NULL;

    assert_ok(em_group_new(loop,
                           EM_OPTIONS(em_group_options, .limit = limit,
                                      .done = done, .free_data = note_free,
                                      .stop_on_error = stop_on_error),
                           &group));
    return group;
}

static int add(em_group *group, em_pool *pool, em_work_fn *work)
{
    return em_group_add(group, EM_OPTIONS(em_baton_options, .work = work,
                                          .after = note, .pool = pool));
}

TEST(nonsense_is_refused)
{
    em_group_options small = { .size = 1 };
    em_group *group = NULL;

    begin();
    assert_error(-EINVAL, em_group_new(NULL, NULL, &group));
    assert_error(-EINVAL, em_group_new(loop, NULL, NULL));
    assert_error(-EINVAL, em_group_new(loop, &small, &group));
    assert_error(-EINVAL, em_group_close(NULL));
    assert_error(-EINVAL, em_group_cancel(NULL));
    assert_error(-EINVAL, em_group_add(NULL, NULL));
    group = new_group(0, false);
    assert_error(-EINVAL, em_group_add(group, NULL));
    assert_ok(em_group_close(group));
    finish(NULL);
    assert_marks("done 0 free");
}

TEST(a_group_of_no_jobs_is_done_from_the_loop)
{
    em_group *group;

    begin();
    group = new_group(0, false);
    ck_assert(em_loop_alive(loop));
    assert_ok(em_group_close(group));
    assert_ok(em_group_close(group));
    assert_marks("");
    finish(NULL);
    assert_marks("done 0 free");
}

TEST(done_comes_after_all_afters_with_the_first_negative_status)
{
    em_pool *pool;
    em_group *group;

    begin();
    pool = new_pool(1);
    group = new_group(0, false);
    assert_ok(add(group, pool, succeed));
    assert_ok(add(group, pool, break_down));
    assert_ok(add(group, pool, succeed));
    assert_ok(em_group_close(group));
    assert_error(-ESHUTDOWN, add(group, pool, succeed));
    finish(pool);
    assert_marks("0 -5 0 done -5 free");
}

TEST(an_open_group_waits_for_more)
{
    em_pool *pool;
    em_group *group;

    begin();
    pool = new_pool(1);
    group = new_group(0, false);
    assert_ok(add(group, pool, succeed));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("0");
    ck_assert(em_loop_alive(loop));
    assert_ok(add(group, pool, succeed));
    assert_ok(em_group_close(group));
    finish(pool);
    assert_marks("0 done 0 free");
}

TEST(no_more_than_the_limit_are_under_way)
{
    em_pool *pool;
    em_group *group;
    int i;

    begin();
    pool = new_pool(4);
    group = new_group(2, false);
    set_door(false);
    for (i = 0; i < 5; i++)
        assert_ok(add(group, pool, wait_at_door));
    assert_ok(em_group_close(group));
    wait_until_waiting(2);
    ck_assert_uint_eq(counts_of(pool).queued, 0);
    ck_assert_int_eq(waiting_at_door(), 2);
    finish(pool);
    assert_marks("0 0 0 0 0 done 0 free");
}

TEST(with_stop_on_error_the_first_error_cancels_the_rest)
{
    em_pool *pool;
    em_group *group;
    int i;

    begin();
    pool = new_pool(1);
    group = new_group(1, true);
    assert_ok(add(group, pool, break_down));
    for (i = 0; i < 3; i++)
        assert_ok(add(group, pool, succeed));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_error(-ESHUTDOWN, add(group, pool, succeed));
    finish(pool);
    assert_marks("-5 -125 -125 -125 done -5 free");
}

/* None of them can run yet, and the last one waits for the limit. */
static em_group *begin_with_three(em_pool **pool)
{
    em_group *group;
    int i;

    begin();
    *pool = occupied_pool(loop, 1);
    group = new_group(2, false);
    for (i = 0; i < 3; i++)
        assert_ok(add(group, *pool, succeed));
    return group;
}

TEST(a_cancelled_group_brings_all_its_batons_back)
{
    em_pool *pool;
    em_group *group;

    group = begin_with_three(&pool);
    assert_ok(em_group_cancel(group));
    assert_ok(em_group_cancel(group));
    finish(pool);
    assert_marks("-125 -125 -125 done -125 free");
}

static int refuse_in_done_count;

static void add_in_done(em_group *group, int status, void *data)
{
    (void)status;
    assert_error(-ESHUTDOWN, add(group, data, succeed));
    assert_ok(em_group_cancel(group));
    assert_ok(em_group_close(group));
    refuse_in_done_count++;
}

TEST(nothing_can_be_added_in_done)
{
    em_group *group = NULL;
    em_pool *pool;

    begin();
    pool = new_pool(1);
    assert_ok(em_group_new(
        loop, EM_OPTIONS(em_group_options, .done = add_in_done, .data = pool),
        &group));
    assert_ok(add(group, pool, succeed));
    assert_ok(em_group_close(group));
    finish(pool);
    assert_marks("0");
    ck_assert_int_eq(refuse_in_done_count, 1);
}

TEST(a_freed_loop_ends_its_open_groups_as_cancelled)
{
    begin();
    (void)new_group(0, false);
    (void)new_group(0, false);
    em_loop_free(loop);
    assert_marks("done -125 free done -125 free");
}

/* --- feeders --- */

static struct {
    int left, end; /* what to answer when nothing is left */
    int most, under_way;
    em_pool *pool;
    em_work_fn *work;
    em_group *other; /* to add to at each call */
    bool cancel;     /* when one is left */
} feed;

static void leave(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    feed.under_way--;
    if (status < 0)
        mark_number(status);
}

static int next(em_group *group, em_baton_options *options, void *data)
{
    ck_assert_uint_eq(options->size, sizeof(*options));
    ck_assert_ptr_null((void *)options->data);
    ck_assert_ptr_eq(data, &feed);
    if (feed.left == 0)
        return feed.end;
    feed.left--;
    if (feed.other)
        assert_ok(add(feed.other, feed.pool, succeed));
    if (feed.cancel && feed.left == 0)
        assert_ok(em_group_cancel(group));
    options->work = feed.work;
    options->after = leave;
    options->pool = feed.pool;
    feed.under_way++;
    if (feed.under_way > feed.most)
        feed.most = feed.under_way;
    return 1;
}

static void start_feeding(int count, unsigned limit)
{
    em_group *group = NULL;

    feed.left = count;
    feed.pool = new_pool(2);
    if (!feed.work)
        feed.work = succeed;
    assert_ok(
        em_group_new(loop,
                     EM_OPTIONS(em_group_options, .limit = limit, .next = next,
                                .done = done, .data = &feed),
                     &group));
    ck_assert_int_eq(feed.left, count); /* not called in em_group_new */
}

TEST(a_feeder_is_asked_as_long_as_there_is_room)
{
    begin();
    start_feeding(10000, 3);
    finish(feed.pool);
    assert_marks("done 0");
    ck_assert_int_eq(feed.most, 3);
    ck_assert_int_eq(feed.left, 0);
}

TEST(without_a_limit_a_feeder_has_four_batons_a_thread_under_way)
{
    begin();
    start_feeding(1000, 0);
    finish(feed.pool);
    assert_marks("done 0");
    ck_assert_int_eq(feed.most, 8);
}

TEST(a_feeder_with_nothing_to_give_ends_its_group)
{
    begin();
    start_feeding(0, 0);
    finish(feed.pool);
    assert_marks("done 0");
}

TEST(a_feeder_that_fails_ends_its_group_with_the_error)
{
    begin();
    feed.end = -EIO;
    start_feeding(2, 1);
    finish(feed.pool);
    assert_marks("done -5");
}

TEST(a_feeder_may_cancel_its_own_group)
{
    begin();
    feed.cancel = true;
    start_feeding(2, 1);
    finish(feed.pool);
    assert_marks("-125 done -125");
}

TEST(a_feeder_may_add_to_another_group)
{
    begin();
    feed.other = new_group(0, false);
    start_feeding(3, 1);
    while (feed.left > 0)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    assert_ok(em_group_close(feed.other));
    finish(feed.pool);
    ck_assert_ptr_nonnull(strstr(take_marks(), "free"));
}

TEST(what_a_feeder_gives_that_cannot_start_ends_its_group)
{
    em_group *group = NULL;

    begin();
    feed.left = 1;
    assert_ok(em_group_new(
        loop,
        EM_OPTIONS(em_group_options, .next = next, .done = done, .data = &feed),
        &group));
    finish(NULL);
    assert_marks("done -22");
}

/* A pool whose queue holds one, and a group that would fill it. */
TEST(a_group_outlasts_a_full_queue)
{
    begin();
    feed.left = 100;
    feed.work = succeed;
    assert_ok(em_pool_new(
        EM_OPTIONS(em_pool_options, .max_threads = 1, .queue_limit = 1),
        &feed.pool));
    assert_ok(
        em_group_new(loop,
                     EM_OPTIONS(em_group_options, .limit = 8, .next = next,
                                .done = done, .data = &feed),
                     &(em_group *){ NULL }));
    finish(feed.pool);
    assert_marks("done 0");
    ck_assert_int_eq(feed.left, 0);
}

TEST(no_memory_at_any_point_is_an_error_and_changes_nothing)
{
    em_group *group = NULL;
    unsigned long nth;
    em_pool *pool;
    int r;

    begin();
    pool = new_pool(1);
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_group_new(loop, NULL, &group);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(!em_loop_alive(loop));
    }
    assert_ok(r);
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = add(group, pool, succeed);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
    }
    assert_ok(r);
    assert_ok(em_group_close(group));
    finish(pool);
    assert_marks("0");
}

static int free_and_feed(em_group *group, em_baton_options *next, void *data)
{
    (void)group, (void)data;
    em_loop_free(loop);
    next->work = succeed;
    return 1;
}

TEST(a_feeder_that_frees_the_loop_cancels_its_group)
{
    em_group *group;

    begin();
    assert_ok(em_group_new(loop,
                           EM_OPTIONS(em_group_options, .next = free_and_feed,
                                      .done = done, .free_data = note_free),
                           &group));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("done -125 free");
}

/* Others have filled the queue, and the group has found it full. */
static em_group *begin_with_a_full_queue(void)
{
    em_group *group = NULL;

    begin();
    feed.left = 10;
    feed.work = succeed;
    assert_ok(em_pool_new(
        EM_OPTIONS(em_pool_options, .max_threads = 1, .queue_limit = 1),
        &feed.pool));
    set_door(false);
    put(loop, feed.pool, wait_at_door, NULL);
    wait_until_waiting(1);
    put(loop, feed.pool, succeed, NULL);
    assert_ok(
        em_group_new(loop,
                     EM_OPTIONS(em_group_options, .next = next, .done = done,
                                .data = &feed, .stop_on_error = true),
                     &group));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("");
    return group;
}

TEST(a_group_outlasts_a_queue_that_others_filled)
{
    (void)begin_with_a_full_queue();
    finish(feed.pool);
    assert_marks("done 0");
    ck_assert_int_eq(feed.left, 0);
}

TEST(a_group_may_be_cancelled_while_the_queue_is_full)
{
    assert_ok(em_group_cancel(begin_with_a_full_queue()));
    finish(feed.pool);
    assert_marks("-125 done -125");
}

TEST(a_loop_may_be_freed_while_its_group_waits_for_room)
{
    (void)begin_with_a_full_queue();
    set_door(true);
    em_loop_free(loop);
    em_pool_free(feed.pool);
    assert_marks("-125 done -125");
}

/* --- fork --- */

static void check_nothing_is_left_in_a_child(em_pool *pool, size_t before)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        em_loop_free(loop);
        em_pool_free(pool);
        _exit(blocks_in_use() == before ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

TEST(a_forked_child_frees_the_open_groups_of_its_loop)
{
    size_t before = blocks_in_use();
    em_pool *pool;
    em_group *group;

    group = begin_with_three(&pool);
    check_nothing_is_left_in_a_child(pool, before);
    assert_ok(em_group_close(group));
    check_nothing_is_left_in_a_child(pool, before);
    finish(pool);
    assert_marks("0 0 0 done 0 free");
}

SUITE("group", nonsense_is_refused, a_group_of_no_jobs_is_done_from_the_loop,
      done_comes_after_all_afters_with_the_first_negative_status,
      an_open_group_waits_for_more, no_more_than_the_limit_are_under_way,
      with_stop_on_error_the_first_error_cancels_the_rest,
      a_cancelled_group_brings_all_its_batons_back,
      nothing_can_be_added_in_done,
      a_freed_loop_ends_its_open_groups_as_cancelled,
      a_feeder_is_asked_as_long_as_there_is_room,
      without_a_limit_a_feeder_has_four_batons_a_thread_under_way,
      a_feeder_with_nothing_to_give_ends_its_group,
      a_feeder_that_fails_ends_its_group_with_the_error,
      a_feeder_that_frees_the_loop_cancels_its_group,
      a_feeder_may_cancel_its_own_group, a_feeder_may_add_to_another_group,
      what_a_feeder_gives_that_cannot_start_ends_its_group,
      a_group_outlasts_a_full_queue,
      a_group_outlasts_a_queue_that_others_filled,
      a_group_may_be_cancelled_while_the_queue_is_full,
      a_loop_may_be_freed_while_its_group_waits_for_room,
      a_forked_child_frees_the_open_groups_of_its_loop,
      no_memory_at_any_point_is_an_error_and_changes_nothing);
