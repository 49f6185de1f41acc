/* SPDX-License-Identifier: MIT */
/* Limit: so many listeners that it looks like a leak. */

#ifndef EM_EVENTS_LIMIT_H
#define EM_EVENTS_LIMIT_H

#include "events/core.h"

/* A listener was added: warn if that is the first beyond the limit.  Runs user
 * code, after which the emitter may be gone. */
void em__limit_check(em_emitter *emitter, em__core *core, em__event *event);

#endif
