/* SPDX-License-Identifier: MIT */
/* Query: what an emitter has and does. */

#include <config.h>

#include <errno.h>

#include "events/home.h"
#include "events/listener.h"
#include "events/table.h"
#include "events/thread.h"

const char *em_event(em_emitter *emitter)
{
    em__core *core;

    if (!emitter || em__home_is_elsewhere(emitter))
        return NULL;
    EM__CHECK_THREAD(emitter);
    core = em__private(emitter)->core;
    return core ? em__frame_name(em__frames(core)) : NULL;
}

size_t em_listener_count(em_emitter *emitter, const char *name)
{
    const em__event *event;
    em__core *core;

    if (!emitter || !name)
        return 0;
    EM__CHECK_THREAD(emitter);
    core = em__private(emitter)->core;
    event = core ? em__table_find(core, name) : NULL;
    return event ? event->live : 0;
}

int em_event_names(em_emitter *emitter, em_each_fn *fn, void *data)
{
    em_listener_info info = { .event = NULL };
    em__event *event;
    em__core *core;
    em__frame frame;
    int r = 0;

    if (!emitter || !fn)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    core = em__private(emitter)->core;
    if (!core)
        return 0;
    em__table_walk(core, &frame);
    while (r == 0 && !em__dying(emitter) &&
           (event = em__table_next(core, &frame))) {
        info.event = event->name;
        frame.event = event; /* keeps the name until fn is back */
        r = fn(emitter, &info, data);
        frame.event = NULL;
    }
    (void)em__leave(emitter, core);
    return r;
}

/* Plain listeners get a handle now that somebody may see it. */
static int give_handles(em_emitter *emitter, em__event *event)
{
    uint32_t i;

    for (i = event->begin; i < event->end; i++) {
        em__slot *slot = &event->slots[i];
        em_listener *listener;

        if (slot->more > EM__ONCE)
            continue;
        listener = em__listener_new();
        if (!listener)
            return -ENOMEM;
        listener->emitter = emitter;
        listener->event = event;
        listener->slot = i;
        listener->data = slot->data;
        listener->once = listener->limited = slot->more == EM__ONCE;
        listener->times = 1;
        slot->more = (uintptr_t)listener;
    }
    return 0;
}

static int visit(em_emitter *emitter, em__frame *frame, em_each_fn *fn,
                 void *data)
{
    const em__slot slot = frame->event->slots[frame->cursor++];
    em_listener *listener = em__slot_listener(&slot);
    em_listener_info info = { frame->event->name, slot.fn, slot.data, false,
                              listener };

    if (!listener || !listener->emitter)
        return 0;
    info.once = listener->once;
    return fn(emitter, &info, data);
}

int em_each_listener(em_emitter *emitter, const char *name, em_each_fn *fn,
                     void *data)
{
    em__event *event;
    em__core *core;
    em__frame frame;
    int r;

    if (!emitter || !name || !fn)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    core = em__private(emitter)->core;
    event = core ? em__table_find(core, name) : NULL;
    if (!event)
        return 0;
    r = give_handles(emitter, event);
    if (r < 0)
        return r;
    em__enter(core, &frame, EM__VISITS, event);
    frame.cursor = event->begin;
    frame.end = event->end;
    while (r == 0 && frame.cursor < frame.end && !em__dying(emitter))
        r = visit(emitter, &frame, fn, data);
    (void)em__leave(emitter, core);
    return r;
}
