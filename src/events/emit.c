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
#include "events/home.h"
#include "events/listener.h"
#include "events/remove.h"
#include "events/table.h"
#include "events/thread.h"
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
        em__announce_removal(emitter, core, &removed);
        if (em__dying(emitter))
            return;
    }
    slot.fn(emitter, arg, slot.data);
}

/* Whether an emit that is at a listener which is off must call it even so. */
static bool is_owed(const em__frame *frame, const em_listener *listener)
{
    return listener->kept && !listener->tied &&
           listener->serial > frame->serial &&
           !(listener->limited && listener->times == 0);
}

static void deliver(em_emitter *emitter, const em__event *event,
                    const em__slot *slot, em_listener *listener, void *arg)
{
    em__bound *bound = em__listener_bound(listener);

    if (bound && bound->home)
        em__home_call(emitter, bound, arg, event->kind == EM__ERROR);
    else if (bound && bound->typed.fn)
        slot->fn(emitter, arg, &bound->typed);
    else
        slot->fn(emitter, arg, slot->data);
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
        deliver(emitter, frame->event, &slot, listener, arg);
    em__listener_drop(listener);
}

static EM__APART void call_marked(em_emitter *emitter, em__frame *frame,
                                  uint32_t index, void *arg)
{
    const em__slot *slot = &frame->event->slots[index];
    em__core *core = em__private(emitter)->core;

    if (slot->more == EM__ONCE)
        call_once(emitter, core, frame->event, index, arg);
    else if (slot->more != EM__DEAD)
        call_listener(emitter, core, frame, index, arg);
}

/* Call what is at the frame's cursor; whether more is to be called. */
static inline bool call_next(em_emitter *emitter, em__frame *frame,
                             const em__event *event, void *arg)
{
    const uint32_t index = frame->cursor++;
    const em__slot *slot = &event->slots[index];

    if (EM__LIKELY(slot->more == EM__PLAIN))
        slot->fn(emitter, arg, slot->data);
    else
        call_marked(emitter, frame, index, arg);
    return frame->cursor < frame->end && EM__LIKELY(!em__dying(emitter));
}

/* Call what is between the frame's cursor and its end. */
static void run(em_emitter *emitter, em__frame *frame, em__event *event,
                void *arg)
{
    if (frame->cursor < frame->end && !em__dying(emitter))
        while (call_next(emitter, frame, event, arg))
            ;
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

/* Begin to emit an event, NULL being one without listeners, in a frame that is
 * there already. */
static void begin(em__core *core, em__frame *frame, em__event *event,
                  const char *name)
{
    frame->name = name;
    frame->event = event;
    frame->cursor = event ? event->begin : 0;
    frame->end = event ? event->end : 0;
    frame->kind = EM__EMITS_AS;
    frame->serial = core->extra ? core->extra->serial : 0;
}

static void leave(em_emitter *emitter, em__core *core, em__event *event)
{
    em__pop(core, em__frames(core));
    if (event && event->held)
        sweep(emitter, core, event);
    else if (em__dying(emitter))
        em__destroy_if_ready(emitter);
}

static void emit_as(em_emitter *emitter, em__core *core, em__event *event,
                    const char *name, void *arg)
{
    em__frame frame;

    em__enter(core, &frame, EM__EMITS_AS, event);
    begin(core, &frame, event, name);
    run(emitter, &frame, event, arg);
    leave(emitter, core, event);
}

void em__emit_event(em_emitter *emitter, em__core *core, em__event *event,
                    void *arg)
{
    emit_as(emitter, core, event, event->name, arg);
}

/* Nobody listens. */
static bool unheard(em_emitter *emitter, const char *name, void *arg)
{
    if (EM__LIKELY(!name || name[0] != 'e'))
        return false;
    return em__uncaught(emitter, name, arg);
}

/* Call the listeners of EM_ANY or EM_ERROR_MONITOR on behalf of an event. */
static void emit_aside(em_emitter *emitter, em__core *core, em__kind kind,
                       const char *name, void *arg)
{
    em__event *event = core->extra->reserved[kind];

    if (event && event->live > 0)
        emit_as(emitter, core, event, name, arg);
}

/* Whether an emit that is at its first listener must call one that is off. */
static bool owes(const em__frame *frame)
{
    const em_listener *listener;
    uint32_t i;

    for (i = frame->cursor; frame->event->held && i < frame->end; i++) {
        listener = em__slot_listener(&frame->event->slots[i]);
        if (listener && is_owed(frame, listener))
            return true;
    }
    return false;
}

/* The event's own frame is begun before EM_ANY is told, since what is added
 * from then on waits, and after EM_ERROR_MONITOR was: for Node that is another
 * emit.  'error' is handled if a listener is left, or is to be called even so,
 * when all that is over; what is kept for an outer emit does not hear it.  With
 * something kept the hook is called before the emit ends, since the end may
 * free the emitter. */
static bool emit_watched(em_emitter *emitter, em__core *core, em__event *event,
                         const char *name, void *arg)
{
    em__kind kind = event ? (em__kind)event->kind : em__kind_of(name);
    em__frame frame;
    bool heard;

    em__enter(core, &frame, EM__HOLDS, event);
    frame.name = event ? event->name : name;
    if (kind == EM__ERROR) {
        emit_aside(emitter, core, EM__MONITOR, frame.name, arg);
        event = em__table_find(core, name);
    }
    begin(core, &frame, event, event ? event->name : name);
    heard = event && event->live > 0;
    if (kind == EM__ORDINARY || kind == EM__ERROR)
        emit_aside(emitter, core, EM__ANY, frame.name, arg);
    if (kind == EM__ERROR)
        heard = event && (event->live > 0 || owes(&frame));
    run(emitter, &frame, event, arg);
    if (!heard && !(event && event->held) && !em__dying(emitter)) {
        em__pop(core, &frame);
        return unheard(emitter, name, arg);
    }
    if (!heard)
        (void)unheard(emitter, name, arg); /* nothing, if it is dying */
    leave(emitter, core, event);
    return heard;
}

static EM__APART bool emit_special(em_emitter *emitter, em__core *core,
                                   const char *name, void *arg)
{
    em__event *event = em__table_find(core, name);
    em__kind kind = event ? (em__kind)event->kind : em__kind_of(name);

    if (kind >= EM__MONITOR || em__dying(emitter))
        return false;
    return emit_watched(emitter, core, event, name, arg);
}

/* --- listeners, and nothing else to do --- */

static EM__APART EM__ALIGNED bool emit_plain(em_emitter *emitter,
                                             em__event *event, void *arg)
{
    em__core *core = em__private(emitter)->core;
    em__frame frame;

    if (EM__UNLIKELY(em__dying(emitter)))
        return false;
    frame.up = em__frames(core);
    frame.event = event;
    frame.cursor = event->begin;
    frame.end = event->end;
    frame.kind = EM__EMITS;
    core->top = (uintptr_t)&frame;
    while (call_next(emitter, &frame, event, arg))
        ;
    em__pop(em__private(emitter)->core, &frame);
    if (EM__UNLIKELY(em__dying(emitter)))
        em__destroy_if_ready(emitter);
    return true;
}

/* Whether emit_single will do. */
static inline bool is_single(em_emitter *emitter, const em__event *event)
{
    return EM__LIKELY(event->first.more == EM__PLAIN) &&
           EM__LIKELY(em__private(emitter)->core->top == 0) &&
           EM__LIKELY(!em__dying(emitter));
}

/* In a bare frame.  The emitter is read back from there, since to keep it in a
 * register over the call costs more. */
static inline bool emit_single(em_emitter *emitter, em__event *event, void *arg)
{
    em__frame frame;

    frame.event = event;
    frame.emitter = emitter;
    em__private(emitter)->core->top = (uintptr_t)&frame + EM__BARE;
    event->first.fn(emitter, arg, event->first.data);
    emitter = frame.emitter;
    em__private(emitter)->core->top = 0;
    if (EM__UNLIKELY(em__dying(emitter)))
        em__destroy_if_ready(emitter);
    return true;
}

void em__frame_fill(em__core *core)
{
    em__frame *frame = (em__frame *)(core->top - EM__BARE);

    frame->up = NULL;
    frame->cursor = frame->end = 1;
    frame->kind = EM__EMITS;
    core->top = (uintptr_t)frame;
}

static inline bool emit_event(em_emitter *emitter, em__event *event, void *arg)
{
    if (EM__LIKELY(is_single(emitter, event)))
        return emit_single(emitter, event, arg);
    if (EM__LIKELY(event->live > 0))
        return emit_plain(emitter, event, arg);
    return EM__UNLIKELY(event->kind == EM__ERROR) &&
           em__uncaught(emitter, event->name, arg);
}

/* --- what users emit --- */

static EM__APART bool emit_by_text(em_emitter *emitter, const char *name,
                                   void *arg)
{
    em__core *core = em__private(emitter)->core;
    em__event *event;

    if (!name)
        return false;
    if (core->extra->special)
        return emit_special(emitter, core, name, arg);
    event = em__table_find(core, name);
    return event ? emit_event(emitter, event, arg)
                 : unheard(emitter, name, arg);
}

/* An emitter with special listeners knows no event by the address of its name,
 * and no event with listeners has the name NULL. */
static EM__APART EM__ALIGNED bool emit_otherwise(em_emitter *emitter,
                                                 const char *name, void *arg)
{
    em__core *core = em__private(emitter)->core;
    em__event *event = &core->first;

    if (core->extra) {
        event = em__table_known(core, name);
        if (!event)
            return emit_by_text(emitter, name, arg);
    } else if (!name || !event->name || !em__name_equals(event->name, name)) {
        return unheard(emitter, name, arg);
    }
    return emit_event(emitter, event, arg);
}

/* What one call costs is, besides the call, the lines of instructions that are
 * fetched for it.  So the way of an interned name, whose only listener is a
 * plain one, begins with a line and leaves all others by a tail call. */
EM__ALIGNED bool em_emit(em_emitter *emitter, const char *name, void *arg)
{
    em__core *core;

    if (EM__UNLIKELY(!emitter))
        return false;
    EM__CHECK_THREAD(emitter);
    core = em__private(emitter)->core;
    if (EM__UNLIKELY(!core))
        return unheard(emitter, name, arg);
    if (EM__UNLIKELY(core->extra) || EM__UNLIKELY(core->first.name != name))
        return emit_otherwise(emitter, name, arg);
    return emit_event(emitter, &core->first, arg);
}
