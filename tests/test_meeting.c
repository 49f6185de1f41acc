/* SPDX-License-Identifier: MIT */
/* Meeting: works that wait for each other, as many as a pool may have threads.
 * They can all run, so they must, whatever ran before them. */

#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "door.h"

enum { ALL = 8, SHORT = 200, ROUNDS = 50, TOILERS = 64, EFFORT = 5000 };

static pthread_barrier_t barrier;

static int meet(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    (void)pthread_barrier_wait(&barrier);
    return 0;
}

/* The short ones teach the pool to take several at once, and to do with few
 * threads. */
static void meet_after_short_ones(bool apart)
{
    em_loop *loop;
    em_pool *pool = new_pool(ALL);
    int round, i;

    assert_ok(em_loop_new(NULL, &loop));
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, ALL), 0);
    for (round = 0; round < ROUNDS; round++) {
        for (i = 0; i < SHORT; i++)
            put(loop, pool, succeed, NULL);
        if (apart)
            assert_ok(em_loop_run(loop, EM_RUN_DEFAULT));
        for (i = 0; i < ALL; i++)
            put(loop, pool, meet, NULL);
        assert_ok(em_loop_run(loop, EM_RUN_DEFAULT));
    }
    ck_assert_uint_eq(counts_of(pool).done, ROUNDS * (SHORT + ALL));
    ck_assert_int_eq(pthread_barrier_destroy(&barrier), 0);
    em_loop_free(loop);
    em_pool_free(pool);
}

TEST(works_meet_that_were_queued_with_short_ones)
{
    meet_after_short_ones(false);
}

TEST(works_meet_that_were_queued_after_short_ones)
{
    meet_after_short_ones(true);
}

/* --- while the other thread of the pool is never idle --- */

typedef struct toil {
    em_loop *loop;
    em_pool *pool;
    atomic_int followed;
    atomic_bool over;
    int toils, meetings; /* the loop's */
} toil;

static int lead(em_baton *baton, void *data)
{
    toil *t = data;

    (void)baton;
    while (atomic_load(&t->followed) == 0)
        (void)sched_yield();
    atomic_fetch_sub(&t->followed, 1);
    return 0;
}

static int follow(em_baton *baton, void *data)
{
    toil *t = data;

    (void)baton;
    atomic_fetch_add(&t->followed, 1);
    return 0;
}

static void meet_again(em_baton *baton, int status, void *data)
{
    toil *t = data;

    (void)baton;
    assert_ok(status);
    t->toils = 0;
    atomic_store(&t->over, ++t->meetings == ROUNDS);
}

static void toiled(em_baton *baton, int status, void *data)
{
    toil *t = data;

    (void)baton;
    assert_ok(status);
    if (++t->toils != SHORT || atomic_load(&t->over))
        return;
    put(t->loop, t->pool, lead, t);
    assert_ok(em_baton_start(t->loop,
                             EM_OPTIONS(em_baton_options, .work = follow,
                                        .after = meet_again, .data = t,
                                        .pool = t->pool),
                             NULL));
}

/* Some microseconds: short enough for a thread to take several at once, and so
 * long that both threads are awake for them.  Each is followed by another one
 * without the loop's help, so that nothing lets a thread sleep. */
static int toil_on(em_baton *baton, void *data)
{
    toil *t = data;
    volatile int i;

    (void)baton;
    for (i = 0; i < EFFORT; i++)
        ;
    if (!atomic_load(&t->over))
        assert_ok(em_baton_start(t->loop,
                                 EM_OPTIONS(em_baton_options, .work = toil_on,
                                            .after = toiled, .data = t,
                                            .pool = t->pool),
                                 NULL));
    return 0;
}

TEST(a_work_put_aside_behind_a_long_one_runs_while_all_threads_are_busy)
{
    toil t = { .pool = new_pool(2) };
    int i;

    assert_ok(em_loop_new(NULL, &t.loop));
    for (i = 0; i < TOILERS; i++)
        put(t.loop, t.pool, toil_on, &t);
    assert_ok(em_loop_run(t.loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(t.meetings, ROUNDS);
    em_loop_free(t.loop);
    em_pool_free(t.pool);
}

SUITE("meeting", works_meet_that_were_queued_with_short_ones,
      works_meet_that_were_queued_after_short_ones,
      a_work_put_aside_behind_a_long_one_runs_while_all_threads_are_busy);
