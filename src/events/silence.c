/* SPDX-License-Identifier: MIT */
/* Silence: an emitter in a forked child, where its listeners are another
 * process's. */

#include <config.h>

#include "events/core.h"
#include "events/listener.h"
#include "events/silence.h"

static void silence(em_listener *listener)
{
    em__bound *bound = em__listener_bound(listener);

    listener->free_data = NULL;
    if (!bound)
        return;
    em__loop_release(bound->home);
    bound->home = NULL;
}

static void silence_event(em__event *event)
{
    em_listener *listener;
    uint32_t i;

    for (i = event->begin; i < event->end; i++) {
        listener = em__slot_listener(&event->slots[i]);
        if (listener)
            silence(listener);
    }
}

void em__emitter_silence(em_emitter *emitter)
{
    em__core *core = em__private(emitter)->core;
    em__extra *extra = core ? core->extra : NULL;
    uint32_t i;

    if (core && (!extra || !extra->order))
        silence_event(&core->first);
    for (i = 0; extra && i < extra->used; i++) {
        if (extra->order[i])
            silence_event(extra->order[i]);
    }
}
