/* SPDX-License-Identifier: MIT */
/* Table: the events of an emitter, by name and by age.
 *
 * One event is in the core, and then there is no table.  With more, events are
 * found by the address of the name first, which is a guess to be confirmed: the
 * address of an interned name confirms itself, a literal used before takes one
 * strcmp.  Other names are hashed.  An event that lost its listeners stays,
 * since it is likely to get others, until the table is full. */

#ifndef EM_EVENTS_TABLE_H
#define EM_EVENTS_TABLE_H

#include <string.h>

#include "events/core.h"
#include "events/name.h"

/* The event of that name, found by its hash; NULL: none.  What was guessed for
 * its address was wrong, and is put right. */
em__event *em__table_search(const em__extra *extra, const char *name,
                            em__guess *guess);

/* The same, made if there is none; NULL: no memory. */
em__event *em__table_obtain(em__core *core, const char *name);

/* The event is about to get its first listener: now it is the youngest. */
void em__table_renew(em__core *core, em__event *event);

/* Free all of it; no event has a listener any more. */
void em__table_free(em__core *core);

/* Begin to visit the events that have listeners, the oldest first, in a frame
 * of the kind EM__WALKS; the next one, or NULL. */
void em__table_walk(em__core *core, em__frame *frame);
em__event *em__table_next(em__core *core, em__frame *frame);

/* What a name means. */
em__kind em__kind_of(const char *name);

static inline bool em__event_is(const em__event *event, const char *name)
{
    return event->name == name ||
           (event->name && em__name_equals(event->name, name));
}

/* Where the guess for an address is, if there is one. */
static inline em__guess *em__table_guess(const em__extra *extra,
                                         const char *name)
{
    uint64_t hash = (uintptr_t)name * UINT64_C(0x9e3779b97f4a7c15);
    em__guess *guess = &extra->guesses[hash >> extra->shift & ~UINT64_C(1)];

    return guess->address == name ? guess : guess + 1;
}

/* The event whose interned name this is, if emitting it means nothing but
 * calling its listeners; NULL: it must be looked at. */
static inline em__event *em__table_known(em__core *core, const char *name)
{
    const em__extra *extra = core->extra;
    em__event *event = &core->first;

    if (extra && extra->special)
        return NULL;
    if (extra && extra->guesses)
        event = em__table_guess(extra, name)->event;
    return event && event->name == name ? event : NULL;
}

/* The event of that name, NULL if the emitter does not know it. */
static inline em__event *em__table_find(em__core *core, const char *name)
{
    const em__extra *extra = core->extra;
    em__guess *guess;

    if (!extra || !extra->guesses)
        return em__event_is(&core->first, name) ? &core->first : NULL;
    guess = em__table_guess(extra, name);
    if (guess->address == name && guess->event &&
        em__event_is(guess->event, name))
        return guess->event;
    return em__table_search(extra, name, guess);
}

#endif
