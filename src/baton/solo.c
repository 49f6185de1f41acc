/* SPDX-License-Identifier: MIT */
/* Solo: batons that their loop runs itself.
 *
 * A loop with a virtual clock is for tests that are the same each time, so no
 * other thread has a part in it.  Its batons wait in their pool, in a queue of
 * their own under the pool's lock, which knows priorities and keys; the loop
 * comes there as its errand.  Of all that might go next, in all pools, its seed
 * draws one, and also whether another follows before the loop goes on: works
 * may end before the after of an earlier one is called, as they do elsewhere.
 *
 * No time passes while a baton waits or runs, so there is no time limit to keep
 * and nothing to measure. */

#include <config.h>

#include <errno.h>

#include "baton/internal.h"

/* --- drawing --- */

typedef struct lot {
    em_loop *loop;
    uint64_t nth;
    uint64_t choices;
    em_baton *drawn;
} lot;

static void count_choices(em_pool *pool, void *data)
{
    lot *l = data;

    l->choices += em__queue_choices(&pool->solo, l->loop);
}

static void take_nth(em_pool *pool, void *data)
{
    lot *l = data;
    size_t choices = em__queue_choices(&pool->solo, l->loop);

    if (l->drawn)
        return;
    if (l->nth >= choices) {
        l->nth -= choices;
        return;
    }
    l->drawn = em__queue_choose(&pool->solo, l->loop, (size_t)l->nth);
    atomic_store(&l->drawn->state, EM__BATON_RUNNING);
    pool->at_work++;
    pool->solo_runs++;
}

/* Between counting and taking another thread may have cancelled some. */
static em_baton *draw(em_loop *loop)
{
    lot l;

    do {
        l = (lot){ .loop = loop };
        em__recall_each_pool(count_choices, &l);
        if (l.choices == 0)
            return NULL;
        l.nth = em__loop_draw(loop, l.choices);
        em__recall_each_pool(take_nth, &l);
    } while (!l.drawn);
    return l.drawn;
}

/* --- running --- */

/* Under the lock. */
static void end(em_pool *pool, em_baton *baton)
{
    const em__full *full = em__baton_full(baton);

    pool->wait[0]++;
    pool->run[0]++;
    pool->at_work--;
    pool->solo_runs--;
    if (full && full->key)
        em__queue_release(&pool->solo, baton);
    if (pool->closed)
        (void)pthread_cond_broadcast(&pool->changed);
}

/* The thread passes for one of the pool's, to what asks for that. */
static void run(em_loop *loop, em_baton *baton)
{
    em_pool *pool = baton->pool;
    em__thread *before = em__thread_self();
    em__thread as = { .pool = pool, .current = baton, .outer = before };
    int status;

    (void)em__thread_pass_for(&as);
    em__loop_calling(loop, (void (*)(void))baton->work);
    status = baton->work(baton, baton->data);
    (void)em__thread_pass_for(before);
    em__pool_lock(pool);
    end(pool, baton);
    em__pool_unlock(pool);
    em__deliver_result(baton, status);
}

static bool run_one(em_loop *loop)
{
    em_baton *baton = draw(loop);

    if (baton)
        run(loop, baton);
    return baton;
}

void em__solo_call(em_baton *baton)
{
    em__loop_send_on(baton->loop, run_one);
}

/* What its loop runs is on this stack. */
static bool waits_for_this_stack(em_baton *baton)
{
    em_pool *pool = baton->pool;
    bool waits;

    em__pool_lock(pool);
    waits = atomic_load(&baton->state) == EM__BATON_QUEUED &&
            em__queue_waits_for_running(&pool->solo, baton);
    em__pool_unlock(pool);
    return waits;
}

int em__solo_run_until(em_baton *baton)
{
    while (atomic_load(&baton->state) == EM__BATON_QUEUED) {
        if (!run_one(baton->loop))
            return waits_for_this_stack(baton) ? -EDEADLK : -EAGAIN;
    }
    return atomic_load(&baton->state) == EM__BATON_DONE ? 0 : -EDEADLK;
}
