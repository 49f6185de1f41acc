/* SPDX-License-Identifier: MIT */
/* Spare: memory of batons that are over, for those to come. */

#include <config.h>

#include "base/alloc.h"
#include "baton/spare.h"

/* What the stack's head is when it is closed: no block. */
static em__block closed;

/* Everything on the stack is ready now. */
static void collect(em__spare *spare, em__block *after)
{
    em__block *block = atomic_exchange(&spare->returned, after);
    em__block *next;

    for (; block && block != &closed; block = next) {
        next = block->next;
        em__spare_put_back(spare, block);
    }
}

void *em__spare_take(em__spare *spare)
{
    em__block *block;

    if (!spare->ready && atomic_load(&spare->returned) != &closed)
        collect(spare, NULL);
    block = spare->ready;
    if (!block)
        return NULL;
    spare->ready = block->next;
    spare->out++;
    return block;
}

void em__spare_count(em__spare *spare, int more)
{
    spare->out += (size_t)more;
}

void em__spare_put_back(em__spare *spare, void *block)
{
    em__block *first = block;

    first->next = spare->ready;
    spare->ready = first;
    spare->out--;
}

bool em__spare_return(em__spare *spare, void *block)
{
    em__block *first = block;
    em__block *head =
        atomic_load_explicit(&spare->returned, memory_order_relaxed);

    do {
        if (head == &closed)
            return false;
        first->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&spare->returned, &head,
                                                    first, memory_order_release,
                                                    memory_order_relaxed));
    return true;
}

em__block *em__spare_trim(em__spare *spare, size_t most, bool close)
{
    em__block **end = &spare->ready;
    em__block *rest;

    collect(spare, close ? &closed : NULL);
    for (; most > 0 && *end; most--)
        end = &(*end)->next;
    rest = *end;
    *end = NULL;
    return rest;
}

void em__spare_free(em__block *blocks)
{
    em__block *next;

    for (; blocks; blocks = next) {
        next = blocks->next;
        em__free(blocks);
    }
}
