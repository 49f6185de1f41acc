/* SPDX-License-Identifier: MIT */
/* Pool: its life, its size and its end.
 *
 * A pool is over when its user let go of it, no thread uses it and no memory of
 * a baton of it is out; whoever makes the last of these true, under the lock,
 * destroys it afterwards. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "baton/internal.h"

enum { DEFAULT_IDLE_MS = 10000 };

/* --- making --- */

/* A maximum that was not given follows the minimum. */
static int set_size(em_pool *pool, unsigned min, unsigned max)
{
    if (max > 0 && min > max)
        return -EINVAL;
    if (max == 0)
        max = em__default_size();
    pool->min = min;
    pool->max = min > max ? min : max;
    return 0;
}

static int check_stack(size_t size)
{
    pthread_attr_t attributes;
    int error;

    if (size == 0)
        return 0;
    error = pthread_attr_init(&attributes);
    if (error)
        return -error;
    error = pthread_attr_setstacksize(&attributes, size);
    (void)pthread_attr_destroy(&attributes);
    return -error;
}

static int set_options(em_pool *pool, const em_pool_options *options)
{
    em_pool_options given;
    int r = em__options_read(options, &given, sizeof(given));

    if (r < 0)
        return r;
    r = set_size(pool, given.min_threads, given.max_threads);
    if (r < 0)
        return r;
    r = check_stack(given.stack_size);
    if (r < 0)
        return r;
    if (given.idle_ms == 0)
        given.idle_ms = DEFAULT_IDLE_MS;
    pool->idle_us =
        given.idle_ms < UINT64_MAX / 1000 ? given.idle_ms * 1000 : UINT64_MAX;
    pool->queue_limit = given.queue_limit;
    pool->stack_size = given.stack_size;
    pool->on_start = given.on_start;
    pool->on_stop = given.on_stop;
    pool->hook_data = given.hook_data;
    if (given.name)
        strncpy(pool->name, given.name, sizeof(pool->name) - 1);
    em__queue_init(&pool->queue, given.aging_ms);
    em__queue_init(&pool->solo, 0);
    return 0;
}

static int init_locks(em_pool *pool)
{
    int r = -pthread_mutex_init(&pool->lock, NULL);

    if (r < 0)
        return r;
    r = em__cond_init(&pool->changed);
    if (r < 0)
        goto no_changed;
    r = em__cond_init(&pool->expiry);
    if (r < 0)
        goto no_expiry;
    r = em__spare_init(&pool->spares[EM__PLAIN_BLOCK], sizeof(em_baton));
    if (r < 0)
        goto no_plain;
    r = em__spare_init(&pool->spares[EM__FULL_BLOCK], sizeof(em__full));
    if (r < 0)
        goto no_full;
    return 0;
no_full:
    em__spare_destroy(&pool->spares[EM__PLAIN_BLOCK]);
no_plain:
    (void)pthread_cond_destroy(&pool->expiry);
no_expiry:
    (void)pthread_cond_destroy(&pool->changed);
no_changed:
    (void)pthread_mutex_destroy(&pool->lock);
    return r;
}

/* Destroying a condition that threads of the parent wait on would wait for
 * them. */
static void free_pool(em_pool *pool)
{
    int i;

    for (i = 0; i < EM__BLOCK_KINDS; i++) {
        em__spare_close(&pool->spares[i]);
        em__spare_destroy(&pool->spares[i]);
    }
    if (!em__pool_is_forked(pool)) {
        (void)pthread_cond_destroy(&pool->expiry);
        (void)pthread_cond_destroy(&pool->changed);
        (void)pthread_mutex_destroy(&pool->lock);
    }
    em__queue_destroy(&pool->queue);
    em__queue_destroy(&pool->solo);
    em__free(pool);
}

static int init_pool(em_pool *pool, const em_pool_options *options)
{
    int r = set_options(pool, options);

    if (r < 0)
        return r;
    em__inbox_init(&pool->inbox);
    em__park_init(&pool->park);
    em__list_init(&pool->threads);
    em__wheel_init(&pool->wheel, em__sys_now_us() / 1000);
    pool->processors = em__sys_processors();
    pool->forks = em__sys_forks();
    return init_locks(pool);
}

int em_pool_new(const em_pool_options *options, em_pool **ret)
{
    em_pool *pool;
    int r;

    if (!ret)
        return -EINVAL;
    pool = em__calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    r = em__sys_watch_forks();
    if (r == 0)
        r = init_pool(pool, options);
    if (r < 0) {
        em__free(pool);
        return r;
    }
    r = em__recall_watch(pool);
    if (r < 0) {
        free_pool(pool);
        return r;
    }
    *ret = pool;
    return 0;
}

/* --- the end --- */

/* Once the spares are closed. */
static size_t blocks_out(const em_pool *pool)
{
    size_t out = 0;
    int i;

    for (i = 0; i < EM__BLOCK_KINDS; i++)
        out +=
            atomic_load_explicit(&pool->spares[i].made, memory_order_relaxed);
    return out;
}

bool em__pool_is_over(const em_pool *pool)
{
    return pool->freed && pool->count == 0 && pool->leaving == 0 &&
           !pool->expires && blocks_out(pool) == 0;
}

void em__pool_destroy(em_pool *pool)
{
    if (!em__pool_is_forked(pool))
        em__recall_forget(&pool->known);
    free_pool(pool);
}

void em__pool_drop(em_pool *pool, const em_loop *loop, em__list *dropped)
{
    em__list mine;
    em__list *node, *after;

    em__list_init(&mine);
    em__thread_reclaim(pool);
    em__queue_drop_loop(&pool->queue, loop, &mine);
    em__queue_drop_loop(&pool->solo, loop, &mine);
    em__list_each_safe(&mine, node, after) {
        em_baton *baton = em__container(node, em_baton, node);

        em__expire_remove(pool, baton);
        atomic_store(&baton->state, EM__BATON_DONE);
        pool->cancelled++;
    }
    em__list_splice(dropped, &mine);
}

void em__pool_finish_dropped(em__list *dropped, int status)
{
    em_baton *baton;

    while (!em__list_empty(dropped)) {
        baton = em__container(dropped->next, em_baton, node);
        em__list_remove(&baton->node);
        if (status == -ECANCELED)
            atomic_store(&baton->cancelled, true);
        em__deliver_result(baton, status);
    }
}

/* Under the lock: take nothing more, and let the threads go. */
static void close_pool(em_pool *pool, em__list *dropped)
{
    pool->closed = true;
    em__park_tend(pool);
    em__pool_drop(pool, NULL, dropped);
    em__park_wake_all(pool);
    em__expire_end(pool);
}

static void close_spares(em_pool *pool)
{
    int i;

    for (i = 0; i < EM__BLOCK_KINDS; i++)
        em__spare_close(&pool->spares[i]);
}

void em__pool_let_go(em_pool *pool)
{
    em__list dropped;
    bool over;

    em__list_init(&dropped);
    em__pool_lock(pool);
    close_pool(pool, &dropped);
    em__pool_unlock(pool);
    close_spares(pool);
    em__pool_finish_dropped(&dropped, -ESHUTDOWN);
    em__pool_lock(pool);
    pool->freed = true;
    over = em__pool_is_over(pool);
    em__pool_unlock(pool);
    if (over)
        em__pool_destroy(pool);
}

/* Of a thread that this process does not have. */
static void forget_thread(em__thread *thread)
{
    int i;

    for (i = 0; i < EM__SLOTS; i++)
        em_baton_unref(atomic_load(&thread->slots[i]));
    em_baton_unref(thread->current);
    em__free(thread);
}

/* In a forked child nobody else is there, but the lock may be held.  Batons
 * that were on the way to their loop go with that. */
static void forget(em_pool *pool)
{
    em__list dropped;
    em__list *node, *after;
    int i;

    em__list_init(&dropped);
    em__inbox_collect(pool, true);
    em__queue_drop_loop(&pool->queue, NULL, &dropped);
    em__queue_drop_loop(&pool->solo, NULL, &dropped);
    em__list_each_safe(&dropped, node, after)
        em_baton_unref(em__container(node, em_baton, node));
    em__list_each_safe(&pool->threads, node, after)
        forget_thread(em__container(node, em__thread, node));
    (void)pthread_mutex_init(&pool->lock, NULL);
    pool->count = pool->leaving = 0;
    pool->expires = false;
    pool->freed = true;
    for (i = 0; i < EM__BLOCK_KINDS; i++)
        (void)em__spare_inherit(&pool->spares[i]);
    close_spares(pool);
    if (em__pool_is_over(pool))
        em__pool_destroy(pool);
}

void em_pool_free(em_pool *pool)
{
    if (!pool || pool->is_default)
        return;
    if (em__pool_is_forked(pool))
        forget(pool);
    else
        em__pool_let_go(pool);
}

/* Of the works that the calling thread is in, those of the pool: several only
 * on the thread of a loop with a virtual clock.  They are not waited for, which
 * would be for ever. */
static unsigned own_works(const em_pool *pool)
{
    const em__thread *self;
    unsigned count = 0;

    for (self = em__thread_self(); self; self = self->outer)
        count += self->pool == pool && self->current;
    return count;
}

static int wait_for_work(em_pool *pool, uint64_t deadline_ms)
{
    unsigned own = own_works(pool);
    uint64_t now = em__sys_now_us();
    uint64_t until = UINT64_MAX;
    unsigned running;

    if (deadline_ms < (UINT64_MAX - now) / 1000)
        until = now + deadline_ms * 1000;
    while ((running = em__stats_running(pool)) > own) {
        if (!em__cond_wait_until(&pool->changed, &pool->lock, until)) {
            running = em__stats_running(pool);
            break;
        }
    }
    return running < INT_MAX ? (int)running : INT_MAX;
}

int em_pool_shutdown(em_pool *pool, uint64_t deadline_ms)
{
    em__list dropped;
    int r;

    if (!pool)
        return -EINVAL;
    if (em__pool_is_forked(pool))
        return -ECHILD;
    em__list_init(&dropped);
    em__pool_lock(pool);
    close_pool(pool, &dropped);
    em__pool_unlock(pool);
    em__pool_finish_dropped(&dropped, -ESHUTDOWN);
    em__pool_lock(pool);
    r = wait_for_work(pool, deadline_ms);
    em__pool_unlock(pool);
    return r;
}

/* --- size --- */

int em_pool_resize(em_pool *pool, unsigned min_threads, unsigned max_threads)
{
    int r;

    if (!pool)
        return -EINVAL;
    if (em__pool_is_forked(pool))
        return -ECHILD;
    em__pool_lock(pool);
    r = pool->closed ? -ESHUTDOWN : set_size(pool, min_threads, max_threads);
    if (r == 0) {
        em__park_wake_all(pool); /* some may have to leave, or may now */
        em__park_tend(pool);
        em__park_stir(pool, 0, em__sys_now_us());
    }
    em__pool_unlock(pool);
    return r;
}
