/* SPDX-License-Identifier: MIT */
/* Listener: what em_listen hands out, for a listener that is more than a
 * function and its data. */

#include <config.h>

#include "base/alloc.h"
#include "events/listener.h"

em_listener *em__listener_new(void)
{
    em_listener *listener = em__calloc(1, sizeof(*listener));

    if (listener)
        listener->holds = 1;
    return listener;
}

void em__listener_discard(em_listener *listener)
{
    em__free(listener);
}

void em__listener_off(em_listener *listener)
{
    listener->emitter = NULL;
}

void em__listener_drop(em_listener *listener)
{
    if (--listener->holds > 0)
        return;
    if (listener->free_data)
        listener->free_data(listener->data);
    em__free(listener);
}

void em__listeners_drop(em_listener *first)
{
    em_listener *next;

    for (; first; first = next) {
        next = first->next;
        em__listener_drop(first);
    }
}
