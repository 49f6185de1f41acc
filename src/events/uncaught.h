/* SPDX-License-Identifier: MIT */
/* Uncaught: the 'error' event that cannot be ignored. */

#ifndef EM_EVENTS_UNCAUGHT_H
#define EM_EVENTS_UNCAUGHT_H

#include <emitter/emitter.h>

/* Nobody listened to this event.  If it is 'error', call the hook.  False, for
 * em_emit to return. */
bool em__uncaught(em_emitter *emitter, const char *event,
                  const em_error *error);

#endif
