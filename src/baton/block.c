/* SPDX-License-Identifier: MIT */
/* Block: the memory of a baton, from wherever it is nearest.
 *
 * A loop's pocket has blocks of one pool, whose batons ended in this run, and
 * belongs to the run's thread: from there to the next baton neither lock nor
 * atomic operation is needed.  Otherwise it comes from the pool's spares,
 * or is allocated. */

#include <config.h>

#include "baton/internal.h"

enum { POCKET_MOST = 1024 };

/* --- back --- */

/* The pool has ended: the last block frees it. */
static void return_late(em_pool *pool, em__spare *spare, em__block *block)
{
    bool forked = em__pool_is_forked(pool);
    bool over;

    if (!forked)
        em__pool_lock(pool);
    block->next = NULL;
    em__spare_free(spare, block);
    over = em__pool_is_over(pool);
    if (!forked)
        em__pool_unlock(pool);
    if (over)
        em__pool_destroy(pool);
}

void em__block_return(em_pool *pool, em__kind_of_block kind, void *block)
{
    em__spare *spare = &pool->spares[kind];

    if (!em__spare_return(spare, block, block))
        return_late(pool, spare, block);
}

static void empty(em__pocket *pocket)
{
    em_pool *pool = pocket->of;
    em__spare *spare = &pool->spares[EM__PLAIN_BLOCK];
    em__block *last = pocket->last;
    em__block *block = pocket->first;
    em__block *next;

    pocket->first = pocket->last = NULL;
    pocket->count = 0;
    if (em__spare_return(spare, block, last))
        return;
    last->next = NULL;
    for (; block; block = next) {
        next = block->next;
        return_late(pool, spare, block);
    }
}

void em__block_pocket(em_loop *loop, em_pool *pool, void *returned)
{
    em__pocket *pocket = em__loop_pocket(loop);
    em__block *block = returned;

    if (pocket->first && (pocket->of != pool || pocket->count == POCKET_MOST))
        empty(pocket);
    if (!pocket->first) {
        pocket->of = pool;
        pocket->empty = empty;
        pocket->last = block;
    }
    block->next = pocket->first;
    pocket->first = block;
    pocket->count++;
}

/* --- forth --- */

static void *from_pocket(em__pocket *pocket, const em_pool *pool)
{
    em__block *block = pocket->first;

    if (!block || pocket->of != pool)
        return NULL;
    pocket->first = block->next;
    pocket->count--;
    return block;
}

void *em__block_take(em__pocket *pocket, em_pool *pool, em__kind_of_block kind)
{
    void *block = NULL;

    if (pocket && kind == EM__PLAIN_BLOCK)
        block = from_pocket(pocket, pool);
    return block ? block : em__spare_take(&pool->spares[kind]);
}
