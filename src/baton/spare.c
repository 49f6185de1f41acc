/* SPDX-License-Identifier: MIT */
/* Spare: memory of batons that are over, for those to come. */

#include <config.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "baton/spare.h"

/* What the stack's head is when it is closed: no block. */
static em__block closed;

int em__spare_init(em__spare *spare, size_t size)
{
    spare->size = size;
    return -pthread_mutex_init(&spare->lock, NULL);
}

void em__spare_destroy(em__spare *spare)
{
    (void)pthread_mutex_destroy(&spare->lock);
}

static em__block *look(em__spare *spare)
{
    return atomic_load_explicit(&spare->returned, memory_order_relaxed);
}

static em__block *exchange(em__spare *spare, em__block *after)
{
    em__block *first =
        atomic_exchange_explicit(&spare->returned, after, memory_order_acquire);

    return first == &closed ? NULL : first;
}

/* What came back last is warm, and goes first. */
static em__block *take_ready(em__spare *spare)
{
    em__block *block;

    em__sys_lock(&spare->lock);
    if (!spare->ready && look(spare) && look(spare) != &closed)
        spare->ready = exchange(spare, NULL);
    block = spare->ready;
    if (block)
        spare->ready = block->next;
    (void)pthread_mutex_unlock(&spare->lock);
    return block;
}

void *em__spare_take(em__spare *spare)
{
    void *block = take_ready(spare);

    if (block)
        return block;
    block = em__malloc(spare->size);
    if (block)
        atomic_fetch_add_explicit(&spare->made, 1, memory_order_relaxed);
    return block;
}

bool em__spare_return(em__spare *spare, em__block *first, em__block *last)
{
    em__block *head = look(spare);

    do {
        if (head == &closed)
            return false;
        last->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&spare->returned, &head,
                                                    first, memory_order_release,
                                                    memory_order_relaxed));
    return true;
}

void em__spare_trim(em__spare *spare, size_t most)
{
    em__block **link;
    em__block *all, *rest;

    em__sys_lock(&spare->lock);
    all = look(spare) == &closed ? NULL : exchange(spare, NULL);
    for (link = &all; *link; link = &(*link)->next)
        ;
    *link = spare->ready;
    spare->ready = all;
    for (link = &spare->ready; most > 0 && *link; most--)
        link = &(*link)->next;
    rest = *link;
    *link = NULL;
    (void)pthread_mutex_unlock(&spare->lock);
    em__spare_free(spare, rest);
}

void em__spare_close(em__spare *spare)
{
    em__block *ready, *returned;

    em__sys_lock(&spare->lock);
    returned = exchange(spare, &closed);
    ready = spare->ready;
    spare->ready = NULL;
    (void)pthread_mutex_unlock(&spare->lock);
    em__spare_free(spare, returned);
    em__spare_free(spare, ready);
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
