/* SPDX-License-Identifier: MIT */
/* Spare: memory of batons that are over, for those to come. */

#include <config.h>

#include "base/alloc.h"
#include "baton/spare.h"

/* What the stack's head is when it is closed: no block. */
static em__block closed;

static em__block *first_of(em__block *_Atomic *blocks)
{
    return atomic_load_explicit(blocks, memory_order_relaxed);
}

static void set_ready(em__spare *spare, em__block *block)
{
    atomic_store_explicit(&spare->ready, block, memory_order_relaxed);
}

/* Everything on the stack is ready now. */
static void collect(em__spare *spare, em__block *after)
{
    em__block *block =
        atomic_exchange_explicit(&spare->returned, after, memory_order_acquire);
    em__block *next;

    for (; block && block != &closed; block = next) {
        next = block->next;
        em__spare_put_back(spare, block);
    }
}

void *em__spare_take(em__spare *spare)
{
    em__block *block;

    if (!first_of(&spare->ready) && first_of(&spare->returned) != &closed)
        collect(spare, NULL);
    block = first_of(&spare->ready);
    if (block)
        set_ready(spare, block->next);
    return block;
}

bool em__spare_is_empty(em__spare *spare)
{
    return !first_of(&spare->ready) && !first_of(&spare->returned);
}

void *em__spare_make(em__spare *spare)
{
    void *block = em__malloc(spare->size);

    if (block)
        atomic_fetch_add_explicit(&spare->made, 1, memory_order_relaxed);
    return block;
}

void em__spare_put_back(em__spare *spare, void *block)
{
    em__block *first = block;

    first->next = first_of(&spare->ready);
    set_ready(spare, first);
}

bool em__spare_return(em__spare *spare, em__block *first, em__block *last)
{
    em__block *head = first_of(&spare->returned);

    do {
        if (head == &closed)
            return false;
        last->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&spare->returned, &head,
                                                    first, memory_order_release,
                                                    memory_order_relaxed));
    return true;
}

em__block *em__spare_trim(em__spare *spare, size_t most, bool close)
{
    em__block *last = NULL;
    em__block *rest;

    collect(spare, close ? &closed : NULL);
    for (rest = first_of(&spare->ready); most > 0 && rest; most--) {
        last = rest;
        rest = rest->next;
    }
    if (last)
        last->next = NULL;
    else
        set_ready(spare, NULL);
    return rest;
}

void em__spare_free(em__spare *spare, em__block *blocks)
{
    em__block *next;

    for (; blocks; blocks = next) {
        next = blocks->next;
        em__free(blocks);
        atomic_fetch_sub_explicit(&spare->made, 1, memory_order_relaxed);
    }
}
