/* SPDX-License-Identifier: MIT */
/* Queue: the batons of a pool that wait for a thread.
 *
 * Everything here is guarded by the pool's lock, but for `count`, which may be
 * read without it as a hint.
 *
 * A baton waits in the list of its priority (its level), first come first
 * served.  Of the batons with one key only the first is there, or runs: it
 * leads the lane of that key, in which the others wait.  Lanes are found by
 * key in a table; a lane has no memory of its own, its leader stands for it. */

#ifndef EM_BATON_QUEUE_H
#define EM_BATON_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <emitter/baton.h>

#include "base/list.h"

enum {
    EM__PRIORITY_MAX = 4, /* level 0 */
    EM__LEVELS = 2 * EM__PRIORITY_MAX + 1,
    EM__CHOICES_MAX = 64 /* that a draw has; each takes as long as it counts */
};

struct em__full;

typedef struct em__queue {
    em__list levels[EM__LEVELS];
    unsigned occupied; /* a bit a level */
    atomic_size_t count;
    uint64_t aging_us; /* of waiting make up for one level; 0: nothing does */
    struct em__full **lanes; /* chains of leaders by the hash of the key */
    size_t lane_count, lane_room;
} em__queue;

void em__queue_init(em__queue *queue, uint64_t aging_ms);
void em__queue_destroy(em__queue *queue);

/* Make sure that one more lane has room: 0 or -ENOMEM. */
int em__queue_reserve(em__queue *queue);

/* Put a baton in; with a key there must be room for a lane. */
void em__queue_put(em__queue *queue, em_baton *baton);

/* Put one without a key where it was before it was taken. */
void em__queue_put_back(em__queue *queue, em_baton *baton);

/* Take the baton whose turn it is, or NULL. */
em_baton *em__queue_take(em__queue *queue);

/* Take one more of that level, if it is the only level that is occupied and the
 * baton is a plain one; or NULL. */
em_baton *em__queue_take_like(em__queue *queue, int level);

/* Whether a baton that is queued waits for its key, which one of its own loop's
 * has that runs. */
bool em__queue_waits_for_running(const em__queue *queue, em_baton *baton);

/* A baton with a key has run: the next in its lane, if any, may go. */
void em__queue_release(em__queue *queue, em_baton *baton);

/* Of the batons of one loop, those whose turn it may be, the first
 * EM__CHOICES_MAX of one level: how many they are; and take the nth, from 0. */
size_t em__queue_choices(const em__queue *queue, const em_loop *loop);
em_baton *em__queue_choose(em__queue *queue, const em_loop *loop, size_t nth);

/* Take out a baton, wherever it waits. */
void em__queue_drop(em__queue *queue, em_baton *baton);

/* Move all batons of a loop, or of all (NULL), to the end of a list. */
void em__queue_drop_loop(em__queue *queue, const em_loop *loop, em__list *to);

/* When the baton that waits longest was queued; UINT64_MAX if none waits. */
uint64_t em__queue_oldest(const em__queue *queue);

static inline size_t em__queue_count(const em__queue *queue)
{
    return atomic_load_explicit(&queue->count, memory_order_relaxed);
}

#endif
