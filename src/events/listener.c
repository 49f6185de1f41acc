/* SPDX-License-Identifier: MIT */
/* Listener: what em_listen hands out, for a listener that is more than a
 * function and its data. */

#include <config.h>

#include "base/alloc.h"
#include "events/home.h"
#include "events/listener.h"

em_listener *em__listener_new(void)
{
    em_listener *listener = em__calloc(1, sizeof(*listener));

    if (listener)
        listener->holds = 1;
    return listener;
}

em__bound *em__bound_new(void)
{
    em__bound *bound = em__calloc(1, sizeof(*bound));

    if (!bound)
        return NULL;
    bound->base.holds = 1;
    bound->base.bound = true;
    em__list_init(&bound->owned);
    em__list_init(&bound->forwards);
    atomic_init(&bound->cancelled, false);
    atomic_init(&bound->shares, 1);
    return bound;
}

void em__listener_discard(em_listener *listener)
{
    em__bound *bound;

    if (!listener)
        return;
    bound = em__listener_bound(listener);
    if (bound) {
        em__list_remove(&bound->owned);
        em__list_remove(&bound->forwards);
        em__loop_release(bound->home);
    }
    em__free(listener);
}

void em__listener_off(em_listener *listener)
{
    em__bound *bound = em__listener_bound(listener);

    listener->emitter = NULL;
    if (bound) {
        em__list_remove(&bound->owned);
        em__list_remove(&bound->forwards);
    }
}

void em__listener_cancel(em_listener *listener)
{
    em__bound *bound = em__listener_bound(listener);

    if (bound)
        atomic_store_explicit(&bound->cancelled, true, memory_order_release);
}

void em__listener_drop(em_listener *listener)
{
    em__bound *bound = em__listener_bound(listener);

    if (--listener->holds > 0)
        return;
    if (bound && bound->home) {
        em__home_farewell(bound);
        return;
    }
    if (listener->free_data)
        listener->free_data(listener->data);
    em__listener_discard(listener);
}

void em__listeners_drop(em_listener *first)
{
    em_listener *next;

    for (; first; first = next) {
        next = first->next;
        em__listener_drop(first);
    }
}
