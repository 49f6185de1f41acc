/* SPDX-License-Identifier: MIT */
/* Queue: the batons of a pool that wait for a thread. */

#include <config.h>

#include <errno.h>

#include "base/alloc.h"
#include "baton/internal.h"

enum { FIRST_LANES = 16, NEXT_LOOKS = 64 };

/* Of aging, in ms: centuries, and far from overflowing. */
static const uint64_t MOST_AGING = UINT64_C(1) << 40;

void em__queue_init(em__queue *queue, uint64_t aging_ms)
{
    int i;

    for (i = 0; i < EM__LEVELS; i++)
        em__list_init(&queue->levels[i]);
    queue->aging_us = (aging_ms < MOST_AGING ? aging_ms : MOST_AGING) * 1000;
}

void em__queue_destroy(em__queue *queue)
{
    em__free(queue->lanes);
}

/* Only holders of the lock change it, so no read-modify-write is needed. */
static void set_count(em__queue *queue, size_t count)
{
    atomic_store_explicit(&queue->count, count, memory_order_relaxed);
}

/* --- levels --- */

static uint64_t queued_at(const em__list *node)
{
    return em__container(node, const em_baton, node)->queued_us;
}

static void enter_level(em__queue *queue, em_baton *baton)
{
    em__list_append(&queue->levels[baton->level], &baton->node);
    queue->occupied |= 1U << baton->level;
}

/* The first of a level that was queued at that time or later, or the end.
 * Looked for from both ends: what was put back belongs near the front, the next
 * of one key among many near the back.  After so many looks it is a later one.
 */
static em__list *first_since(em__list *level, uint64_t queued_us, size_t looks)
{
    em__list *from = level->next;
    em__list *to = level;

    for (; from != to && queued_at(from) < queued_us; looks--) {
        if (looks == 0 || queued_at(to->prev) < queued_us)
            return to;
        from = from->next;
        if (from != to)
            to = to->prev;
    }
    return from;
}

/* Before those that were queued after it. */
static void enter_in_order(em__queue *queue, em_baton *baton, size_t looks)
{
    em__list *level = &queue->levels[baton->level];

    em__list_append(first_since(level, baton->queued_us, looks), &baton->node);
    queue->occupied |= 1U << baton->level;
}

static void leave_level(em__queue *queue, em_baton *baton)
{
    em__list_remove(&baton->node);
    if (em__list_empty(&queue->levels[baton->level]))
        queue->occupied &= ~(1U << baton->level);
}

static em_baton *first_of(const em__queue *queue, int level)
{
    return em__container(queue->levels[level].next, em_baton, node);
}

/* With aging, a level is worth so much time of waiting: the first to have been
 * queued on that count goes first, which no later arrival can change. */
static int oldest_level(const em__queue *queue)
{
    uint64_t least = UINT64_MAX;
    uint64_t since;
    int level, best = 0;

    for (level = 0; level < EM__LEVELS; level++) {
        if (!(queue->occupied & 1U << level))
            continue;
        since = first_of(queue, level)->queued_us +
                (uint64_t)level * queue->aging_us;
        if (since >= least)
            continue;
        least = since;
        best = level;
    }
    return best;
}

/* --- lanes --- */

static size_t bucket_of(const em__queue *queue, const void *key)
{
    uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)(hash >> 32) & (queue->lane_room - 1);
}

/* Where the leader of the key's lane is linked, or would be. */
static em__full **find_lane(const em__queue *queue, const void *key)
{
    em__full **link = &queue->lanes[bucket_of(queue, key)];

    while (*link && (*link)->key != key)
        link = &(*link)->chain;
    return link;
}

static void move_lanes(em__queue *queue, em__full **from, size_t room)
{
    em__full *leader, *next;
    em__full **bucket;
    size_t i;

    for (i = 0; i < room; i++) {
        for (leader = from[i]; leader; leader = next) {
            next = leader->chain;
            bucket = &queue->lanes[bucket_of(queue, leader->key)];
            leader->chain = *bucket;
            *bucket = leader;
        }
    }
}

int em__queue_reserve(em__queue *queue)
{
    em__full **before = queue->lanes;
    size_t room = queue->lane_room;
    em__full **lanes;

    if (queue->lane_count < room)
        return 0;
    lanes = em__calloc(room ? 2 * room : FIRST_LANES, sizeof(em__full *));
    if (!lanes)
        return room ? 0 : -ENOMEM; /* chains that grow long still work */
    queue->lanes = lanes;
    queue->lane_room = room ? 2 * room : FIRST_LANES;
    move_lanes(queue, before, room);
    em__free(before);
    return 0;
}

/* Whether the baton leads its lane now; else it waits in it. */
static bool enter_lane(em__queue *queue, em__full *full)
{
    em__full **link = find_lane(queue, full->key);

    em__list_init(&full->lane);
    full->leads = !*link;
    if (*link) {
        em__list_append(&(*link)->lane, &full->lane);
        return false;
    }
    full->chain = NULL;
    *link = full;
    queue->lane_count++;
    return true;
}

/* The lane is a ring, so that taking its leader out leaves one of the rest.
 * That one goes where it would be had it not waited: else a flood would come
 * between any two of a lane.  Another loop may wait for nothing else. */
static void leave_lane(em__queue *queue, em__full *full)
{
    em__full **link;
    em__full *next;

    if (!full->leads) {
        em__list_remove(&full->lane);
        return;
    }
    link = find_lane(queue, full->key);
    full->leads = false;
    if (em__list_empty(&full->lane)) {
        *link = full->chain;
        queue->lane_count--;
        return;
    }
    next = em__container(full->lane.next, em__full, lane);
    em__list_remove(&full->lane);
    next->leads = true;
    next->chain = full->chain;
    *link = next;
    enter_in_order(queue, &next->baton, NEXT_LOOKS);
    if (next->baton.solo)
        em__solo_call(&next->baton);
}

/* --- the whole --- */

void em__queue_put(em__queue *queue, em_baton *baton)
{
    em__full *full = em__baton_full(baton);

    set_count(queue, em__queue_count(queue) + 1);
    em__list_init(&baton->node);
    if (!full || !full->key || enter_lane(queue, full))
        enter_level(queue, baton);
}

/* Among those that were taken with it and are back already, too. */
void em__queue_put_back(em__queue *queue, em_baton *baton)
{
    enter_in_order(queue, baton, SIZE_MAX);
    set_count(queue, em__queue_count(queue) + 1);
}

em_baton *em__queue_take(em__queue *queue)
{
    em_baton *baton;

    if (!queue->occupied)
        return NULL;
    baton = first_of(queue, queue->aging_us ? oldest_level(queue)
                                            : __builtin_ctz(queue->occupied));
    leave_level(queue, baton);
    set_count(queue, em__queue_count(queue) - 1);
    return baton;
}

em_baton *em__queue_take_like(em__queue *queue, int level)
{
    em_baton *baton;

    if (queue->occupied != 1U << level)
        return NULL;
    baton = first_of(queue, level);
    if (baton->full)
        return NULL;
    leave_level(queue, baton);
    set_count(queue, em__queue_count(queue) - 1);
    return baton;
}

bool em__queue_waits_for_running(const em__queue *queue, em_baton *baton)
{
    const em__full *full = em__baton_full(baton);
    em__full *leader;

    if (!full || !full->key || full->leads)
        return false;
    leader = *find_lane(queue, full->key);
    return leader->baton.loop == baton->loop &&
           atomic_load(&leader->baton.state) == EM__BATON_RUNNING;
}

void em__queue_release(em__queue *queue, em_baton *baton)
{
    leave_lane(queue, em__baton_full(baton));
}

/* How many of the loop's are on a level, up to the most that are choices; the
 * nth of them, if there is such a one, is handed out. */
static size_t count_on(const em__queue *queue, int level, const em_loop *loop,
                       size_t nth, em_baton **ret)
{
    const em__list *end = &queue->levels[level];
    size_t count = 0;
    em__list *node;

    for (node = end->next; node != end && count < EM__CHOICES_MAX;
         node = node->next) {
        em_baton *baton = em__container(node, em_baton, node);

        if (baton->loop == loop && count++ == nth)
            *ret = baton;
    }
    return count;
}

size_t em__queue_choices(const em__queue *queue, const em_loop *loop)
{
    size_t count = 0;
    int level;

    for (level = 0; level < EM__LEVELS && count == 0; level++)
        count = count_on(queue, level, loop, SIZE_MAX, NULL);
    return count;
}

em_baton *em__queue_choose(em__queue *queue, const em_loop *loop, size_t nth)
{
    em_baton *chosen = NULL;
    size_t count = 0;
    int level;

    for (level = 0; level < EM__LEVELS && count == 0; level++)
        count = count_on(queue, level, loop, nth, &chosen);
    if (!chosen)
        return NULL;
    leave_level(queue, chosen);
    set_count(queue, em__queue_count(queue) - 1);
    return chosen;
}

void em__queue_drop(em__queue *queue, em_baton *baton)
{
    em__full *full = em__baton_full(baton);

    set_count(queue, em__queue_count(queue) - 1);
    if (!em__list_empty(&baton->node))
        leave_level(queue, baton);
    if (full && full->key)
        leave_lane(queue, full);
}

/* Of one lane, those that wait behind its leader. */
static void drop_waiting(em__queue *queue, em__full *leader,
                         const em_loop *loop, em__list *to)
{
    em__list *node, *after;

    em__list_each_safe(&leader->lane, node, after) {
        em_baton *baton = &em__container(node, em__full, lane)->baton;

        if (loop && baton->loop != loop)
            continue;
        em__queue_drop(queue, baton);
        em__list_append(to, &baton->node);
    }
}

static void drop_level(em__queue *queue, int level, const em_loop *loop,
                       em__list *to)
{
    em__list *node, *after;

    em__list_each_safe(&queue->levels[level], node, after) {
        em_baton *baton = em__container(node, em_baton, node);

        if (loop && baton->loop != loop)
            continue;
        em__queue_drop(queue, baton);
        em__list_append(to, node);
    }
}

/* Lanes first: then a leader that is dropped is followed by a baton that stays,
 * if by any, and no level needs a second look. */
void em__queue_drop_loop(em__queue *queue, const em_loop *loop, em__list *to)
{
    em__full *leader;
    size_t i;
    int level;

    for (i = 0; i < queue->lane_room; i++) {
        for (leader = queue->lanes[i]; leader; leader = leader->chain)
            drop_waiting(queue, leader, loop, to);
    }
    for (level = 0; level < EM__LEVELS; level++)
        drop_level(queue, level, loop, to);
}

static void note_older(const em_baton *baton, uint64_t *oldest)
{
    if (baton->queued_us < *oldest)
        *oldest = baton->queued_us;
}

uint64_t em__queue_oldest(const em__queue *queue)
{
    uint64_t oldest = UINT64_MAX;
    em__full *leader;
    size_t i;
    int level;

    for (level = 0; level < EM__LEVELS; level++) {
        if (queue->occupied & 1U << level)
            note_older(first_of(queue, level), &oldest);
    }
    for (i = 0; i < queue->lane_room; i++) {
        for (leader = queue->lanes[i]; leader; leader = leader->chain) {
            if (!em__list_empty(&leader->lane))
                note_older(
                    &em__container(leader->lane.next, em__full, lane)->baton,
                    &oldest);
        }
    }
    return oldest;
}
