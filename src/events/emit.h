/* SPDX-License-Identifier: MIT */
/* Emit: calling the listeners of an event. */

#ifndef EM_EVENTS_EMIT_H
#define EM_EVENTS_EMIT_H

#include "events/core.h"

/* Call the listeners of one event that are there now.  A frame must hold the
 * emitter. */
void em__emit_event(em_emitter *emitter, em__core *core, em__event *event,
                    void *arg);

#endif
