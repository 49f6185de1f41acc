/* SPDX-License-Identifier: MIT */
/* Limit: so many listeners that it looks like a leak. */

#include <config.h>

#include "events/emit.h"
#include "events/limit.h"
#include "events/lock.h"
#include "events/thread.h"

enum { DEFAULT_LIMIT = 10 };

static atomic_uint default_limit = DEFAULT_LIMIT;

static struct {
    em_warning_fn *fn;
    void *data;
} hook; /* under the layer's lock */

void em_set_warning(em_warning_fn *fn, void *data)
{
    em__lock();
    hook.fn = fn;
    hook.data = data;
    em__unlock();
}

static void call_hook(em_emitter *emitter, const em_max_listeners_info *info)
{
    em_warning_fn *fn;
    void *data;

    em__lock();
    fn = hook.fn;
    data = hook.data;
    em__unlock();
    if (fn)
        fn(emitter, info, data);
}

static unsigned limit_of(const em__core *core)
{
    if (core && core->extra && core->extra->limited)
        return core->extra->limit;
    return atomic_load_explicit(&default_limit, memory_order_relaxed);
}

static void warn(em_emitter *emitter, em__core *core, em__event *event,
                 unsigned limit)
{
    em_max_listeners_info info = { event->name, event->live, limit };
    em__event *watchers =
        core->extra ? core->extra->reserved[EM__MAX_LISTENERS] : NULL;
    em__frame frame;

    event->warned = true;
    em__enter(core, &frame, EM__HOLDS, event);
    if (watchers && watchers->live > 0)
        em__emit_event(emitter, core, watchers, &info);
    else
        call_hook(emitter, &info);
    (void)em__leave(emitter, core);
}

void em__limit_check(em_emitter *emitter, em__core *core, em__event *event)
{
    unsigned limit = limit_of(core);

    if (limit > 0 && event->live > limit && !event->warned)
        warn(emitter, core, event, limit);
}

void em_set_max_listeners(em_emitter *emitter, unsigned limit)
{
    em__core *core;

    if (!emitter || em__dying(emitter))
        return;
    EM__CHECK_THREAD(emitter);
    core = em__core_make(emitter);
    if (!core || !em__extra_make(core))
        return;
    core->extra->limited = true;
    core->extra->limit = limit;
}

unsigned em_max_listeners(em_emitter *emitter)
{
    return emitter ? limit_of(em__private(emitter)->core) : 0;
}

void em_set_default_max_listeners(unsigned limit)
{
    atomic_store_explicit(&default_limit, limit, memory_order_relaxed);
}
