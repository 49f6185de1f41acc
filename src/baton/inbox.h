/* SPDX-License-Identifier: MIT */
/* Inbox: how batons reach a pool whose threads are busy, without its lock.
 *
 * A stack of batons in one word.  While it is open, any thread swaps its baton
 * in; a pool's thread, under the pool's lock, takes all of it into the queue
 * before it looks there for work.  Shut, it refuses, and a baton goes into the
 * queue under the lock, where its sender looks for somebody to wake.
 *
 * Open or shut is part of the same word.  It is open only while some thread is
 * awake that will look again before it sleeps or leaves, and no sleeper is
 * needed or one of them watches: em__park_tend keeps it so.  The last thread to
 * fall asleep shuts it, and gets with that same swap what came meanwhile, so no
 * baton is left in an inbox into which nobody looks.  Being taken only as a
 * whole, no head can be mistaken for an earlier one.
 *
 * Putting in is release, taking out is acquire. */

#ifndef EM_BATON_INBOX_H
#define EM_BATON_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <emitter/pool.h>

#include "base/list.h"
#include "base/sys.h"

/* Both words are a sender's for each baton, and in no line of the processor's
 * cache with what the pool's threads write meanwhile. */
typedef struct em__inbox {
    char apart[EM__LINE];
    em__list *_Atomic last;
    _Atomic uint64_t moved_us; /* when the last take was, or a thread was called
                                  for one, roughly */
    char apart_too[EM__LINE];
} em__inbox;

void em__inbox_init(em__inbox *inbox); /* shut */

/* Put a node in that is in no list; false if it is shut.  Any thread. */
bool em__inbox_put(em__inbox *inbox, em__list *node);

/* Whether there is nothing in it.  Any thread, as a hint. */
bool em__inbox_is_empty(em__inbox *inbox);

/* Whether work was taken within so many microseconds.  Any thread. */
static inline bool em__inbox_moved_within(em__inbox *inbox, uint64_t us,
                                          uint64_t now_us)
{
    return now_us <=
           atomic_load_explicit(&inbox->moved_us, memory_order_relaxed) + us;
}

/* The rest is for the holder of the pool's lock. */

void em__inbox_open(em__inbox *inbox);

/* Note that work was taken: not at each take, so that senders need not fetch
 * the line for it. */
static inline void em__inbox_moved(em__inbox *inbox, uint64_t now_us)
{
    enum { ROUGHLY_US = 8 };

    if (!em__inbox_moved_within(inbox, ROUGHLY_US, now_us))
        atomic_store_explicit(&inbox->moved_us, now_us, memory_order_relaxed);
}

/* Queue all there is, in the order it came; with `shut`, refuse the rest. */
void em__inbox_collect(em_pool *pool, bool shut);

#endif
