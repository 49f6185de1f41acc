/* SPDX-License-Identifier: MIT */
/* Pool: threads that come and go, counts, shutdown and the end. */

#include <config.h>

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
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

TEST(nonsense_is_refused)
{
    em_pool_counts counts = { .size = 1 };
    em_pool_options small = { .size = 1 };
    em_pool *pool = NULL;

    assert_error(-EINVAL, em_pool_new(NULL, NULL));
    assert_error(-EINVAL, em_pool_new(&small, &pool));
    assert_error(-EINVAL,
                 em_pool_new(EM_OPTIONS(em_pool_options, .min_threads = 3,
                                        .max_threads = 2),
                             &pool));
    assert_error(
        -EINVAL,
        em_pool_new(EM_OPTIONS(em_pool_options, .stack_size = 1), &pool));
    ck_assert_ptr_null(pool);
    assert_error(-EINVAL, em_pool_resize(NULL, 1, 1));
    assert_error(-EINVAL, em_pool_stats(NULL, &counts));
    assert_error(-EINVAL, em_pool_shutdown(NULL, 0));
    em_pool_free(NULL);
    pool = new_pool(1);
    assert_error(-EINVAL, em_pool_stats(pool, NULL));
    assert_error(-EINVAL, em_pool_stats(pool, &counts));
    assert_error(-EINVAL, em_pool_resize(pool, 2, 1));
    em_pool_free(pool);
}

TEST(an_unused_pool_has_no_thread)
{
    em_pool *pool = NULL;

    assert_ok(em_pool_new(NULL, &pool));
    ck_assert_uint_eq(counts_of(pool).threads, 0);
    em_pool_free(pool);
}

TEST(a_pool_without_a_maximum_has_that_of_the_default_pool)
{
    em_pool *pool = NULL;

    ck_assert_int_eq(setenv("EMITTER_POOL_SIZE", "2", 1), 0);
    assert_ok(em_pool_new(NULL, &pool));
    ck_assert_uint_eq(pool->max, 2);
    em_pool_free(pool);
    assert_ok(
        em_pool_new(EM_OPTIONS(em_pool_options, .min_threads = 5), &pool));
    ck_assert_uint_eq(pool->max, 5);
    em_pool_free(pool);
}

static struct {
    atomic_int starts, stops;
} hooks;

static void on_start(void *data)
{
    ck_assert_ptr_eq(data, &hooks);
    atomic_fetch_add(&hooks.starts, 1);
}

static void on_stop(void *data)
{
    ck_assert_ptr_eq(data, &hooks);
    atomic_fetch_add(&hooks.stops, 1);
}

static int check_thread(em_baton *baton, void *data)
{
    pthread_attr_t attributes;
    char name[16] = "";
    size_t stack = 0;

    (void)baton, (void)data;
    ck_assert_int_eq(atomic_load(&hooks.starts), 1);
    (void)pthread_getname_np(pthread_self(), name, sizeof(name));
    (void)pthread_getattr_np(pthread_self(), &attributes);
    (void)pthread_attr_getstacksize(&attributes, &stack);
    (void)pthread_attr_destroy(&attributes);
    /* musl adds what it keeps of a thread to the stack. */
    return (portable() || strcmp(name, "a-name-that-is-") == 0) &&
           stack >> 20 == 1;
}

TEST(threads_have_the_name_the_stack_and_the_hooks_that_were_asked_for)
{
    em_pool *pool = NULL;

    begin();
    assert_ok(
        em_pool_new(EM_OPTIONS(em_pool_options, .max_threads = 1,
                               .name = "a-name-that-is-too-long",
                               .stack_size = 1 << 20, .on_start = on_start,
                               .on_stop = on_stop, .hook_data = &hooks),
                    &pool));
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = check_thread,
                                        .after = note, .pool = pool),
                             NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("1");
    em_pool_free(pool);
    while (atomic_load(&hooks.stops) == 0)
        (void)sched_yield();
    ck_assert_int_eq(atomic_load(&hooks.starts), 1);
    em_loop_free(loop);
}

/* Waits for what has to come, however long it takes. */
static void wait_for_threads(em_pool *pool, unsigned count)
{
    while (counts_of(pool).threads != count)
        (void)sched_yield();
}

TEST(idle_threads_leave_but_for_the_minimum)
{
    em_pool *pool = NULL;
    int i;

    begin();
    assert_ok(em_pool_new(EM_OPTIONS(em_pool_options, .min_threads = 1,
                                     .max_threads = 3, .idle_ms = 1),
                          &pool));
    set_door(false);
    for (i = 0; i < 3; i++)
        put(loop, pool, wait_at_door, NULL);
    wait_until_waiting(3);
    ck_assert_uint_eq(counts_of(pool).running, 3);
    set_door(true);
    wait_for_threads(pool, 1);
    assert_ok(em_pool_resize(pool, 0, 3));
    wait_for_threads(pool, 0);
    put(loop, pool, succeed, NULL);
    let_all_end(loop, pool);
}

TEST(a_pool_grows_and_shrinks_while_it_works)
{
    em_pool *pool;
    int i;

    begin();
    pool = occupied_pool(loop, 1);
    for (i = 0; i < 2; i++)
        put(loop, pool, wait_at_door, NULL);
    ck_assert_uint_eq(counts_of(pool).queued, 2);
    assert_ok(em_pool_resize(pool, 0, 3));
    put(loop, pool, succeed, NULL);
    wait_until_waiting(3);
    assert_ok(em_pool_resize(pool, 1, 1));
    set_door(true);
    wait_for_threads(pool, 1);
    put(loop, pool, succeed, NULL);
    let_all_end(loop, pool);
}

static void sum_up(const em_pool_counts *counts, uint64_t *waits,
                   uint64_t *runs)
{
    int i;

    *waits = *runs = 0;
    for (i = 0; i < EM_HISTOGRAM; i++) {
        *waits += counts->wait[i];
        *runs += counts->run[i];
    }
}

TEST(counts_tell_what_waits_what_runs_and_what_was)
{
    em_baton *baton = NULL;
    em_pool_counts counts;
    uint64_t waits, runs;
    em_pool *pool;
    int i;

    begin();
    pool = occupied_pool(loop, 2);
    for (i = 0; i < 5; i++)
        put(loop, pool, succeed, NULL);
    assert_ok(em_baton_start(
        loop, EM_OPTIONS(em_baton_options, .work = succeed, .pool = pool),
        &baton));
    counts = counts_of(pool);
    ck_assert_uint_eq(counts.threads, 2);
    ck_assert_uint_eq(counts.idle, 0);
    ck_assert_uint_eq(counts.running, 2);
    ck_assert_uint_eq(counts.queued, 6);
    ck_assert_uint_eq(counts.done, 0);
    assert_ok(em_baton_cancel(baton));
    em_baton_unref(baton);
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    counts = counts_of(pool);
    sum_up(&counts, &waits, &runs);
    ck_assert_uint_eq(counts.done, 7);
    ck_assert_uint_eq(waits, 7);
    ck_assert_uint_eq(runs, 7);
    ck_assert_uint_eq(counts.cancelled, 1);
    ck_assert_uint_eq(counts.queued + counts.running, 0);
    ck_assert_uint_eq(counts.idle, counts.threads);
    ck_assert_uint_eq(counts.oldest_wait_us, 0);
    let_all_end(loop, pool);
}

TEST(older_programs_get_the_counts_they_know)
{
    em_pool *pool = new_pool(1);
    struct {
        size_t size;
        uint64_t threads, idle;
    } known = { sizeof(known), 7, 7 };
    uint64_t beyond = 42;

    assert_ok(em_pool_stats(pool, (em_pool_counts *)(void *)&known));
    ck_assert_uint_eq(known.size, sizeof(known));
    ck_assert_uint_eq(known.threads + known.idle, 0);
    ck_assert_uint_eq(beyond, 42);
    em_pool_free(pool);
}

TEST(newer_programs_get_zero_for_counts_that_are_not_known)
{
    em_pool *pool = new_pool(1);
    struct {
        em_pool_counts known;
        uint64_t unknown;
    } counts = { { .size = sizeof(counts) }, 42 };

    assert_ok(em_pool_stats(pool, &counts.known));
    ck_assert_uint_eq(counts.known.size, sizeof(counts));
    ck_assert_uint_eq(counts.unknown, 0);
    em_pool_free(pool);
}

/* --- shutdown --- */

TEST(shutdown_drops_what_is_queued_and_tells_how_many_are_stuck)
{
    em_pool *pool;

    begin();
    pool = occupied_pool(loop, 2);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .after = note, .pool = pool),
                             NULL));
    assert_error(2, em_pool_shutdown(pool, 0));
    assert_error(2, em_pool_shutdown(pool, 1));
    assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("-108");
    assert_error(-ESHUTDOWN,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .pool = pool),
                                NULL));
    assert_error(-ESHUTDOWN, em_pool_resize(pool, 1, 1));
    ck_assert_uint_eq(counts_of(pool).running, 2);
    set_door(true);
    assert_error(0, em_pool_shutdown(pool, UINT64_MAX));
    ck_assert_uint_eq(counts_of(pool).done, 2);
    let_all_end(loop, pool);
}

TEST(a_work_that_came_back_does_not_count_as_stuck)
{
    enum { ROUNDS = 1000 };
    em_pool *pool;
    int i;

    begin();
    for (i = 0; i < ROUNDS; i++) {
        pool = new_pool(2);
        put(loop, pool, succeed, NULL);
        put(loop, pool, succeed, NULL);
        assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
        assert_error(0, em_pool_shutdown(pool, 0));
        em_pool_free(pool);
    }
    em_loop_free(loop);
}

static em_pool *shared;

static int shut_own_pool(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return em_pool_shutdown(shared, UINT64_MAX);
}

TEST(a_work_that_shuts_its_own_pool_down_is_the_one_that_is_stuck)
{
    begin();
    shared = new_pool(2);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = shut_own_pool,
                                        .after = note, .pool = shared),
                             NULL));
    let_all_end(loop, shared);
    assert_marks("1");
}

static atomic_int accepted, came_back;

static void count_back(em_baton *baton, int status, void *data)
{
    (void)baton, (void)status, (void)data;
    atomic_fetch_add(&came_back, 1);
}

static int submit_until_refused(em_baton *baton, void *data)
{
    int r;

    (void)data;
    do {
        r = em_baton_start(em_baton_loop(baton),
                           EM_OPTIONS(em_baton_options, .work = succeed,
                                      .after = count_back, .pool = shared),
                           NULL);
        if (r == 0)
            atomic_fetch_add(&accepted, 1);
    } while (r == 0 && atomic_load(&accepted) < 200000);
    return r;
}

TEST(a_pool_shut_down_while_its_own_work_submits_brings_all_back)
{
    begin();
    shared = new_pool(2);
    put(loop, shared, submit_until_refused, NULL);
    while (atomic_load(&accepted) == 0)
        (void)sched_yield();
    assert_error(0, em_pool_shutdown(shared, UINT64_MAX));
    let_all_end(loop, shared);
    ck_assert_int_eq(atomic_load(&accepted), atomic_load(&came_back));
}

TEST(a_pool_that_is_freed_drops_its_queue_and_lets_work_end)
{
    em_baton *running = NULL;
    em_pool *pool;

    begin();
    pool = new_pool(1);
    set_door(false);
    assert_ok(
        em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = wait_at_door,
                                  .after = note, .data = "ran", .pool = pool),
                       &running));
    wait_until_waiting(1);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .after = note, .data = "dropped",
                                        .pool = pool),
                             NULL));
    em_pool_free(pool);
    assert_error(-EBUSY, em_baton_cancel(running));
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("dropped -108 ran 0");
    assert_error(-EALREADY, em_baton_cancel(running));
    em_baton_unref(running);
    em_loop_free(loop);
}

TEST(the_default_pool_is_not_freed)
{
    em_pool *pool = em_pool_default();

    em_pool_free(pool);
    ck_assert_ptr_eq(em_pool_default(), pool);
    begin();
    put(loop, pool, succeed, NULL);
    let_all_end(loop, NULL);
}

/* --- failures --- */

TEST(threads_that_cannot_be_created_are_done_without)
{
    unsigned long nth;
    em_pool *pool;
    int i;

    begin();
    for (nth = 1; nth <= 3; nth++) {
        pool = new_pool(3);
        set_door(false);
        fail_call("pthread_create", nth, EAGAIN);
        for (i = 0; i < 3; i++)
            if (nth == 1 && i == 0)
                assert_error(
                    -EAGAIN,
                    em_baton_start(loop,
                                   EM_OPTIONS(em_baton_options, .work = succeed,
                                              .pool = pool),
                                   NULL));
            else
                put(loop, pool, wait_at_door, NULL);
        set_door(true);
        assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
        (void)call_failed();
        em_pool_free(pool);
    }
    em_loop_free(loop);
}

TEST(without_any_thread_nothing_is_taken_and_later_all_is_well)
{
    em_pool *pool = new_pool(4);
    int i;

    begin();
    fail_every_call("pthread_create", EAGAIN);
    for (i = 0; i < 10; i++)
        assert_error(-EAGAIN, em_baton_start(
                                  loop,
                                  EM_OPTIONS(em_baton_options, .work = succeed,
                                             .after = note, .pool = pool,
                                             .key = i % 2 ? &pool : NULL),
                                  NULL));
    ck_assert_uint_eq(counts_of(pool).queued, 0);
    ck_assert(!em_loop_alive(loop));
    fail_every_call(NULL, 0);
    put(loop, pool, succeed, NULL);
    let_all_end(loop, pool);
}

TEST(one_thread_does_all_the_work_if_no_other_can_be_made)
{
    em_pool *pool = new_pool(4);
    int i;

    begin();
    set_door(false);
    put(loop, pool, wait_at_door, NULL);
    wait_until_waiting(1);
    fail_every_call("pthread_create", EAGAIN);
    for (i = 0; i < 1000; i++)
        put(loop, pool, succeed, NULL);
    /* A time limit needs a thread of its own. */
    assert_error(-EAGAIN,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .pool = pool, .timeout_ms = 1000),
                                NULL));
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    fail_every_call(NULL, 0);
    ck_assert_uint_eq(counts_of(pool).threads, 1);
    ck_assert_uint_eq(counts_of(pool).done, 1001);
    let_all_end(loop, pool);
}

TEST(no_memory_at_any_point_is_an_error_and_changes_nothing)
{
    em_pool *pool = NULL;
    unsigned long nth;
    int r;

    begin();
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_pool_new(NULL, &pool);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert_ptr_null(pool);
    }
    assert_ok(r);
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_baton_start(loop,
                           EM_OPTIONS(em_baton_options, .work = succeed,
                                      .pool = pool, .key = "key",
                                      .timeout_ms = 60000),
                           NULL);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert_uint_eq(counts_of(pool).queued, 0);
        ck_assert(!em_loop_alive(loop));
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 2);
    let_all_end(loop, pool);
}

static void again(em_baton *baton, int status, void *data)
{
    int *left = data;

    (void)status;
    if (--*left > 0)
        assert_ok(em_baton_run(em_baton_loop(baton), succeed, again, data));
}

TEST(the_steady_state_allocates_nothing)
{
    int left = 100;
    size_t before;

    ck_assert_int_eq(setenv("EMITTER_POOL_SIZE", "1", 1), 0);
    begin();
    assert_ok(em_baton_run(loop, succeed, again, &left));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    before = allocations_made();
    left = 10000;
    assert_ok(em_baton_run(loop, succeed, again, &left));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_uint_eq(allocations_made(), before);
    em_loop_free(loop);
}

static em_pool *nested_pool;
static atomic_bool nesting;

static void *submit_and_allocate(size_t size)
{
    if (atomic_exchange(&nesting, false))
        put(loop, nested_pool, succeed, NULL);
    return malloc(size);
}

TEST(the_allocator_that_gives_batons_their_memory_may_submit_one)
{
    int i;

    assert_ok(em_set_allocator(submit_and_allocate, realloc, free));
    begin();
    nested_pool = new_pool(1);
    put(loop, nested_pool, succeed, NULL); /* which makes the thread */
    atomic_store(&nesting, true);
    for (i = 0; i < 100; i++)
        put(loop, nested_pool, succeed, NULL);
    ck_assert(!atomic_load(&nesting));
    assert_ok(em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_uint_eq(counts_of(nested_pool).done, 102);
    em_loop_free(loop);
    em_pool_free(nested_pool);
}

/* --- fork --- */

static void in_the_child(em_pool *pool, em_baton *baton)
{
    em_pool_counts counts = { .size = sizeof(counts) };
    em_pool *mine = NULL;
    em_loop *own = NULL;

    if (em_loop_new(NULL, &own) < 0 ||
        em_baton_start(
            own, EM_OPTIONS(em_baton_options, .work = succeed, .pool = pool),
            NULL) != -ECHILD ||
        em_pool_stats(pool, &counts) != -ECHILD ||
        em_pool_resize(pool, 1, 1) != -ECHILD ||
        em_pool_shutdown(pool, 0) != -ECHILD ||
        em_baton_wait(baton, 0) != -ECHILD || em_baton_cancel(baton) != -ECHILD)
        _exit(1);
    em_pool_free(pool);
    em_baton_unref(baton);
    em_loop_free(loop);
    if (em_pool_new(NULL, &mine) < 0 ||
        em_baton_start(
            own, EM_OPTIONS(em_baton_options, .work = succeed, .pool = mine),
            NULL) < 0 ||
        em_loop_run(own, EM_RUN_DEFAULT) != 0)
        _exit(2);
    em_pool_free(mine);
    em_loop_free(own);
    _exit(0);
}

/* Have the thread for time limits, too, in its course.  While a thread begins
 * it takes memory, and sanitizers' allocators do not let go of their lock in a
 * forked child, as malloc does. */
static void begin_to_expire(em_pool *pool)
{
    assert_ok(
        em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = succeed,
                                  .after = note, .pool = pool, .timeout_ms = 1),
                       NULL));
    do
        (void)em_loop_run(loop, EM_RUN_ONCE);
    while (counts_of(pool).cancelled == 0);
    assert_marks("-110");
}

TEST(a_forked_child_may_free_the_pool_and_make_its_own)
{
    em_baton *baton = NULL;
    em_pool *pool;
    int status, i;
    pid_t pid;

    if (emulated()) /* qemu-user aborts at pthread_create in such a child */
        return;
    begin();
    pool = occupied_pool(loop, 2);
    begin_to_expire(pool);
    for (i = 0; i < 10; i++)
        put(loop, pool, succeed, NULL);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .after = note, .pool = pool,
                                        .key = pool, .timeout_ms = 600000),
                             &baton));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        in_the_child(pool, baton);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    em_baton_unref(baton);
    let_all_end(loop, pool);
    assert_marks("0");
}

SUITE("pool", nonsense_is_refused, an_unused_pool_has_no_thread,
      a_pool_without_a_maximum_has_that_of_the_default_pool,
      threads_have_the_name_the_stack_and_the_hooks_that_were_asked_for,
      idle_threads_leave_but_for_the_minimum,
      a_pool_grows_and_shrinks_while_it_works,
      counts_tell_what_waits_what_runs_and_what_was,
      older_programs_get_the_counts_they_know,
      newer_programs_get_zero_for_counts_that_are_not_known,
      shutdown_drops_what_is_queued_and_tells_how_many_are_stuck,
      a_work_that_came_back_does_not_count_as_stuck,
      a_work_that_shuts_its_own_pool_down_is_the_one_that_is_stuck,
      a_pool_shut_down_while_its_own_work_submits_brings_all_back,
      a_pool_that_is_freed_drops_its_queue_and_lets_work_end,
      the_default_pool_is_not_freed,
      threads_that_cannot_be_created_are_done_without,
      without_any_thread_nothing_is_taken_and_later_all_is_well,
      one_thread_does_all_the_work_if_no_other_can_be_made,
      no_memory_at_any_point_is_an_error_and_changes_nothing,
      the_steady_state_allocates_nothing,
      the_allocator_that_gives_batons_their_memory_may_submit_one,
      a_forked_child_may_free_the_pool_and_make_its_own);
