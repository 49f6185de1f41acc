/* SPDX-License-Identifier: MIT */
/* Event: the listeners of one name, in one array.
 *
 * The slots in use are those from begin to end.  Room may be on either side of
 * them, so that prepending is as cheap as appending.  A slot is dead from the
 * removal of its listener until the array is squeezed, which happens when more
 * than half of it is dead: removing a listener whose slot is known costs the
 * same however many there are. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "events/event.h"
#include "events/listener.h"
#include "events/name.h"

/* Slots that an event without listeners may keep; dead slots not worth moving
 * the others; the array that is given back when it is almost empty. */
enum { KEPT = 16, FEW = 16, LARGE = 1024 };

void em__event_init(em__event *event, const char *name)
{
    *event = (em__event){
        .name = name,
        .capacity = 1,
        .first.more = EM__DEAD,
    };
    event->slots = &event->first;
}

static void free_slots(em__event *event)
{
    if (event->slots != &event->first)
        em__free(event->slots);
    event->slots = &event->first;
    event->capacity = 1;
}

void em__event_clear(em__event *event)
{
    free_slots(event);
    if (event->name)
        em__name_release(event->name);
    event->name = NULL;
}

bool em__event_runs(em__core *core, const em__event *event)
{
    const em__frame *frame = em__frames(core);

    while (frame && (frame->event != event || frame->kind > EM__EMITS_AS))
        frame = frame->up;
    return frame;
}

bool em__event_pinned(em__core *core, const em__event *event)
{
    const em__frame *frame = em__frames(core);

    while (frame && frame->event != event)
        frame = frame->up;
    return frame;
}

static uint32_t reserved(em__core *core, const em__event *event)
{
    const em__frame *frame;
    uint32_t count = 0;

    for (frame = em__frames(core); frame; frame = frame->up) {
        if (frame->event == event && frame->kind == EM__RESERVES)
            count++;
    }
    return count;
}

/* --- positions: what moves along with the slots --- */

static void renumber(em__event *event)
{
    em_listener *listener;
    uint32_t i;

    for (i = event->begin; i < event->end; i++) {
        listener = em__slot_listener(&event->slots[i]);
        if (listener)
            listener->slot = i;
    }
}

static bool has_position(const em__frame *frame, const em__event *event)
{
    return frame->event == event && frame->kind <= EM__VISITS;
}

static uint32_t clamp(uint32_t position, const em__event *event)
{
    if (position < event->begin)
        return event->begin;
    return position < event->end ? position : event->end;
}

/* After slots at the ends vanished.  A position left outside would meet the
 * next listener that is put there, who must wait for the next emit. */
static void clamp_frames(em__core *core, const em__event *event)
{
    em__frame *frame;

    for (frame = em__frames(core); frame; frame = frame->up) {
        if (has_position(frame, event)) {
            frame->cursor = clamp(frame->cursor, event);
            frame->end = clamp(frame->end, event);
        }
    }
}

/* Unsigned numbers wrap, so this shifts to the left as well. */
static void shift_frames(em__core *core, const em__event *event, uint32_t by)
{
    em__frame *frame;

    for (frame = em__frames(core); frame; frame = frame->up) {
        if (has_position(frame, event)) {
            frame->cursor += by;
            frame->end += by;
        }
    }
}

/* Copy the slots to where they begin at `begin` in `slots`. */
static void move(em__core *core, em__event *event, em__slot *slots,
                 uint32_t begin)
{
    uint32_t count = event->end - event->begin;

    memmove(slots + begin, event->slots + event->begin, count * sizeof(*slots));
    shift_frames(core, event, begin - event->begin);
    event->begin = begin;
    event->end = begin + count;
}

static uint32_t survivors(const em__event *event, uint32_t position)
{
    uint32_t i, count = 0;

    for (i = event->begin; i < position; i++) {
        if (event->slots[i].more != EM__DEAD)
            count++;
    }
    return count;
}

static void squeeze(em__core *core, em__event *event)
{
    uint32_t i, to = event->begin;
    em__frame *frame;

    for (frame = em__frames(core); frame; frame = frame->up) {
        if (has_position(frame, event)) {
            frame->cursor = event->begin + survivors(event, frame->cursor);
            frame->end = event->begin + survivors(event, frame->end);
        }
    }
    for (i = event->begin; i < event->end; i++) {
        if (event->slots[i].more != EM__DEAD)
            event->slots[to++] = event->slots[i];
    }
    event->end = to;
    renumber(event);
}

/* --- room --- */

static int reallocate(em__core *core, em__event *event, uint32_t capacity,
                      bool front)
{
    em__slot *slots = em__calloc(capacity, sizeof(*slots));
    em__slot *old = event->slots;

    if (!slots)
        return -ENOMEM;
    move(core, event, slots,
         front ? capacity - (event->end - event->begin) : 0);
    event->slots = slots;
    event->capacity = capacity;
    if (old != &event->first)
        em__free(old);
    event->first.more = EM__DEAD;
    renumber(event);
    return 0;
}

int em__event_reserve(em__core *core, em__event *event, bool front)
{
    uint32_t wanted = 1 + reserved(core, event);
    uint32_t count = event->end - event->begin;
    uint32_t more;

    if (event->capacity >= LARGE && count + wanted < event->capacity / 8)
        (void)reallocate(core, event, event->capacity / 4, front);
    if (event->capacity - count >= wanted)
        return 0;
    more = event->capacity / 2;
    if (more < 4)
        more = event->capacity == 1 ? 3 : 4;
    if (event->capacity > UINT32_MAX / 2 - wanted)
        return -ENOMEM;
    return reallocate(core, event, event->capacity + more + wanted - 1, front);
}

/* There is room on the other side: move half of it over here. */
static void make_room(em__core *core, em__event *event, bool front)
{
    uint32_t half = (event->capacity - event->end + 1) / 2;

    if (!front)
        half = event->begin - (event->begin + 1) / 2;
    move(core, event, event->slots, half);
    renumber(event);
}

void em__event_insert(em__core *core, em__event *event, em__slot slot,
                      bool front)
{
    uint32_t index;
    em_listener *listener = em__slot_listener(&slot);

    if (front ? event->begin == 0 : event->end == event->capacity)
        make_room(core, event, front);
    index = front ? --event->begin : event->end++;
    event->slots[index] = slot;
    event->live++;
    if (listener)
        listener->slot = index;
}

/* --- removal --- */

static void emptied(em__core *core, em__event *event)
{
    if (event->capacity > KEPT && reserved(core, event) == 0)
        free_slots(event);
    event->begin = event->end = 0;
    clamp_frames(core, event);
}

static void trim(em__core *core, em__event *event)
{
    uint32_t begin = event->begin, end = event->end;

    while (end > begin && event->slots[end - 1].more == EM__DEAD)
        end--;
    while (begin < end && event->slots[begin].more == EM__DEAD)
        begin++;
    if (begin == event->begin && end == event->end)
        return;
    event->begin = begin;
    event->end = end;
    if (begin == end)
        emptied(core, event);
    else if (core->top)
        clamp_frames(core, event);
}

static void tidy(em__core *core, em__event *event)
{
    trim(core, event);
    if (!event->held && event->end - event->begin > 2 * event->live + FEW)
        squeeze(core, event);
}

void em__event_kill(em__core *core, em__event *event, uint32_t index)
{
    if (--event->live == 0)
        event->warned = false;
    if (core->extra && core->extra->snapshot && em__event_runs(core, event)) {
        em__slot_listener(&event->slots[index])->kept = true;
        event->held = true;
        return;
    }
    event->slots[index] = (em__slot){ .more = EM__DEAD };
    tidy(core, event);
}

em_listener *em__event_sweep(em__core *core, em__event *event)
{
    em_listener *listener, *first = NULL;
    em_listener **last = &first;
    uint32_t i;

    event->held = false;
    for (i = event->begin; i < event->end; i++) {
        listener = em__slot_listener(&event->slots[i]);
        if (!listener || !listener->kept)
            continue;
        listener->kept = false;
        event->slots[i] = (em__slot){ .more = EM__DEAD };
        *last = listener;
        last = &listener->next;
    }
    *last = NULL;
    tidy(core, event);
    return first;
}
