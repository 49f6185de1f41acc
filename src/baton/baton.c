/* SPDX-License-Identifier: MIT */
/* Baton: one job's way from its making into the queue. */

#include <config.h>

#include <errno.h>

#include "base/options.h"
#include "baton/internal.h"
#include "events/emitter.h"

enum { DEFAULT_PROGRESS_LIMIT = 1024 };

/* --- making --- */

int em__baton_check(const em_loop *loop, em_baton_options *options)
{
    if (!loop || !options->work || options->priority < -EM__PRIORITY_MAX ||
        options->priority > EM__PRIORITY_MAX ||
        (options->error_to_owner && !options->owner))
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    if (!options->pool)
        options->pool = em_pool_default();
    if (!options->pool)
        return -ENOMEM;
    return em__pool_is_forked(options->pool) ? -ECHILD : 0;
}

static bool needs_full(const em_baton_options *options)
{
    return options->key || options->timeout_ms || options->progress;
}

static void fill(em_baton *baton, em_loop *loop,
                 const em_baton_options *options)
{
    baton->loop = loop;
    baton->pool = options->pool;
    baton->work = options->work;
    baton->after = options->after;
    baton->data = options->data;
    baton->free_data = options->free_data;
    baton->owner = options->owner;
    baton->level = (unsigned)(EM__PRIORITY_MAX - options->priority) & 15;
    baton->full = false;
    baton->alive = !options->unref;
    baton->error_to_owner = options->error_to_owner;
    baton->solo = em__loop_is_virtual(loop);
    atomic_init(&baton->refs, 1);
    atomic_init(&baton->state, EM__BATON_NEW);
    atomic_init(&baton->cancelled, false);
    atomic_init(&baton->waited, false);
    em__deliver_init(baton);
}

/* The time limit waits in the timer until the baton is queued. */
static void fill_full(em__full *full, const em_baton_options *options,
                      em_group *group)
{
    full->baton.full = true;
    full->key = options->key;
    full->leads = false;
    full->timed = false;
    full->timer.due = options->timeout_ms;
    full->progress = options->progress;
    full->progress_limit = options->progress_limit ? options->progress_limit
                                                   : DEFAULT_PROGRESS_LIMIT;
    full->progress_wait = options->progress_wait;
    full->group = group;
    atomic_init(&full->unread, 0);
    atomic_init(&full->blocked, false);
}

static em__kind_of_block kind_of(const em_baton *baton)
{
    return baton->full ? EM__FULL_BLOCK : EM__PLAIN_BLOCK;
}

static em_baton *make(em_loop *loop, const em_baton_options *options,
                      em_group *group, em__pocket *pocket)
{
    bool full = group || needs_full(options);
    em_baton *baton = em__block_take(pocket, options->pool,
                                     full ? EM__FULL_BLOCK : EM__PLAIN_BLOCK);

    if (!baton)
        return NULL;
    fill(baton, loop, options);
    if (full)
        fill_full((em__full *)baton, options, group);
    return baton;
}

/* --- starting --- */

/* All that can fail comes before the queue: once it is there, it may be over
 * at any moment.  A full queue is told from a thread that cannot be made, for
 * groups; for users it is -EAGAIN too. */
static int prepare(em_pool *pool, em_baton *baton)
{
    em__full *full = em__baton_full(baton);
    int r = 0;

    if (pool->closed)
        return -ESHUTDOWN;
    if (pool->queue_limit > 0 &&
        em__queue_count(&pool->queue) + em__queue_count(&pool->solo) >=
            pool->queue_limit)
        return -ENOBUFS;
    if (pool->count == 0 && !baton->solo)
        r = em__thread_add(pool);
    if (r == 0 && full && full->key)
        r = em__queue_reserve(em__pool_queue(pool, baton));
    if (r == 0 && full && full->timer.due > 0 && !baton->solo)
        r = em__expire_add(pool, full, full->timer.due);
    return r;
}

static int enqueue(em_pool *pool, em_baton *baton)
{
    int r = prepare(pool, baton);

    if (r < 0)
        return r;
    em__inbox_collect(pool, false); /* it came first */
    if (pool->claimed && baton->level < pool->claimed_level)
        em__thread_reclaim(pool);
    atomic_store_explicit(&baton->state, EM__BATON_QUEUED,
                          memory_order_relaxed);
    em__queue_put(em__pool_queue(pool, baton), baton);
    if (baton->solo)
        em__solo_call(baton);
    else
        em__park_stir(pool, 0, baton->queued_us);
    return 0;
}

/* An owner that is being destroyed cannot be held any more. */
static int hold(em_loop *loop, const em_baton_options *options, bool here)
{
    bool alive = !options->unref;
    int r = here ? em__loop_hold_here(loop, em__recall, alive)
                 : em__loop_hold(loop, em__recall, alive);

    if (r < 0 || !options->owner || em__ref_alive(options->owner))
        return r;
    em__loop_unhold_early(loop, !options->unref);
    return -ESHUTDOWN;
}

static void let_go(em_loop *loop, const em_baton_options *options)
{
    em_unref(options->owner);
    em__loop_unhold_early(loop, !options->unref);
}

/* By the inbox, if it will do.  Its work may look at what is in *ret. */
static bool start_quickly(em_pool *pool, em_baton *baton, em_baton **ret)
{
    em_baton *before = ret ? *ret : NULL;

    if (baton->solo || baton->full || baton->level < EM__PRIORITY_MAX ||
        !em__inbox_moved_within(&pool->inbox, EM__WAKE_US, baton->queued_us))
        return false;
    atomic_store_explicit(&baton->state, EM__BATON_QUEUED,
                          memory_order_relaxed);
    if (ret)
        *ret = baton;
    if (em__inbox_put(&pool->inbox, &baton->node))
        return true;
    if (ret)
        *ret = before;
    return false;
}

static int start_locked(em_pool *pool, em_baton *baton, em_baton **ret)
{
    int r;

    em__pool_lock(pool);
    r = enqueue(pool, baton);
    if (r == 0 && ret)
        *ret = baton;
    em__pool_unlock(pool);
    return r == -ENOBUFS ? -EAGAIN : r;
}

static int start(em_loop *loop, const em_baton_options *options,
                 em__pocket *pocket, em_baton **ret)
{
    em_pool *pool = options->pool;
    uint64_t now = pocket ? em__loop_recent_us(loop) : em__sys_now_us();
    em_baton *baton = make(loop, options, NULL, pocket);
    int r;

    if (!baton)
        return -ENOMEM;
    baton->queued_us = now;
    if (ret)
        atomic_init(&baton->refs, 2);
    if (start_quickly(pool, baton, ret))
        return 0;
    r = start_locked(pool, baton, ret);
    if (r < 0)
        em__block_return(pool, kind_of(baton), baton);
    return r;
}

/* All that keeps the baton's surroundings in place comes before the queue. */
static int hold_and_start(em_loop *loop, em_baton_options *options,
                          em_baton **ret)
{
    int r = em__baton_check(loop, options);
    em__pocket *pocket;

    if (r < 0)
        return r;
    pocket = em__loop_pocket(loop);
    r = hold(loop, options, pocket != NULL);
    if (r < 0)
        return r;
    r = start(loop, options, pocket, ret);
    if (r < 0)
        let_go(loop, options);
    return r;
}

int em_baton_start(em_loop *loop, const em_baton_options *options,
                   em_baton **ret)
{
    em_baton_options given;
    int r = em__options_read(options, &given, sizeof(given));

    return r < 0 ? r : hold_and_start(loop, &given, ret);
}

int em_baton_run(em_loop *loop, em_work_fn *work, em_after_fn *after,
                 void *data)
{
    return hold_and_start(loop,
                          EM_OPTIONS(em_baton_options, .work = work,
                                     .after = after, .data = data),
                          NULL);
}

/* --- the same in two steps, for groups --- */

int em__baton_make(em_loop *loop, const em_baton_options *options,
                   em_group *group, em__full **ret)
{
    em_baton *baton;
    int r = hold(loop, options, em__loop_runs_here(loop));

    if (r < 0)
        return r;
    baton = make(loop, options, group, NULL);
    if (!baton) {
        let_go(loop, options);
        return -ENOMEM;
    }
    *ret = em__baton_full(baton);
    return 0;
}

void em__baton_unmake(em_baton *baton)
{
    em_unref(baton->owner);
    em__loop_unhold_early(baton->loop, baton->alive);
    em_baton_unref(baton);
}

int em__baton_submit(em_baton *baton)
{
    int r;

    baton->queued_us = em__sys_now_us();
    em__pool_lock(baton->pool);
    r = enqueue(baton->pool, baton);
    em__pool_unlock(baton->pool);
    return r;
}

/* --- the rest of its life --- */

/* Under the lock: take it out of the queue if it did not start. */
static bool withdraw(em_pool *pool, em_baton *baton)
{
    em__thread_reclaim(pool);
    if (atomic_load(&baton->state) != EM__BATON_QUEUED)
        return false;
    em__queue_drop(em__pool_queue(pool, baton), baton);
    em__expire_remove(pool, baton);
    atomic_store(&baton->state, EM__BATON_DONE);
    pool->cancelled++;
    return true;
}

/* Under the lock: let a running work know. */
static int request(em_pool *pool, em_baton *baton)
{
    if (atomic_load(&baton->state) == EM__BATON_DONE)
        return -EALREADY;
    atomic_store(&baton->cancelled, true);
    if (baton->full && atomic_load(&((em__full *)baton)->blocked))
        (void)pthread_cond_broadcast(&pool->changed);
    return -EBUSY;
}

int em_baton_cancel(em_baton *baton)
{
    em_pool *pool;
    int r = 0;

    if (!baton)
        return -EINVAL;
    pool = baton->pool;
    if (em__pool_is_forked(pool))
        return -ECHILD;
    if (atomic_load(&baton->state) == EM__BATON_DONE)
        return -EALREADY;
    em__pool_lock(pool);
    if (!withdraw(pool, baton))
        r = request(pool, baton);
    em__pool_unlock(pool);
    if (r < 0)
        return r;
    atomic_store(&baton->cancelled, true);
    em__deliver_result(baton, -ECANCELED);
    return 0;
}

bool em_baton_cancelled(em_baton *baton)
{
    return baton &&
           atomic_load_explicit(&baton->cancelled, memory_order_relaxed);
}

em_baton *em_baton_ref(em_baton *baton)
{
    if (baton)
        atomic_fetch_add_explicit(&baton->refs, 1, memory_order_relaxed);
    return baton;
}

/* Nobody but the last reference's holder could take another one. */
bool em__baton_release(em_baton *baton)
{
    return atomic_load_explicit(&baton->refs, memory_order_acquire) == 1 ||
           atomic_fetch_sub_explicit(&baton->refs, 1, memory_order_acq_rel) ==
               1;
}

void em_baton_unref(em_baton *baton)
{
    if (baton && em__baton_release(baton))
        em__block_return(baton->pool, kind_of(baton), baton);
}

em_loop *em_baton_loop(em_baton *baton)
{
    return baton ? baton->loop : NULL;
}
