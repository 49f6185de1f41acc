/* SPDX-License-Identifier: MIT */
/* Listen: adding a listener. */

#ifndef EM_EVENTS_LISTEN_H
#define EM_EVENTS_LISTEN_H

#include "events/core.h"
#include "events/listener.h"

/* Add a listener; one that is more than fn and data brings its em_listener,
 * which on failure is discarded. */
int em__listen(em_emitter *emitter, const char *name, em_listener_fn *fn,
               void *data, em_listener *listener, bool once, bool front);

#endif
