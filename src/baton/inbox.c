/* SPDX-License-Identifier: MIT */
/* Inbox: how batons reach a pool whose threads are busy, without its lock. */

#include <config.h>

#include "baton/internal.h"

/* What the word is when the inbox is shut: no node. */
static em__list shut_mark;

static em__list *look(em__inbox *inbox)
{
    return atomic_load_explicit(&inbox->last, memory_order_relaxed);
}

void em__inbox_init(em__inbox *inbox)
{
    atomic_init(&inbox->last, &shut_mark);
}

bool em__inbox_put(em__inbox *inbox, em__list *node)
{
    em__list *last = look(inbox);

    do {
        if (last == &shut_mark)
            return false;
        node->next = last;
    } while (!atomic_compare_exchange_weak_explicit(
        &inbox->last, &last, node, memory_order_release, memory_order_relaxed));
    return true;
}

bool em__inbox_is_empty(em__inbox *inbox)
{
    em__list *last = look(inbox);

    return !last || last == &shut_mark;
}

/* Nobody else changes a shut one. */
void em__inbox_open(em__inbox *inbox)
{
    if (look(inbox) == &shut_mark)
        atomic_store_explicit(&inbox->last, NULL, memory_order_relaxed);
}

/* Each is linked to the one that came before it. */
static em__list *in_order(em__list *node)
{
    em__list *after = NULL;
    em__list *before;

    for (; node; node = before) {
        before = node->next;
        node->next = after;
        after = node;
    }
    return after;
}

void em__inbox_collect(em_pool *pool, bool shut)
{
    em__inbox *inbox = &pool->inbox;
    em__list *node = look(inbox);
    em__list *next;

    if (node == &shut_mark || (!node && !shut))
        return;
    node = atomic_exchange_explicit(&inbox->last, shut ? &shut_mark : NULL,
                                    memory_order_acquire);
    for (node = in_order(node); node; node = next) {
        next = node->next;
        em__queue_put(&pool->queue, em__container(node, em_baton, node));
    }
}
