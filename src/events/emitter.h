/* SPDX-License-Identifier: MIT */
/* Emitter: its making and its end. */

#ifndef EM_EVENTS_EMITTER_H
#define EM_EVENTS_EMITTER_H

#include "events/core.h"

/* Hold the emitter unless it is dying; whether it is held.  Any thread. */
bool em__ref_alive(em_emitter *emitter);

/* Destroy it now if that waited only for the frames that are gone. */
void em__destroy_if_ready(em_emitter *emitter);

#endif
