/* SPDX-License-Identifier: MIT */
/* Wheel: timers by deadline, to be added and removed in constant time. */

#ifndef EM_BASE_WHEEL_H
#define EM_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/* A slot for each of the next ticks, then levels of ever coarser ones.  The
 * near ones are many because a timer that is put into one is not moved any
 * more, and most of those that fire at all were short. */
enum {
    EM__WHEEL_NEAR_BITS = 7,
    EM__WHEEL_BITS = 4, /* of each level above */
    EM__WHEEL_LEVELS = 4,
    EM__WHEEL_NEAR = 1 << EM__WHEEL_NEAR_BITS,
    EM__WHEEL_FAR = EM__WHEEL_NEAR + (EM__WHEEL_LEVELS << EM__WHEEL_BITS)
};

/* Of em__timer.place and em__wheel.armed: the lowest bits, and one more timer
 * that was armed. */
enum {
    EM__WHEEL_SLOT = 0xff,
    EM__WHEEL_PUT_OFF = 1,
    EM__WHEEL_ARMED = EM__WHEEL_SLOT + 1
};

/* A member of what is timed.  `due` is in ticks (the loop's are milliseconds)
 * and is set before em__wheel_add; in a wheel, only the wheel changes it. */
typedef struct em__timer {
    em__list node;
    uint64_t due;
    uint64_t place; /* the how manieth was armed; and in 8 bits, its slot */
} em__timer;

/* `due` holds the timers whose time has come, earliest first and then in the
 * order they were added or changed; the user takes them from there with remove.
 */
typedef struct em__wheel {
    uint64_t now;
    uint64_t next;  /* what em__wheel_next answered; 0: to be worked out */
    uint64_t armed; /* the last timer's place, without its slot; and whether
                     * there may be timers in slots before their time's */
    em__list due;
    em__list *slots[EM__WHEEL_FAR];        /* from 1: first of a ring or NULL */
    uint64_t occupied[EM__WHEEL_FAR / 64]; /* a bit a slot, but for the last */
} em__wheel;

void em__wheel_init(em__wheel *wheel, uint64_t now);
void em__wheel_add(em__wheel *wheel, em__timer *timer);
void em__wheel_remove(em__wheel *wheel, em__timer *timer);

/* The same as to remove it and to add it with another deadline;
 * em__wheel_change leaves one that is put off where it is, for the time being.
 */
void em__wheel_move(em__wheel *wheel, em__timer *timer, uint64_t due);
static inline void em__wheel_change(em__wheel *wheel, em__timer *timer,
                                    uint64_t due)
{
    const uint64_t slot = EM__WHEEL_SLOT;
    uint64_t was_due = timer->due;

    if (was_due <= wheel->now || due < was_due) {
        em__wheel_move(wheel, timer, due);
        return;
    }
    if (was_due == wheel->next)
        wheel->next = 0;
    wheel->armed = (wheel->armed + EM__WHEEL_ARMED) | EM__WHEEL_PUT_OFF;
    timer->due = due;
    timer->place = (wheel->armed & ~slot) | (timer->place & slot);
}

/* Turn the wheel to `now`: timers due by then go to wheel->due. */
void em__wheel_advance(em__wheel *wheel, uint64_t now);

/* A time before which no timer is due, exact unless very many timers are far
 * away together; UINT64_MAX: there is none. */
uint64_t em__wheel_next(em__wheel *wheel);

/* The end of time: all timers go to wheel->due, those that were not there yet
 * in no order. */
void em__wheel_end(em__wheel *wheel);

#endif
