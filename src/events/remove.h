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
void em__announce(em_emitter *emitter, em__core *core, em__removed *removed);

/* All of it, inside a frame that holds the emitter and the event. */
void em__remove(em_emitter *emitter, em__core *core, em__event *event,
                uint32_t index);

#endif
