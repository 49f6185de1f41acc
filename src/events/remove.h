/* SPDX-License-Identifier: MIT */
/* Remove: how a listener goes, and who is told. */

#ifndef EM_EVENTS_REMOVE_H
#define EM_EVENTS_REMOVE_H

#include "events/core.h"
#include "events/listener.h"

/* A listener that was taken off. */
typedef struct em__removed {
    em_listener_info info;
    em_listener *listener; /* NULL: it was a plain one */
    em_listener stand_in;  /* and then this is its handle, which is off */
} em__removed;

/* Whether 'removeListener' has listeners. */
static inline bool em__removal_is_watched(const em__core *core)
{
    const em__event *event =
        core->extra ? core->extra->reserved[EM__REMOVE_LISTENER] : NULL;

    return event && event->live > 0;
}

/* Take the listener in a slot off, and say what it was. */
void em__detach(em__core *core, em__event *event, uint32_t index,
                em__removed *removed);

/* Emit 'removeListener'.  A frame must hold the emitter and the event. */
void em__announce_removal(em_emitter *emitter, em__core *core,
                          em__removed *removed);

/* Both, and the hold of the slot is given back, unless the slot stays for the
 * emits of an EM_SNAPSHOT.  Inside a frame that holds emitter and event. */
void em__remove(em_emitter *emitter, em__core *core, em__event *event,
                uint32_t index);

typedef bool em__match_fn(const em__slot *slot, const void *wanted);

/* Remove the newest listener that matches, for good.  0 or -ENOENT. */
int em__off(em_emitter *emitter, const char *name, em__match_fn *match,
            const void *wanted);

#endif
