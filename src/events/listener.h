/* SPDX-License-Identifier: MIT */
/* Listener: what em_listen hands out, for a listener that is more than a
 * function and its data. */

#ifndef EM_EVENTS_LISTENER_H
#define EM_EVENTS_LISTENER_H

#include "events/core.h"

/* `holds` counts what still needs it: its slot, each call into it under way,
 * and whoever announces its removal.  With the last one free_data runs. */
struct em_listener {
    em_emitter *emitter; /* NULL: it is off */
    union {
        em__event *event;  /* while it is on */
        em_listener *next; /* once it is off, in a list of those to let go */
    };
    uint32_t slot; /* its index in the event, while it is in a slot */
    uint32_t holds;
    uint32_t times; /* calls that are left, if limited */
    bool limited;
    bool once;     /* as it was asked for */
    bool bound;    /* an em__bound */
    bool kept;     /* off, and still in its slot for an EM_SNAPSHOT */
    size_t serial; /* of its removal, for EM_SNAPSHOT */
    void *data;
    void (*free_data)(void *data);
};

/* Zeroed, with one hold; NULL: no memory. */
em_listener *em__listener_new(void);

/* Free one that was never added; its free_data does not run. */
void em__listener_discard(em_listener *listener);

/* It is off: no further call starts but those an EM_SNAPSHOT owes. */
void em__listener_off(em_listener *listener);

/* Give back one hold; of each in a list linked by `next`.  Runs user code. */
void em__listener_drop(em_listener *listener);
void em__listeners_drop(em_listener *first);

#endif
