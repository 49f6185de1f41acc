/* SPDX-License-Identifier: MIT */
/* Emit: calling the listeners of an event.
 *
 * An emit is a frame: where it is in the array, and where the listeners ended
 * when it began.  Both live in memory that the rest of the core can reach, and
 * the array is looked up anew for each call, because any call may add, remove,
 * emit, or drop the last reference.  A copy of the array would be simpler and
 * is what others do; it costs an allocation an emit, or calls what was removed.
 */

#include <config.h>

#include "events/emit.h"
#include "events/emitter.h"
#include "events/event.h"
#include "events/listener.h"
#include "events/remove.h"
#include "events/table.h"
#include "events/uncaught.h"

static void call_once(em_emitter *emitter, em__core *core, em__event *event,
                      uint32_t index, void *arg)
{
    const em__slot slot = event->slots[index];
    em__removed removed;

    if (!em__removal_is_watched(core)) {
        em__event_kill(core, event, index);
    } else {
        em__detach(core, event, index, &removed);
        em__announce(emitter, core, &removed);
        if (em__dying(emitter))
            return;
    }
    slot.fn(emitter, arg, slot.data);
}

/* Whether an emit that is at a listener which is off must call it even so. */
static bool is_owed(const em__frame *frame, const em_listener *listener)
{
    return listener->kept && listener->serial > frame->serial &&
           !(listener->limited && listener->times == 0);
}

static void call_listener(em_emitter *emitter, em__core *core, em__frame *frame,
                          uint32_t index, void *arg)
{
    const em__slot slot = frame->event->slots[index];
    em_listener *listener = em__slot_listener(&slot);

    if (!listener->emitter && !is_owed(frame, listener))
        return;
    listener->holds++;
    if (listener->limited && --listener->times == 0 && listener->emitter)
        em__remove(emitter, core, frame->event, index);
    if (!em__dying(emitter))
        slot.fn(emitter, arg, slot.data);
    em__listener_drop(listener);
}

static void call_marked(em_emitter *emitter, em__core *core, em__frame *frame,
                        uint32_t index, void *arg)
{
    const em__slot *slot = &frame->event->slots[index];

    if (slot->more == EM__ONCE)
        call_once(emitter, core, frame->event, index, arg);
    else if (slot->more != EM__DEAD)
        call_listener(emitter, core, frame, index, arg);
}

/* Call what is between the frame's cursor and its end. */
static inline void run(em_emitter *emitter, em__core *core, em__frame *frame,
                       void *arg)
{
    while (frame->cursor < frame->end && !em__dying(emitter)) {
        const uint32_t index = frame->cursor++;
        const em__slot *slot = &frame->event->slots[index];

        if (EM__LIKELY(slot->more == EM__PLAIN))
            slot->fn(emitter, arg, slot->data);
        else
            call_marked(emitter, core, frame, index, arg);
    }
}

/* The innermost emit of an event with kept listeners lets go of them when it is
 * also the outermost of that event. */
static void sweep(em_emitter *emitter, em__core *core, em__event *event)
{
    em__frame frame;

    if (em__event_runs(core, event))
        return;
    em__enter(core, &frame, EM__HOLDS, event);
    em__listeners_drop(em__event_sweep(core, event));
    (void)em__leave(emitter, core);
}

static inline void finish(em_emitter *emitter, em__core *core, em__event *event)
{
    core->frame = core->frame->up;
    if (EM__UNLIKELY(event->held))
        sweep(emitter, core, event);
    else if (EM__UNLIKELY(em__dying(emitter)))
        em__destroy_if_ready(emitter);
}

static inline void emit_event(em_emitter *emitter, em__core *core,
                              em__event *event, void *arg)
{
    em__frame frame = {
        .up = core->frame,
        .name = event->name,
        .event = event,
        .cursor = event->begin,
        .end = event->end,
        .kind = EM__EMITS,
    };

    if (EM__UNLIKELY(core->extra != NULL))
        frame.serial = core->extra->serial;
    core->frame = &frame;
    run(emitter, core, &frame, arg);
    finish(emitter, core, event);
}

void em__emit_event(em_emitter *emitter, em__core *core, em__event *event,
                    void *arg)
{
    emit_event(emitter, core, event, arg);
}

/* Nobody listens. */
static bool unheard(em_emitter *emitter, const char *name, void *arg)
{
    if (EM__UNLIKELY(name[0] == 'e') && strcmp(name, "error") == 0)
        em__uncaught(emitter, arg);
    return false;
}

bool em_emit(em_emitter *emitter, const char *name, void *arg)
{
    em__core *core;
    em__event *event;

    if (!emitter || !name)
        return false;
    core = em__private(emitter)->core;
    if (!core)
        return unheard(emitter, name, arg);
    event = em__table_find(core, name);
    if (!event || event->live == 0)
        return unheard(emitter, name, arg);
    if (EM__UNLIKELY(em__dying(emitter)))
        return false;
    emit_event(emitter, core, event, arg);
    return true;
}
