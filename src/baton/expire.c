/* SPDX-License-Identifier: MIT */
/* Expire: batons that waited in the queue for as long as they may.
 *
 * They have to come back on time even while every thread of the pool is
 * blocked, so a pool with such batons has one more thread, which sleeps until
 * the first of them is due and leaves when there was none for a while.  The
 * wheel is guarded by the pool's lock; who adds a baton that is due before that
 * thread would look, signals it under the lock. */

#include <config.h>

#include <errno.h>

#include "baton/internal.h"

enum { LINGER_MS = 1000 };

/* Under the lock: take out what is due. */
static void drop_due(em_pool *pool, em__list *dropped)
{
    em__full *full;

    em__wheel_advance(&pool->wheel, em__sys_now_us() / 1000);
    while (!em__list_empty(&pool->wheel.due)) {
        full = em__container(pool->wheel.due.next, em__full, timer.node);
        em__expire_remove(pool, &full->baton);
        em__queue_drop(&pool->queue, &full->baton);
        atomic_store(&full->baton.state, EM__BATON_DONE);
        em__list_append(dropped, &full->baton.node);
        pool->cancelled++;
    }
}

/* Under the lock, which is given back in between if there was something. */
static void expire_due(em_pool *pool)
{
    em__list dropped;

    em__list_init(&dropped);
    drop_due(pool, &dropped);
    if (em__list_empty(&dropped))
        return;
    em__pool_unlock(pool);
    em__pool_finish_dropped(&dropped, -ETIMEDOUT);
    em__pool_lock(pool);
}

/* False if nothing has a time limit, and nothing had for a while. */
static bool wait_for_next(em_pool *pool)
{
    uint64_t next = em__wheel_next(&pool->wheel);
    bool idle = next == UINT64_MAX;

    if (idle)
        next = em__sys_now_us() / 1000 + LINGER_MS;
    pool->expiry_ms = idle ? UINT64_MAX : next;
    if (em__cond_wait_until(&pool->expiry, &pool->lock, next * 1000))
        return true;
    return !idle || em__wheel_next(&pool->wheel) != UINT64_MAX;
}

static void *run_expiry(void *data)
{
    em_pool *pool = data;
    bool over;

    em__thread_name(pool);
    em__pool_lock(pool);
    do
        expire_due(pool);
    while (!pool->closed && wait_for_next(pool));
    pool->expires = false;
    over = em__pool_is_over(pool);
    em__pool_unlock(pool);
    if (over)
        em__pool_destroy(pool);
    return NULL;
}

/* Never early: the clock's millisecond has begun already. */
static uint64_t due_after(uint64_t timeout_ms)
{
    uint64_t now = em__sys_now_us() / 1000 + 1;

    return timeout_ms < UINT64_MAX / 1000 - now ? now + timeout_ms
                                                : UINT64_MAX / 1000;
}

int em__expire_add(em_pool *pool, em__full *full, uint64_t timeout_ms)
{
    int r;

    if (!pool->expires) {
        r = em__thread_create(pool, run_expiry, pool);
        if (r < 0)
            return r;
        pool->expires = true;
        pool->expiry_ms = 0;
    }
    full->timed = true;
    full->timer.due = due_after(timeout_ms);
    em__wheel_add(&pool->wheel, &full->timer);
    if (full->timer.due < pool->expiry_ms)
        (void)pthread_cond_signal(&pool->expiry);
    return 0;
}

void em__expire_remove(em_pool *pool, em_baton *baton)
{
    em__full *full = em__baton_full(baton);

    if (!full || !full->timed)
        return;
    full->timed = false;
    em__wheel_remove(&pool->wheel, &full->timer);
}

void em__expire_end(em_pool *pool)
{
    (void)pthread_cond_signal(&pool->expiry);
}
