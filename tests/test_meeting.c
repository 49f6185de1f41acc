/* SPDX-License-Identifier: MIT */
/* Meeting: works that wait for each other, as many as a pool may have threads.
 * They can all run, so they must, whatever ran before them. */

#include <config.h>

#include <pthread.h>

#include "door.h"

enum { ALL = 8, SHORT = 200, ROUNDS = 50 };

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

SUITE("meeting", works_meet_that_were_queued_with_short_ones,
      works_meet_that_were_queued_after_short_ones);
