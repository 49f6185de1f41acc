/* SPDX-License-Identifier: MIT */
/* Remove: how a listener goes, and who is told. */

#include <config.h>

#include <errno.h>

#include "events/emit.h"
#include "events/event.h"
#include "events/remove.h"
#include "events/table.h"
#include "events/thread.h"

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

void em__announce_removal(em_emitter *emitter, em__core *core,
                          em__removed *removed)
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

void em__remove(em_emitter *emitter, em__core *core, em__event *event,
                uint32_t index)
{
    em__removed removed;

    em__detach(core, event, index, &removed);
    em__announce_removal(emitter, core, &removed);
    if (removed.listener && !removed.listener->kept)
        em__listener_drop(removed.listener);
}

/* The same at a user's wish: calls that wait on another loop go too. */
static void remove_for_good(em_emitter *emitter, em__core *core,
                            em__event *event, uint32_t index)
{
    em_listener *listener = em__slot_listener(&event->slots[index]);

    if (listener)
        em__listener_cancel(listener);
    em__remove(emitter, core, event, index);
}

static bool is_on(const em__slot *slot)
{
    const em_listener *listener = em__slot_listener(slot);

    return listener ? listener->emitter != NULL : slot->more != EM__DEAD;
}

/* --- one --- */

typedef struct wanted {
    em_listener_fn *fn;
    void *data;
} wanted;

static bool matches(const em__slot *slot, const void *data)
{
    const wanted *w = data;

    return slot->fn == w->fn && slot->data == w->data;
}

/* The newest; event->end: none. */
static uint32_t find(const em__event *event, em__match_fn *match,
                     const void *data)
{
    uint32_t i;

    for (i = event->end; i > event->begin; i--) {
        if (match(&event->slots[i - 1], data) && is_on(&event->slots[i - 1]))
            return i - 1;
    }
    return event->end;
}

int em__off(em_emitter *emitter, const char *name, em__match_fn *match,
            const void *data)
{
    em__core *core = em__private(emitter)->core;
    em__event *event = core ? em__table_find(core, name) : NULL;
    em__frame frame;
    uint32_t index;

    if (!event)
        return -ENOENT;
    index = find(event, match, data);
    if (index == event->end)
        return -ENOENT;
    if (event->slots[index].more <= EM__ONCE && !em__removal_is_watched(core)) {
        em__event_kill(core, event, index);
        return 0;
    }
    em__enter(core, &frame, EM__HOLDS, event);
    remove_for_good(emitter, core, event, index);
    (void)em__leave(emitter, core);
    return 0;
}

int em_off(em_emitter *emitter, const char *event, em_listener_fn *fn,
           void *data)
{
    const wanted w = { fn, data };

    if (!emitter || !event || !fn)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    return em__off(emitter, event, matches, &w);
}

void em_listener_remove(em_listener *listener)
{
    em_emitter *emitter;
    em__core *core;
    em__frame frame;

    if (!listener)
        return;
    emitter = listener->emitter;
    if (!emitter) {
        em__listener_cancel(listener);
        return;
    }
    EM__CHECK_THREAD(emitter);
    core = em__private(emitter)->core;
    em__enter(core, &frame, EM__HOLDS, listener->event);
    remove_for_good(emitter, core, listener->event, listener->slot);
    (void)em__leave(emitter, core);
}

/* --- many --- */

/* Those of one event that match (match NULL: all), newest first; how many. */
static int remove_matching(em_emitter *emitter, em__core *core,
                           em__event *event, em__match_fn *match,
                           const void *data)
{
    em__frame frame;
    int count = 0;

    em__enter(core, &frame, EM__VISITS, event);
    frame.cursor = event->end;
    frame.end = event->begin;
    while (frame.cursor > frame.end && !em__dying(emitter)) {
        const em__slot *slot = &event->slots[--frame.cursor];

        if (!is_on(slot) || (match && !match(slot, data)))
            continue;
        remove_for_good(emitter, core, event, frame.cursor);
        count++;
    }
    em__pop(core, &frame);
    return count;
}

static int remove_everywhere(em_emitter *emitter, em__match_fn *match,
                             const void *data)
{
    em__core *core = em__private(emitter)->core;
    em__event *event;
    em__frame frame;
    int count = 0;

    if (!core)
        return 0;
    em__table_walk(core, &frame);
    while (!em__dying(emitter) && (event = em__table_next(core, &frame))) {
        if (event->kind != EM__REMOVE_LISTENER)
            count += remove_matching(emitter, core, event, match, data);
    }
    if (em__removal_is_watched(core))
        count += remove_matching(emitter, core,
                                 core->extra->reserved[EM__REMOVE_LISTENER],
                                 match, data);
    (void)em__leave(emitter, core);
    return count;
}

int em_off_all(em_emitter *emitter, const char *name)
{
    em__core *core;
    em__event *event;
    em__frame frame;
    int count;

    if (!emitter)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    if (!name)
        return remove_everywhere(emitter, NULL, NULL);
    core = em__private(emitter)->core;
    event = core ? em__table_find(core, name) : NULL;
    if (!event)
        return 0;
    em__enter(core, &frame, EM__HOLDS, event);
    count = remove_matching(emitter, core, event, NULL, NULL);
    (void)em__leave(emitter, core);
    return count;
}

static bool has_data(const em__slot *slot, const void *data)
{
    return slot->data == data;
}

int em_off_data(em_emitter *emitter, void *data)
{
    if (!emitter)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    return remove_everywhere(emitter, has_data, data);
}
