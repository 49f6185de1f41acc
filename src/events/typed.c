/* SPDX-License-Identifier: MIT */
/* Typed: listeners that are called through a function of their event's. */

#include <config.h>

#include <errno.h>

#include <emitter/typed.h>

#include "events/listen.h"
#include "events/listener.h"
#include "events/remove.h"
#include "events/thread.h"

int em_typed_on(em_emitter *emitter, const char *event, em_listener_fn *call,
                em_typed_fn *fn, void *data, bool once)
{
    em__bound *bound;

    if (!emitter || !event || !call || !fn)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    bound = em__bound_new();
    if (!bound)
        return -ENOMEM;
    bound->typed = (em_typed){ fn, data };
    return em__listen(emitter, event, call, data, &bound->base, once, false);
}

static bool matches(const em__slot *slot, const void *wanted)
{
    const em_typed *typed = wanted;
    em_listener *listener = em__slot_listener(slot);
    em__bound *bound = listener ? em__listener_bound(listener) : NULL;

    return bound && bound->typed.fn == typed->fn &&
           bound->typed.data == typed->data;
}

int em_typed_off(em_emitter *emitter, const char *event, em_typed_fn *fn,
                 void *data)
{
    const em_typed wanted = { fn, data };

    if (!emitter || !event || !fn)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    return em__off(emitter, event, matches, &wanted);
}
