/* SPDX-License-Identifier: MIT */
/* Wheel: timers by deadline, to be added and removed in constant time.
 *
 * The hierarchical wheel of Varghese and Lauck, "Hashed and Hierarchical Timing
 * Wheels" (SOSP 1987), scheme 7.  Deadlines are numbers of digits, the lowest
 * of 7 bits and the others of 4, and a timer waits in the level of the highest
 * digit in which its deadline differs from the wheel's time, in the slot of
 * that digit; one that differs above the top level waits in the last slot, the
 * far one.  When the wheel's time reaches a slot of the lowest level its timers
 * are due; when it reaches a higher one they agree with the time in one digit
 * more and move down.  The slots are numbered in the order in which the time
 * reaches them.
 *
 * So where a timer is follows from its deadline and the wheel's time alone,
 * which is why a timer does not say where it is, and why a slot can be a single
 * pointer (a loop has 193 of them): removing the node it points to finds the
 * slot again.  Timers of one deadline meet in one slot in the order they were
 * added: a later one is put below the level of an earlier one only after the
 * earlier one moved down. */

#include <config.h>

#include <stddef.h>
#include <string.h>

#include "base/wheel.h"

/* Ring entries looked at for an exact answer; past that, the slot's start. */
enum { SCAN_LIMIT = 64 };

static void ring_append(em__list **ring, em__list *node)
{
    if (*ring) {
        em__list_append(*ring, node);
        return;
    }
    em__list_init(node);
    *ring = node;
}

static void ring_remove(em__list **ring, em__list *node)
{
    em__list *next = node->next;

    em__list_remove(node);
    if (*ring == node)
        *ring = next == node ? NULL : next;
}

/* How many low bits of a deadline do not matter to its being in the slot. */
static unsigned shift_of(unsigned slot)
{
    if (slot < EM__WHEEL_NEAR)
        return 0;
    return EM__WHEEL_NEAR_BITS +
           ((slot - EM__WHEEL_NEAR) >> EM__WHEEL_BITS) * EM__WHEEL_BITS;
}

/* For a deadline after the wheel's time. */
static unsigned slot_of(const em__wheel *wheel, uint64_t due)
{
    unsigned bit = 63 - (unsigned)__builtin_clzll(due ^ wheel->now);
    unsigned level;

    if (bit < EM__WHEEL_NEAR_BITS)
        return due & (EM__WHEEL_NEAR - 1);
    level = (bit - EM__WHEEL_NEAR_BITS) / EM__WHEEL_BITS;
    if (level >= EM__WHEEL_LEVELS)
        return EM__WHEEL_FAR;
    due >>= EM__WHEEL_NEAR_BITS + level * EM__WHEEL_BITS;
    return EM__WHEEL_NEAR + (level << EM__WHEEL_BITS) +
           (due & ((1 << EM__WHEEL_BITS) - 1));
}

static void set_occupied(em__wheel *wheel, unsigned slot, bool occupied)
{
    uint64_t bit = UINT64_C(1) << slot % 64;

    if (slot == EM__WHEEL_FAR)
        return;
    if (occupied)
        wheel->occupied[slot / 64] |= bit;
    else
        wheel->occupied[slot / 64] &= ~bit;
}

void em__wheel_init(em__wheel *wheel, uint64_t now)
{
    memset(wheel, 0, sizeof(*wheel));
    wheel->now = now;
    em__list_init(&wheel->due);
}

void em__wheel_add(em__wheel *wheel, em__timer *timer)
{
    unsigned slot;

    if (timer->due < wheel->next)
        wheel->next = timer->due;
    if (timer->due <= wheel->now) {
        em__list_append(&wheel->due, &timer->node);
        return;
    }
    slot = slot_of(wheel, timer->due);
    ring_append(&wheel->slots[slot], &timer->node);
    set_occupied(wheel, slot, true);
}

void em__wheel_remove(em__wheel *wheel, em__timer *timer)
{
    unsigned slot;

    if (timer->due == wheel->next)
        wheel->next = 0;
    if (timer->due <= wheel->now) {
        em__list_remove(&timer->node);
        return;
    }
    slot = slot_of(wheel, timer->due);
    ring_remove(&wheel->slots[slot], &timer->node);
    if (!wheel->slots[slot])
        set_occupied(wheel, slot, false);
}

/* The first slot with a timer in it, which has the next one; or the far one. */
static unsigned first_slot(const em__wheel *wheel)
{
    unsigned i;

    for (i = 0; i < EM__WHEEL_FAR / 64; i++)
        if (wheel->occupied[i])
            return i * 64 + (unsigned)__builtin_ctzll(wheel->occupied[i]);
    return EM__WHEEL_FAR;
}

/* The earliest deadline in a ring, or 0 after looking at `limit` timers. */
static uint64_t earliest(const em__list *ring, size_t limit)
{
    const em__list *node = ring;
    uint64_t due = UINT64_MAX;

    do {
        const em__timer *timer = em__container(node, const em__timer, node);

        if (limit-- == 0)
            return 0;
        if (timer->due < due)
            due = timer->due;
        node = node->next;
    } while (node != ring);
    return due;
}

/* The time at which the wheel reaches the slot, which is not empty. */
static uint64_t start_of(const em__wheel *wheel, unsigned slot)
{
    unsigned shift = shift_of(slot);
    unsigned bits =
        slot < EM__WHEEL_NEAR ? EM__WHEEL_NEAR_BITS : EM__WHEEL_BITS;
    uint64_t above = wheel->now >> shift >> bits << bits;

    if (slot == EM__WHEEL_FAR)
        return earliest(wheel->slots[slot], SIZE_MAX) >> shift << shift;
    return (above | (slot & ((1U << bits) - 1))) << shift;
}

/* Whether the wheel reaches it on its way to `now`.  Far timers are only looked
 * at when one may have come near, since that looks at all of them. */
static bool reaches(const em__wheel *wheel, unsigned slot, uint64_t now)
{
    if (slot == EM__WHEEL_FAR &&
        (!wheel->slots[slot] || (now ^ wheel->now) >> shift_of(slot) == 0))
        return false;
    return start_of(wheel, slot) <= now;
}

/* A ring goes behind what is in the list, as it is. */
static void ring_splice(em__list *list, em__list *ring)
{
    em__list *last = ring->prev;

    ring->prev = list->prev;
    list->prev->next = ring;
    last->next = list;
    list->prev = last;
}

/* Put the timers of a slot that the time has reached where they belong now.  A
 * near slot has one deadline, so all of it is due at once: no timer of it needs
 * to be looked at, which is what costs when there are very many. */
static void empty_slot(em__wheel *wheel, unsigned slot)
{
    em__list *ring = wheel->slots[slot];
    em__list *node, *next;

    wheel->slots[slot] = NULL;
    set_occupied(wheel, slot, false);
    if (slot < EM__WHEEL_NEAR) {
        ring_splice(&wheel->due, ring);
        return;
    }
    ring->prev->next = NULL;
    for (node = ring; node; node = next) {
        next = node->next;
        __builtin_prefetch(next);
        em__wheel_add(wheel, em__container(node, em__timer, node));
    }
}

void em__wheel_advance(em__wheel *wheel, uint64_t now)
{
    unsigned slot;

    if (now >= wheel->next)
        wheel->next = 0;
    while (now > wheel->now) {
        slot = first_slot(wheel);
        if (!reaches(wheel, slot, now)) {
            wheel->now = now;
            return;
        }
        wheel->now = start_of(wheel, slot);
        empty_slot(wheel, slot);
    }
}

uint64_t em__wheel_next(em__wheel *wheel)
{
    const em__list *ring;
    unsigned slot;

    if (!em__list_empty(&wheel->due))
        return wheel->now;
    if (wheel->next != 0)
        return wheel->next;
    slot = first_slot(wheel);
    ring = wheel->slots[slot];
    if (!ring)
        wheel->next = UINT64_MAX;
    else if (slot >= EM__WHEEL_NEAR)
        wheel->next = earliest(ring, SCAN_LIMIT);
    if (wheel->next == 0)
        wheel->next = start_of(wheel, slot);
    return wheel->next;
}

void em__wheel_end(em__wheel *wheel)
{
    unsigned slot;

    for (slot = 0; slot <= EM__WHEEL_FAR; slot++) {
        if (wheel->slots[slot])
            ring_splice(&wheel->due, wheel->slots[slot]);
        wheel->slots[slot] = NULL;
    }
    memset(wheel->occupied, 0, sizeof(wheel->occupied));
    wheel->now = UINT64_MAX;
    wheel->next = 0;
}
