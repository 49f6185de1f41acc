/* SPDX-License-Identifier: MIT */
/* Park: how a pool's threads wait for work, and who wakes them.
 *
 * All of it is guarded by the pool's lock.  A thread goes to sleep only under
 * the lock and with the queue empty (or, as one too many, while others are at
 * work and a sleeper watches), and whoever queues looks for sleepers
 * under the same lock after it queued: so no wake-up is lost.  The same holds
 * for the one thread that spins: it stops counting as a spinner under the lock
 * and then looks at the queue again, whether it was patient or not.
 *
 * Who goes by the inbox looks for nobody.  The inbox is open only while that is
 * right; em__park_tend says when, and is called under the lock after whatever
 * may change it.  A sender keeps away from an open inbox, too, if nothing was
 * taken for a while: the threads that are at work may be stuck.
 *
 * A wake-up costs tens of microseconds, mostly of processors that others could
 * use, so it is sent only when it gains something: see em__park_stir.  What
 * makes it safe to leave jobs to threads that are at work is that one sleeper
 * watches: it wakes up by itself every few milliseconds as long as there is
 * traffic, and when nothing was taken in between it takes what is left,
 * whether it is in the queue or in the slots of a thread that got stuck.  While
 * anything waits, in the queue or in slots, there is no moment with nobody who
 * watches and nobody who is on the way, unless all threads that there may be
 * are at work: em__park_stir wakes or makes one then.  And while all are, each
 * that takes watches: every few milliseconds one of them first takes back what
 * all have put aside. */

#ifndef EM_BATON_PARK_H
#define EM_BATON_PARK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <emitter/pool.h>

#include "base/list.h"

struct em__thread;

/* A part of each thread. */
typedef struct em__parked {
    em__list node; /* among the sleepers */
    pthread_cond_t wake;
    bool woken;    /* off that list, by whoever woke it */
    bool watching; /* and the number of takes it saw last, so many times: */
    uint64_t seen;
    unsigned quiet;
    unsigned patience; /* pauses before its first look, when it spins */
} em__parked;

typedef struct em__park {
    em__list sleepers; /* who slept last is woken first */
    unsigned asleep;
    unsigned coming;      /* threads woken or created that did not arrive yet */
    bool spinning;        /* a thread is */
    bool watched;         /* a sleeper watches */
    uint64_t takes;       /* from the queue */
    uint32_t cost;        /* of a job, as the last thread to take found it */
    uint64_t relieved_us; /* em__park_relieve did something, last */
} em__park;

void em__park_init(em__park *park);

/* Whether there was a reason to come back: false, the thread was idle for so
 * long that it may retire. */
bool em__park_wait(struct em__thread *self);

/* The same without spinning first. */
bool em__park_sleep(struct em__thread *self);

/* Before a thread that is awake takes from the queue: watch, as a sleeper does.
 */
void em__park_relieve(em_pool *pool, uint64_t now_us);

/* The thread took so many together, after it spun if it did. */
void em__park_found(struct em__thread *self, unsigned batons);

/* Whether those at work do better without one more. */
bool em__park_is_surplus(const em_pool *pool);

/* Work was queued, or taken by a thread and `claimed` of it put aside: wake or
 * start a thread if that gains something. */
void em__park_stir(em_pool *pool, size_t claimed, uint64_t now_us);

/* Open or shut the inbox, whichever is right now; what was in it is queued. */
void em__park_tend(em_pool *pool);

/* What a wake-up costs. */
enum { EM__WAKE_US = 50 };

/* Wake all, who look around and, if there is nothing, may leave. */
void em__park_wake_all(em_pool *pool);

#endif
