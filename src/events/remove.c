/* SPDX-License-Identifier: MIT */
/* Remove: how a listener goes, and who is told. */

#include <config.h>

#include <errno.h>

#include "events/emit.h"
#include "events/event.h"
#include "events/remove.h"
#include "events/table.h"

void em__detach(em__core *core, em__event *event, uint32_t index,
                em__removed *removed)
{
    const em__slot slot = event->slots[index];
    em_listener *listener = em__slot_listener(&slot);

    removed->info = (em_listener_info){
        .event = event->name,
        .fn = slot.fn,
        .data = slot.data,
        .once = listener ? listener->once : slot.more == EM__ONCE,
        .listener = listener,
    };
    removed->listener = listener;
    if (listener) {
        em__listener_off(listener);
        if (core->extra)
            listener->serial = ++core->extra->serial;
    }
    em__event_kill(core, event, index);
}

void em__announce(em_emitter *emitter, em__core *core, em__removed *removed)
{
    if (!em__removal_is_watched(core) || em__dying(emitter))
        return;
    if (!removed->listener) {
        removed->stand_in = (em_listener){ .emitter = NULL };
        removed->info.listener = &removed->stand_in;
    }
    em__emit_event(emitter, core, core->extra->reserved[EM__REMOVE_LISTENER],
                   &removed->info);
}

/* The hold of the slot passes to this function, unless the slot stays for the
 * emits of an EM_SNAPSHOT, which then let go of it. */
void em__remove(em_emitter *emitter, em__core *core, em__event *event,
                uint32_t index)
{
    em__removed removed;

    em__detach(core, event, index, &removed);
    em__announce(emitter, core, &removed);
    if (removed.listener && !removed.listener->kept)
        em__listener_drop(removed.listener);
}

/* The newest of the listeners with that fn and data; event->end: none. */
static uint32_t find(const em__event *event, em_listener_fn *fn,
                     const void *data)
{
    const em_listener *listener;
    uint32_t i;

    for (i = event->end; i > event->begin; i--) {
        const em__slot *slot = &event->slots[i - 1];

        if (slot->fn != fn || slot->data != data)
            continue;
        listener = em__slot_listener(slot);
        if (!listener || listener->emitter)
            return i - 1;
    }
    return event->end;
}

int em_off(em_emitter *emitter, const char *name, em_listener_fn *fn,
           void *data)
{
    em__core *core;
    em__event *event;
    em__frame frame;
    uint32_t index;

    if (!emitter || !name || !fn)
        return -EINVAL;
    core = em__private(emitter)->core;
    event = core ? em__table_find(core, name) : NULL;
    if (!event)
        return -ENOENT;
    index = find(event, fn, data);
    if (index == event->end)
        return -ENOENT;
    if (!core->extra && event->slots[index].more <= EM__ONCE) {
        em__event_kill(core, event, index);
        return 0;
    }
    em__enter(core, &frame, EM__HOLDS, event);
    em__remove(emitter, core, event, index);
    (void)em__leave(emitter, core);
    return 0;
}
