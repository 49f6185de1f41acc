/* SPDX-License-Identifier: MIT */
/* Table: the events of an emitter, by name and by age.
 *
 * Three arrays in one allocation: `order` has the events by age, with NULL
 * where one left its place, `buckets` is open addressing at no more than a
 * quarter of its load, `guesses` a cache of two ways.  Events never leave the
 * buckets one by one: a full table drops those that are idle and is built anew,
 * larger if that did not give back a quarter of it. */

#include <config.h>

#include "base/alloc.h"
#include "events/event.h"
#include "events/name.h"
#include "events/table.h"

/* Of the table; and how many of each there are for each event. */
enum { SMALLEST = 4, GUESSES = 2, BUCKETS = 4 };

em__kind em__kind_of(const char *name)
{
    static const struct {
        const char *name;
        em__kind kind;
    } kinds[] = {
        { "error", EM__ERROR },
        { "newListener", EM__NEW_LISTENER },
        { "removeListener", EM__REMOVE_LISTENER },
        { "maxListeners", EM__MAX_LISTENERS },
        { EM_ERROR_MONITOR, EM__MONITOR },
        { EM_ANY, EM__ANY },
    };
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(name, kinds[i].name) == 0)
            return kinds[i].kind;
    }
    return EM__ORDINARY;
}

/* --- look-up --- */

static size_t bucket_mask(const em__extra *extra)
{
    return (size_t)extra->capacity * BUCKETS - 1;
}

static em__event *look_up(const em__extra *extra, const em__key *key)
{
    const size_t mask = bucket_mask(extra);
    size_t i = (size_t)key->hash & mask;
    em__event *event;

    for (; (event = extra->buckets[i].event); i = (i + 1) & mask) {
        if (extra->buckets[i].hash == key->hash &&
            em__name_is(event->name, key))
            break;
    }
    return event;
}

/* An address that had another name before is a buffer from then on, unless the
 * name is interned there now.  Of a pair the newer one comes first. */
static void remember(em__guess *guess, const char *name, em__event *event)
{
    if (guess->address == name) {
        guess->event = event->name == name ? event : NULL;
        return;
    }
    guess[0] = guess[-1];
    guess[-1] = (em__guess){ name, event };
}

em__event *em__table_search(const em__extra *extra, const char *name,
                            em__guess *guess)
{
    em__event *event;
    em__key key;

    em__name_key(name, &key);
    event = look_up(extra, &key);
    if (event)
        remember(guess, name, event);
    return event;
}

/* --- order --- */

static uint32_t places_before(const em__extra *extra, uint32_t place)
{
    uint32_t i, count = 0;

    for (i = 0; i < place && i < extra->used; i++) {
        if (extra->order[i])
            count++;
    }
    return count;
}

/* Close the gaps, and move the walks under way along. */
static void squeeze(em__core *core)
{
    em__extra *extra = core->extra;
    em__frame *frame;
    uint32_t i, to = 0;

    for (frame = em__frames(core); frame; frame = frame->up) {
        if (frame->kind == EM__WALKS) {
            frame->cursor = places_before(extra, frame->cursor);
            frame->end = places_before(extra, frame->end);
        }
    }
    for (i = 0; i < extra->used; i++) {
        if (extra->order[i]) {
            extra->order[to] = extra->order[i];
            extra->order[to]->order = to;
            to++;
        }
    }
    extra->used = to;
}

static void append(em__extra *extra, em__event *event)
{
    event->order = extra->used;
    extra->order[extra->used++] = event;
}

void em__table_renew(em__core *core, em__event *event)
{
    em__extra *extra = core->extra;

    if (!extra || !extra->order || event->order + 1 == extra->used)
        return;
    extra->order[event->order] = NULL;
    if (extra->used == extra->capacity)
        squeeze(core);
    append(extra, event);
}

void em__table_walk(em__core *core, em__frame *frame)
{
    bool single = !core->extra || !core->extra->order;

    em__enter(core, frame, EM__WALKS, NULL);
    frame->cursor = 0;
    frame->end = single ? 1 : core->extra->used;
}

em__event *em__table_next(em__core *core, em__frame *frame)
{
    bool single = !core->extra || !core->extra->order;
    em__event *event;

    while (frame->cursor < frame->end) {
        event = single ? &core->first : core->extra->order[frame->cursor];
        frame->cursor++;
        if (event && event->live > 0)
            return event;
    }
    return NULL;
}

/* --- growth --- */

static void insert(em__extra *extra, em__event *event)
{
    const uint64_t hash = em__name_of(event->name)->hash;
    const size_t mask = bucket_mask(extra);
    size_t i = (size_t)hash & mask;

    while (extra->buckets[i].event)
        i = (i + 1) & mask;
    extra->buckets[i] = (em__bucket){ hash, event };
    remember(em__table_guess(extra, event->name), event->name, event);
}

static void fill(em__extra *extra)
{
    size_t size = extra->capacity;
    uint32_t i;

    memset(extra->guesses, 0, size * GUESSES * sizeof(em__guess));
    memset(extra->buckets, 0, size * BUCKETS * sizeof(em__bucket));
    for (i = 0; i < extra->used; i++) {
        if (extra->order[i])
            insert(extra, extra->order[i]);
    }
}

/* Guesses, then buckets, then order. */
static int allocate(em__extra *extra, uint32_t capacity)
{
    const size_t each = GUESSES * sizeof(em__guess) +
                        BUCKETS * sizeof(em__bucket) + sizeof(em__event *);
    em__guess *old = extra->guesses;
    em__event **order;
    em__bucket *buckets;
    em__guess *guesses;

    if (capacity > UINT32_MAX / BUCKETS || capacity > SIZE_MAX / each)
        return -1;
    guesses = em__malloc(capacity * each);
    if (!guesses)
        return -1;
    buckets = (em__bucket *)(void *)(guesses + (size_t)capacity * GUESSES);
    order = (em__event **)(void *)(buckets + (size_t)capacity * BUCKETS);
    if (extra->used > 0)
        memcpy(order, extra->order, extra->used * sizeof(em__event *));
    extra->guesses = guesses;
    extra->buckets = buckets;
    extra->order = order;
    extra->capacity = capacity;
    extra->shift = 63 - (uint32_t)__builtin_ctz(capacity);
    em__free(old);
    return 0;
}

/* Take the name from an idle event. */
static void forget(em__core *core, em__event *event)
{
    if (core->extra && core->extra->reserved[event->kind] == event)
        core->extra->reserved[event->kind] = NULL;
    em__event_clear(event);
}

static void drop(em__core *core, em__event *event)
{
    em__extra *extra = core->extra;

    extra->order[event->order] = NULL;
    extra->count--;
    forget(core, event);
    if (event != &core->first)
        em__free(event);
}

static void drop_idle(em__core *core)
{
    em__extra *extra = core->extra;
    em__frame *frame;
    em__event *event;
    uint32_t i;

    for (frame = em__frames(core); frame; frame = frame->up) {
        if (frame->event)
            frame->event->pinned = true;
    }
    for (i = 0; i < extra->used; i++) {
        event = extra->order[i];
        if (event && event->begin == event->end && !event->pinned)
            drop(core, event);
    }
    for (frame = em__frames(core); frame; frame = frame->up) {
        if (frame->event)
            frame->event->pinned = false;
    }
    squeeze(core);
}

/* Make place for one more event. */
static int make_place(em__core *core)
{
    em__extra *extra = core->extra;
    int r = 0;

    if (!extra->order) {
        r = allocate(extra, SMALLEST);
        if (r < 0)
            return r;
        if (core->first.name) {
            append(extra, &core->first);
            extra->count++;
        }
    } else if (extra->count == extra->capacity) {
        drop_idle(core);
        if (extra->count > extra->capacity / 4 * 3)
            r = allocate(extra, extra->capacity * 2);
    } else if (extra->used == extra->capacity) {
        squeeze(core);
        return 0;
    } else {
        return 0;
    }
    fill(extra);
    return r;
}

/* --- making an event --- */

/* The one in the core is free if it has no name; without a table it may also
 * change its name while it is idle. */
static bool first_is_free(em__core *core)
{
    const em__event *first = &core->first;

    if (!first->name)
        return true;
    return !(core->extra && core->extra->order) && first->begin == first->end &&
           !em__event_pinned(core, first);
}

static em__event *make_event(em__core *core, const char *name, em__kind kind)
{
    em__event *event = &core->first;

    if (!first_is_free(core))
        event = em__malloc(sizeof(*event));
    else
        forget(core, event);
    if (!event)
        return NULL;
    em__event_init(event, name);
    event->kind = (uint8_t)kind;
    return event;
}

static void enlist(em__core *core, em__event *event)
{
    em__extra *extra = core->extra;

    if (!extra)
        return;
    extra->reserved[event->kind] = event;
    extra->special = extra->special || event->kind >= EM__MONITOR;
    if (!extra->order)
        return;
    append(extra, event);
    extra->count++;
    insert(extra, event);
}

static em__event *add_event(em__core *core, const char *name)
{
    em__kind kind = em__kind_of(name);
    em__event *event;
    em__key key;

    if ((kind > EM__ERROR || !first_is_free(core)) && !em__extra_make(core))
        return NULL;
    if (!first_is_free(core) || (core->extra && core->extra->order)) {
        if (make_place(core) < 0)
            return NULL;
    }
    em__name_key(name, &key);
    name = em__name_hold(&key);
    if (!name)
        return NULL;
    event = make_event(core, name, kind);
    if (!event) {
        em__name_release(name);
        return NULL;
    }
    enlist(core, event);
    return event;
}

em__event *em__table_obtain(em__core *core, const char *name)
{
    em__event *event = em__table_find(core, name);

    return event ? event : add_event(core, name);
}

void em__table_free(em__core *core)
{
    em__extra *extra = core->extra;
    uint32_t i;

    for (i = 0; extra && i < extra->used; i++) {
        if (extra->order[i] && extra->order[i] != &core->first) {
            em__event_clear(extra->order[i]);
            em__free(extra->order[i]);
        }
    }
    em__event_clear(&core->first);
    if (extra)
        em__free(extra->guesses);
}
