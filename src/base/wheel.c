/* SPDX-License-Identifier: MIT */
/* Wheel: timers by deadline, to be added and removed in constant time.
 *
 * The hierarchical wheel of Varghese and Lauck, "Hashed and Hierarchical Timing
 * Wheels" (SOSP 1987), scheme 7.  Deadlines are numbers of 5-bit digits, and a
 * timer waits in the level of the highest digit in which its deadline differs
 * from the wheel's time, in the slot of that digit; one that differs above the
 * top level waits in `far`.  When the wheel's time reaches a slot of level 0
 * its timers are due; when it reaches one of a higher level they agree with the
 * time in one digit more and move down.
 *
 * So where a timer is follows from its deadline and the wheel's time alone,
 * which is why a timer does not say where it is, and why a slot can be a single
 * pointer (a loop has 192 of them): removing the node it points to finds the
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

static unsigned digit(uint64_t time, int level)
{
    return (unsigned)(time >> (level * EM__WHEEL_BITS)) & (EM__WHEEL_SLOTS - 1);
}

/* For a deadline after the wheel's time; EM__WHEEL_LEVELS or more: far. */
static int level_of(const em__wheel *wheel, uint64_t due)
{
    return (63 - __builtin_clzll(due ^ wheel->now)) / EM__WHEEL_BITS;
}

void em__wheel_init(em__wheel *wheel, uint64_t now)
{
    memset(wheel, 0, sizeof(*wheel));
    wheel->now = now;
    em__list_init(&wheel->due);
}

void em__wheel_add(em__wheel *wheel, em__timer *timer)
{
    int level;

    if (timer->due < wheel->next)
        wheel->next = timer->due;
    if (timer->due <= wheel->now) {
        em__list_append(&wheel->due, &timer->node);
        return;
    }
    level = level_of(wheel, timer->due);
    if (level >= EM__WHEEL_LEVELS) {
        ring_append(&wheel->far, &timer->node);
        return;
    }
    ring_append(&wheel->slots[level][digit(timer->due, level)], &timer->node);
    wheel->occupied[level] |= UINT32_C(1) << digit(timer->due, level);
}

void em__wheel_remove(em__wheel *wheel, em__timer *timer)
{
    em__list **slot;
    int level;

    if (timer->due == wheel->next)
        wheel->next = 0;
    if (timer->due <= wheel->now) {
        em__list_remove(&timer->node);
        return;
    }
    level = level_of(wheel, timer->due);
    if (level >= EM__WHEEL_LEVELS) {
        ring_remove(&wheel->far, &timer->node);
        return;
    }
    slot = &wheel->slots[level][digit(timer->due, level)];
    ring_remove(slot, &timer->node);
    if (!*slot)
        wheel->occupied[level] &= ~(UINT32_C(1) << digit(timer->due, level));
}

/* The lowest level with a timer in it, which has the next timer; or far. */
static int lowest(const em__wheel *wheel)
{
    int level = 0;

    while (level < EM__WHEEL_LEVELS && !wheel->occupied[level])
        level++;
    return level;
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

/* Its first slot, and the time at which the wheel reaches it. */
static em__list **first_slot(em__wheel *wheel, int level, uint64_t *start)
{
    int shift = level * EM__WHEEL_BITS;
    uint64_t above = wheel->now >> shift >> EM__WHEEL_BITS;
    int slot;

    if (level == EM__WHEEL_LEVELS) {
        *start = wheel->far ? earliest(wheel->far, SIZE_MAX) : UINT64_MAX;
        *start = *start >> shift << shift;
        return &wheel->far;
    }
    slot = __builtin_ctz(wheel->occupied[level]);
    *start = (above << EM__WHEEL_BITS | (unsigned)slot) << shift;
    return &wheel->slots[level][slot];
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
 * slot of level 0 has one deadline, so all of it is due at once: no timer of it
 * needs to be looked at, which is what costs when there are very many. */
static void empty_slot(em__wheel *wheel, em__list **slot, int level)
{
    em__list *ring = *slot;
    em__list *node, *next;

    *slot = NULL;
    if (level < EM__WHEEL_LEVELS)
        wheel->occupied[level] &= wheel->occupied[level] - 1;
    if (level == 0) {
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
    em__list **slot;
    uint64_t start;
    int level;

    if (now >= wheel->next)
        wheel->next = 0;
    while (now > wheel->now) {
        level = lowest(wheel);
        slot = first_slot(wheel, level, &start);
        if (!*slot || start > now) {
            wheel->now = now;
            return;
        }
        wheel->now = start;
        empty_slot(wheel, slot, level);
    }
}

uint64_t em__wheel_next(em__wheel *wheel)
{
    em__list **slot;
    uint64_t start;
    int level;

    if (!em__list_empty(&wheel->due))
        return wheel->now;
    if (wheel->next != 0)
        return wheel->next;
    level = lowest(wheel);
    slot = first_slot(wheel, level, &start);
    wheel->next = *slot ? earliest(*slot, SCAN_LIMIT) : UINT64_MAX;
    if (wheel->next == 0)
        wheel->next = start;
    return wheel->next;
}
