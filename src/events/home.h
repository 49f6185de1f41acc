/* SPDX-License-Identifier: MIT */
/* Home: listeners that are called on a loop of their own. */

#ifndef EM_EVENTS_HOME_H
#define EM_EVENTS_HOME_H

#include "events/core.h"
#include "events/listener.h"

/* Send one call on its way.  Without memory for it 'error' is emitted; `error`
 * says that the event is itself 'error', which then counts as unheard. */
void em__home_call(em_emitter *emitter, em__bound *bound, void *arg,
                   bool error);

/* Have the listener freed on its home, behind all calls; if the home is gone,
 * here, or by the last call that it drops. */
void em__home_farewell(em__bound *bound);

/* Whether the calling thread is in a listener of that emitter whose home is not
 * the emitter's thread. */
bool em__home_is_elsewhere(const em_emitter *emitter);

#endif
