/* SPDX-License-Identifier: MIT */
/* Race: batons cancelled by threads that did not submit them, while they are
 * submitted, run and end. */

#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "door.h"

enum { RACES = 10000, CANCELLERS = 3, IN_FLIGHT = 64 };

typedef struct job {
    em_baton *_Atomic baton; /* once it may be cancelled */
    atomic_int withdrawn;    /* cancels that were told it will never run */
    atomic_int requested;    /* and that it runs */
    atomic_int ran;
    int afters, status;
} job;

static job jobs[RACES];
static em_loop *loop;
static em_pool *pool;
static int submitted;

static int run(em_baton *baton, void *data)
{
    job *j = data;

    (void)baton;
    return atomic_fetch_add(&j->ran, 1);
}

static void submit(int i);

/* On the loop's thread; the batons of the owner beget the next ones. */
static void after(em_baton *baton, int status, void *data)
{
    job *j = data;

    (void)baton;
    j->afters++;
    j->status = status;
}

static void after_and_next(em_baton *baton, int status, void *data)
{
    after(baton, status, data);
    if (submitted < RACES)
        submit(submitted++);
}

static void start(int i, em_after_fn *fn)
{
    em_baton *baton = NULL;

    assert_ok(em_baton_start(
        loop,
        EM_OPTIONS(em_baton_options, .work = run, .after = fn, .data = &jobs[i],
                   .pool = pool, .key = i % 16 ? NULL : &pool),
        &baton));
    atomic_store(&jobs[i].baton, baton);
}

static void submit(int i)
{
    start(i, after_and_next);
}

static void *submit_all(void *data)
{
    int i;

    for (i = 0; i < RACES; i++)
        start(i, after);
    return data;
}

static void cancel(job *j)
{
    em_baton *baton;
    int r;

    while (!(baton = atomic_load(&j->baton)))
        (void)sched_yield();
    r = em_baton_cancel(baton);
    if (r == 0)
        atomic_fetch_add(&j->withdrawn, 1);
    else if (r == -EBUSY)
        atomic_fetch_add(&j->requested, 1);
    else
        assert_error(-EALREADY, r);
}

static void *cancel_all(void *data)
{
    int i;

    for (i = 0; i < RACES; i++)
        cancel(&jobs[i]);
    return data;
}

static void check(const job *j)
{
    bool withdrawn = atomic_load(&j->withdrawn) > 0;

    ck_assert_int_eq(j->afters, 1);
    ck_assert_int_le(atomic_load(&j->withdrawn), 1);
    ck_assert_int_eq(atomic_load(&j->ran), withdrawn ? 0 : 1);
    ck_assert_int_eq(j->status, withdrawn ? -ECANCELED : 0);
    if (withdrawn)
        ck_assert_int_eq(atomic_load(&j->requested), 0);
}

static void race(unsigned threads, bool elsewhere)
{
    pthread_t cancellers[CANCELLERS], submitter;
    em_pool_counts counts;
    unsigned withdrawn = 0;
    int i;

    memset(jobs, 0, sizeof(jobs));
    submitted = 0;
    assert_ok(em_loop_new(NULL, &loop));
    pool = new_pool(threads);
    for (i = 0; i < CANCELLERS; i++)
        ck_assert_int_eq(pthread_create(&cancellers[i], NULL, cancel_all, NULL),
                         0);
    if (elsewhere)
        ck_assert_int_eq(pthread_create(&submitter, NULL, submit_all, NULL), 0);
    else
        for (; submitted < IN_FLIGHT; submitted++)
            submit(submitted);
    assert_ok(em_loop_run(loop, EM_RUN_DEFAULT));
    if (elsewhere)
        ck_assert_int_eq(pthread_join(submitter, NULL), 0);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    for (i = 0; i < CANCELLERS; i++)
        ck_assert_int_eq(pthread_join(cancellers[i], NULL), 0);
    for (i = 0; i < RACES; i++) {
        check(&jobs[i]);
        withdrawn += (unsigned)atomic_load(&jobs[i].withdrawn);
        em_baton_unref(atomic_load(&jobs[i].baton));
    }
    counts = counts_of(pool);
    ck_assert_uint_eq(counts.cancelled, withdrawn);
    ck_assert_uint_eq(counts.done, RACES - withdrawn);
    em_loop_free(loop);
    em_pool_free(pool);
}

TEST(what_the_owner_submits_in_its_run_is_cancelled_elsewhere)
{
    race(2, false);
}

TEST(what_another_thread_submits_is_cancelled_elsewhere)
{
    race(2, true);
}

TEST(many_threads_make_no_difference)
{
    race(8, false);
}

TEST(a_single_thread_makes_no_difference)
{
    race(1, true);
}

SUITE("race", what_the_owner_submits_in_its_run_is_cancelled_elsewhere,
      what_another_thread_submits_is_cancelled_elsewhere,
      many_threads_make_no_difference, a_single_thread_makes_no_difference);
