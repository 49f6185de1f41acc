/* SPDX-License-Identifier: MIT */
/* Stats: what a pool is at, and what it did.
 *
 * Each thread keeps its own tally, so that counting costs it nothing that
 * others could slow down; they are added up when somebody asks, and what a
 * thread did stays with the pool when it leaves. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/options.h"
#include "baton/internal.h"

/* A consistent reading of what the thread may be changing: whoever sees a new
 * count also sees the turn that began before it. */
static void add_tally(em_pool_counts *counts, em__tally *tally)
{
    uint64_t wait[EM_HISTOGRAM], run[EM_HISTOGRAM];
    uint64_t turn;
    int i;

    do {
        turn = atomic_load_explicit(&tally->turn, memory_order_acquire);
        for (i = 0; i < EM_HISTOGRAM; i++) {
            wait[i] =
                atomic_load_explicit(&tally->wait[i], memory_order_acquire);
            run[i] = atomic_load_explicit(&tally->run[i], memory_order_acquire);
        }
    } while (turn % 2 != 0 ||
             atomic_load_explicit(&tally->turn, memory_order_relaxed) != turn);
    for (i = 0; i < EM_HISTOGRAM; i++) {
        counts->wait[i] += wait[i];
        counts->run[i] += run[i];
    }
}

unsigned em__stats_running(const em_pool *pool)
{
    unsigned running = pool->solo_runs;
    em__list *node, *after;

    em__list_each_safe(&pool->threads, node, after) {
        const em__thread *thread = em__container(node, em__thread, node);

        running += atomic_load_explicit(&thread->busy, memory_order_acquire);
    }
    return running;
}

static void count_threads(em_pool *pool, em_pool_counts *counts)
{
    em__list *node, *after;

    em__list_each_safe(&pool->threads, node, after)
        add_tally(counts, &em__container(node, em__thread, node)->tally);
    counts->running = em__stats_running(pool);
    counts->threads = pool->count;
    counts->idle = counts->threads - (counts->running - pool->solo_runs);
}

static void count(em_pool *pool, em_pool_counts *counts)
{
    uint64_t now = em__sys_now_us();
    uint64_t oldest;
    int i;

    em__thread_reclaim(pool);
    memcpy(counts->wait, pool->wait, sizeof(counts->wait));
    memcpy(counts->run, pool->run, sizeof(counts->run));
    count_threads(pool, counts);
    for (i = 0; i < EM_HISTOGRAM; i++)
        counts->done += counts->run[i];
    counts->queued =
        em__queue_count(&pool->queue) + em__queue_count(&pool->solo);
    counts->cancelled = pool->cancelled;
    oldest = em__queue_oldest(&pool->queue);
    counts->oldest_wait_us = oldest < now ? now - oldest : 0;
}

int em_pool_stats(em_pool *pool, em_pool_counts *counts)
{
    em_pool_counts all = { .size = sizeof(all) };

    if (!pool || !counts)
        return -EINVAL;
    if (em__pool_is_forked(pool))
        return -ECHILD;
    em__pool_lock(pool);
    count(pool, &all);
    em__pool_unlock(pool);
    return em__options_write(counts, &all, sizeof(all));
}
