/* SPDX-License-Identifier: MIT */
/* Event: the listeners of one name, in one array. */

#ifndef EM_EVENTS_EVENT_H
#define EM_EVENTS_EVENT_H

#include "events/core.h"

/* Make `event` empty, its name being `name`, which it now holds. */
void em__event_init(em__event *event, const char *name);

/* Give back the name and the array; no listener is left. */
void em__event_clear(em__event *event);

/* Make sure that one more slot can be inserted, besides those that frames
 * reserved.  0 or -ENOMEM. */
int em__event_reserve(em__core *core, em__event *event, bool front);

/* Insert a slot that was reserved, before or behind all others. */
void em__event_insert(em__core *core, em__event *event, em__slot slot,
                      bool front);

/* A listener goes.  Its slot stays if it must still be called, else it is dead;
 * dead slots vanish at once from both ends, and from between when they are many
 * enough to pay for it. */
void em__event_kill(em__core *core, em__event *event, uint32_t index);

/* Free the slots that an EM_SNAPSHOT kept, once no emit of the event is left,
 * and return their listeners, linked by `next`. */
em_listener *em__event_sweep(em__core *core, em__event *event);

/* Whether an emit of the event is under way; whether any frame is on it. */
bool em__event_runs(em__core *core, const em__event *event);
bool em__event_pinned(em__core *core, const em__event *event);

#endif
