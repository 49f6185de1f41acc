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
 * So where a timer belongs follows from its deadline and the wheel's time
 * alone. No deadline that is still to come has a digit of 0 where it first
 * differs, so slot 0 is always empty, and not there.
 *
 * Most timers are time-outs, which are put off again and again and never fire.
 * One that is put off stays in its slot, where only its deadline is changed:
 * what costs with many timers is the memory of the neighbours, not touched so.
 * It moves when the time reaches the slot, or when the slot is the first and so
 * is asked for the next deadline, as in the heap of Go's runtime
 * (timerModifiedLater, before Go 1.23).  A wheel in which that happened looks
 * at each timer of a slot whose time has come, and puts those that came by
 * different ways in the order in which they were armed. */

#include <config.h>

#include <stddef.h>
#include <string.h>

#include "base/wheel.h"

/* Timers looked at for an exact answer; past that, the slot's start. */
enum { SCAN_LIMIT = 64 };

/* --- rings --- */

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

/* --- slots --- */

static em__timer *timer_of(const em__list *node)
{
    return em__container(node, em__timer, node);
}

static em__list **ring_of(em__wheel *wheel, unsigned slot)
{
    return &wheel->slots[slot - 1];
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

/* What is due already is in the list of those; no slot has it. */
static void put(em__wheel *wheel, em__timer *timer)
{
    unsigned slot = slot_of(wheel, timer->due);

    timer->place = (timer->place & ~(uint64_t)EM__WHEEL_SLOT) | slot;
    ring_append(ring_of(wheel, slot), &timer->node);
    set_occupied(wheel, slot, true);
}

static void take(em__wheel *wheel, em__timer *timer)
{
    unsigned slot = timer->place & EM__WHEEL_SLOT;
    em__list **ring = ring_of(wheel, slot);

    ring_remove(ring, &timer->node);
    if (!*ring)
        set_occupied(wheel, slot, false);
}

/* --- timers --- */

void em__wheel_init(em__wheel *wheel, uint64_t now)
{
    memset(wheel, 0, sizeof(*wheel));
    wheel->now = now;
    em__list_init(&wheel->due);
}

void em__wheel_add(em__wheel *wheel, em__timer *timer)
{
    wheel->armed += EM__WHEEL_ARMED;
    timer->place = wheel->armed;
    if (timer->due < wheel->next)
        wheel->next = timer->due;
    if (timer->due <= wheel->now)
        em__list_append(&wheel->due, &timer->node);
    else
        put(wheel, timer);
}

void em__wheel_remove(em__wheel *wheel, em__timer *timer)
{
    if (timer->due == wheel->next)
        wheel->next = 0;
    if (timer->due <= wheel->now)
        em__list_remove(&timer->node);
    else
        take(wheel, timer);
}

void em__wheel_move(em__wheel *wheel, em__timer *timer, uint64_t due)
{
    em__wheel_remove(wheel, timer);
    timer->due = due;
    em__wheel_add(wheel, timer);
}

/* --- order --- */

static bool comes_before(const em__list *a, const em__list *b)
{
    return timer_of(a)->place < timer_of(b)->place;
}

/* Move what is in order at the beginning of `from`. */
static void take_run(em__list *run, em__list *from)
{
    em__list *node;

    em__list_init(run);
    do {
        node = from->next;
        em__list_remove(node);
        em__list_append(run, node);
    } while (!em__list_empty(from) && comes_before(node, from->next));
}

static void merge(em__list *list, em__list *other)
{
    em__list *at = list->next;
    em__list *node;

    while (at != list && !em__list_empty(other)) {
        node = other->next;
        if (comes_before(at, node)) {
            at = at->next;
        } else {
            em__list_remove(node);
            em__list_append(at, node); /* which is in front of it */
        }
    }
    em__list_splice(list, other);
}

/* Natural merge sort (Knuth, The Art of Computer Programming, 5.2.4, algorithm
 * N): what is in order already costs one pass. */
static void sort(em__list *list)
{
    em__list sorted, run, other;
    size_t runs;

    do {
        em__list_init(&sorted);
        for (runs = 0; !em__list_empty(list); runs++) {
            take_run(&run, list);
            em__list_init(&other);
            if (!em__list_empty(list))
                take_run(&other, list);
            merge(&run, &other);
            em__list_splice(&sorted, &run);
        }
        em__list_splice(list, &sorted);
    } while (runs > 1);
}

/* --- time --- */

/* The first slot with a timer in it, which has the next one; or the far one. */
static unsigned first_slot(const em__wheel *wheel)
{
    unsigned i;

    for (i = 0; i < EM__WHEEL_FAR / 64; i++)
        if (wheel->occupied[i])
            return i * 64 + (unsigned)__builtin_ctzll(wheel->occupied[i]);
    return EM__WHEEL_FAR;
}

static uint64_t earliest(const em__list *ring)
{
    const em__list *node = ring;
    uint64_t due = UINT64_MAX;

    do {
        if (timer_of(node)->due < due)
            due = timer_of(node)->due;
        node = node->next;
    } while (node != ring);
    return due;
}

/* The time at which the wheel reaches the slot, which is not empty. */
static uint64_t start_of(em__wheel *wheel, unsigned slot)
{
    unsigned shift = shift_of(slot);
    unsigned bits =
        slot < EM__WHEEL_NEAR ? EM__WHEEL_NEAR_BITS : EM__WHEEL_BITS;
    uint64_t above = wheel->now >> shift >> bits << bits;

    if (slot == EM__WHEEL_FAR)
        return earliest(*ring_of(wheel, slot)) >> shift << shift;
    return (above | (slot & ((1U << bits) - 1))) << shift;
}

/* Whether the wheel reaches it on its way to `now`.  Far timers are only looked
 * at when one may have come near, since that looks at all of them. */
static bool reaches(em__wheel *wheel, unsigned slot, uint64_t now)
{
    if (slot == EM__WHEEL_FAR &&
        (!*ring_of(wheel, slot) || (now ^ wheel->now) >> shift_of(slot) == 0))
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

/* Put the timers of a slot that the time has reached where they belong now. */
static void distribute(em__wheel *wheel, em__list *ring)
{
    em__list *node, *next;
    em__list due;

    em__list_init(&due);
    ring->prev->next = NULL;
    for (node = ring; node; node = next) {
        next = node->next;
        __builtin_prefetch(next);
        if (timer_of(node)->due == wheel->now)
            em__list_append(&due, node);
        else
            put(wheel, timer_of(node));
    }
    if (wheel->armed & EM__WHEEL_PUT_OFF)
        sort(&due);
    em__list_splice(&wheel->due, &due);
}

/* A near slot has one deadline.  If none was put off, all of it is due at once
 * and no timer of it needs to be looked at, which is what costs when there are
 * very many. */
static void empty_slot(em__wheel *wheel, unsigned slot)
{
    em__list *ring = *ring_of(wheel, slot);

    *ring_of(wheel, slot) = NULL;
    set_occupied(wheel, slot, false);
    if (slot < EM__WHEEL_NEAR && !(wheel->armed & EM__WHEEL_PUT_OFF))
        ring_splice(&wheel->due, ring);
    else
        distribute(wheel, ring);
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

/* The next deadline is in this slot, unless all of it was put off beyond: 0.
 * What was put off is moved on the way, once each; of what stays no more than
 * a limit are looked at, and in a near slot the first one tells it. */
static uint64_t next_in(em__wheel *wheel, unsigned slot)
{
    size_t limit = slot < EM__WHEEL_NEAR ? 0 : SCAN_LIMIT;
    em__list *node = *ring_of(wheel, slot);
    em__list *next, *last = node->prev;
    uint64_t due = UINT64_MAX;

    for (;; node = next) {
        em__timer *timer = timer_of(node);

        next = node->next;
        if (slot_of(wheel, timer->due) != slot) {
            take(wheel, timer);
            put(wheel, timer);
        } else if (limit-- == 0) {
            return start_of(wheel, slot);
        } else if (timer->due < due) {
            due = timer->due;
        }
        if (node == last)
            return due == UINT64_MAX ? 0 : due;
    }
}

uint64_t em__wheel_next(em__wheel *wheel)
{
    unsigned slot;

    if (!em__list_empty(&wheel->due))
        return wheel->now;
    while (wheel->next == 0) {
        slot = first_slot(wheel);
        if (!*ring_of(wheel, slot)) {
            wheel->next = UINT64_MAX;
            wheel->armed &= ~(uint64_t)EM__WHEEL_PUT_OFF;
        } else {
            wheel->next = next_in(wheel, slot);
        }
    }
    return wheel->next;
}

void em__wheel_end(em__wheel *wheel)
{
    unsigned slot;

    for (slot = 1; slot <= EM__WHEEL_FAR; slot++) {
        if (*ring_of(wheel, slot))
            ring_splice(&wheel->due, *ring_of(wheel, slot));
        *ring_of(wheel, slot) = NULL;
    }
    memset(wheel->occupied, 0, sizeof(wheel->occupied));
    wheel->now = UINT64_MAX;
    wheel->next = 0;
}
