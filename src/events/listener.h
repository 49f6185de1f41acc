/* SPDX-License-Identifier: MIT */
/* Listener: what em_listen hands out, for a listener that is more than a
 * function and its data.
 *
 * `holds` counts what still needs it on its emitter's thread: its slot, each
 * call into it under way, and whoever announces its removal.  With the last one
 * free_data runs; for a listener with a home that happens there, behind the
 * calls that wait. */

#ifndef EM_EVENTS_LISTENER_H
#define EM_EVENTS_LISTENER_H

#include <emitter/typed.h>

#include "events/core.h"

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
    bool kept;     /* off, and still in its slot for an EM_SNAPSHOT */
    bool bound;    /* an em__bound */
    bool tied;     /* once off it is never called, not by an EM_SNAPSHOT either:
                    * what it would use is gone, or may be */
    size_t serial; /* of its removal, for EM_SNAPSHOT */
    void *data;
    void (*free_data)(void *data);
};

/* One with ties.  What it has not is NULL, or an empty list. */
typedef struct em__bound {
    em_listener base;
    em__list owned;    /* in its owner's list */
    em__list forwards; /* in its emitter's list */
    em_emitter *to;    /* where it forwards to */
    const char *label; /* and which event */
    em_typed typed;    /* its fn is NULL: not a typed one */
    em_loop *home;
    em_listener_fn *fn; /* the rest is for a listener with a home */
    void *(*copy_arg)(void *arg);
    void (*free_arg)(void *arg);
    atomic_bool cancelled; /* no waiting call shall start */
    atomic_uint shares;    /* calls that wait or run, and the emitter's own */
    em__mail farewell;
} em__bound;

static inline em__bound *em__listener_bound(em_listener *listener)
{
    return listener->bound ? em__container(listener, em__bound, base) : NULL;
}

/* With one hold, else zeroed; NULL: no memory. */
em_listener *em__listener_new(void);
em__bound *em__bound_new(void);

/* Free one that was never added; its free_data does not run. */
void em__listener_discard(em_listener *listener);

/* It is off: no further call starts but those an EM_SNAPSHOT owes, and for a
 * listener with a home, those that wait unless they are cancelled too. */
void em__listener_off(em_listener *listener);
void em__listener_cancel(em_listener *listener);

/* Give back one hold; of each in a list linked by `next`.  Runs user code. */
void em__listener_drop(em_listener *listener);
void em__listeners_drop(em_listener *first);

#endif
