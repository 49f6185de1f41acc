/* SPDX-License-Identifier: MIT */
/* Park: how a pool's threads wait for work, and who wakes them. */

#include <config.h>

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "baton/internal.h"

enum {
    SPIN_US = 20,        /* what spinning may cost: less than a wake-up does */
    SPIN_CLOCK = 16,     /* looks between two at the clock */
    MOST_PATIENCE = 127, /* pauses: some two microseconds */
    WATCH_US = 2000,
    QUIET_LOOKS = 16, /* after which there is no traffic to watch */
    COST_UNIT = 64,   /* a microsecond, in the measure of costs */
    SHORT_COST = COST_UNIT,
    SPARE_BLOCKS = 1024
};

/* --- conditions --- */

int em__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);

    if (error)
        return -error;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return -error;
}

bool em__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
                         uint64_t until_us)
{
    struct timespec until = {
        .tv_sec = (time_t)(until_us / 1000000),
        .tv_nsec = (long)(until_us % 1000000 * 1000),
    };

    if (until_us / 1000000 > INT32_MAX) /* which time_t need not hold */
        return pthread_cond_wait(cond, lock) == 0;
    return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

/* --- waiting --- */

void em__park_init(em__park *park)
{
    em__list_init(&park->sleepers);
    park->cost = UINT32_MAX; /* not known yet */
}

static bool has_work(em_pool *pool)
{
    return em__queue_count(&pool->queue) > 0 ||
           !em__inbox_is_empty(&pool->inbox);
}

/* Each look takes the inbox's line of the processor's cache from who sends.
 * While batons come so fast that there are several at the first look, that look
 * is put off, so that it finds more together.  A single one was put off in
 * vain, as all are by twice as much: a loop with 64 of them runs dry. */
static void hold_back(em__thread *self)
{
    unsigned i;

    for (i = 0; i < self->parked.patience; i++)
        em__sys_pause();
    if (!has_work(self->pool))
        self->parked.patience /= 2;
}

void em__park_found(em__thread *self, unsigned batons)
{
    if (!self->spun)
        return;
    self->spun = false;
    if (batons == 1)
        self->parked.patience /= 2;
    else if (self->parked.patience < MOST_PATIENCE)
        self->parked.patience = 2 * self->parked.patience + 1;
}

/* Look for work without the lock, for a bounded time. */
static void spin(em__thread *self)
{
    uint64_t until = self->now + SPIN_US;
    int looks = 0;

    hold_back(self);
    while (!has_work(self->pool)) {
        em__sys_pause();
        if (++looks % SPIN_CLOCK)
            continue;
        (void)sched_yield();
        if (em__sys_now_us() >= until)
            break;
    }
    self->now = em__sys_now_us();
}

static bool may_spin(const em__thread *self)
{
    const em_pool *pool = self->pool;

    return pool->processors > 1 && !pool->park.spinning && !self->spun &&
           !pool->closed;
}

static void watch(em__park *park, em__parked *parked, bool watching)
{
    if (parked->watching != watching)
        park->watched = watching;
    parked->watching = watching;
    parked->seen = park->takes;
    parked->quiet = 0;
}

/* Nobody came for a while: what a burst left behind can go. */
static void trim(em_pool *pool)
{
    int i;

    em__pool_unlock(pool);
    for (i = 0; i < EM__BLOCK_KINDS; i++)
        em__spare_trim(&pool->spares[i], SPARE_BLOCKS);
    em__pool_lock(pool);
}

/* The watch's turn has come: whether this thread is needed. */
static bool look_round(em__thread *self)
{
    em_pool *pool = self->pool;

    if (self->parked.seen != pool->park.takes) {
        self->parked.seen = pool->park.takes;
        self->parked.quiet = 0;
        return false;
    }
    em__thread_reclaim(pool);
    if (em__queue_count(&pool->queue) > 0)
        return true;
    if (++self->parked.quiet < QUIET_LOOKS)
        return false;
    watch(&pool->park, &self->parked, false);
    em__park_tend(pool);
    if (em__queue_count(&pool->queue) > 0)
        return true;
    trim(pool);
    return false;
}

/* The one that is stuck may be any, so all get what they put aside back into
 * the queue; once in a while that costs those that are not stuck nothing. */
void em__park_relieve(em_pool *pool, uint64_t now_us)
{
    if (!pool->claimed || now_us < pool->park.relieved_us + WATCH_US)
        return;
    pool->park.relieved_us = now_us;
    em__thread_reclaim(pool);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Until it was woken, or has a reason of its own; false: idle for too long. */
static bool doze(em__thread *self, uint64_t idle_until)
{
    em__parked *parked = &self->parked;
    em_pool *pool = self->pool;
    uint64_t until;

    while (!parked->woken) {
        self->now = em__sys_now_us();
        until = parked->watching ? self->now + WATCH_US : UINT64_MAX;
        if (pool->count > pool->min)
            until = earlier(until, idle_until);
        if (em__cond_wait_until(&parked->wake, &pool->lock, until))
            continue;
        if (parked->watching && look_round(self))
            return true;
        if (!parked->woken && !parked->watching && pool->count > pool->min &&
            em__sys_now_us() >= idle_until)
            return em__queue_count(&pool->queue) > 0;
    }
    return true;
}

/* Whether the inbox, when the last thread to fall asleep shut it, was not
 * empty.
 */
static bool came_at_last(const em_pool *pool)
{
    return pool->park.asleep == pool->count &&
           em__queue_count(&pool->queue) > 0;
}

bool em__park_sleep(em__thread *self)
{
    em_pool *pool = self->pool;
    em__parked *parked = &self->parked;
    em__park *park = &pool->park;
    uint64_t idle_us = pool->idle_us;
    bool needed;

    em__list_append(park->sleepers.next, &parked->node);
    park->asleep++;
    parked->woken = false;
    if (!park->watched)
        watch(park, parked, true);
    em__park_tend(pool);
    self->now = em__sys_now_us();
    needed = came_at_last(pool) ||
             doze(self, idle_us < UINT64_MAX - self->now ? self->now + idle_us
                                                         : UINT64_MAX);
    watch(park, parked, false);
    if (parked->woken) {
        park->coming--;
    } else {
        em__list_remove(&parked->node);
        park->asleep--;
    }
    self->now = em__sys_now_us();
    return needed;
}

bool em__park_wait(em__thread *self)
{
    em_pool *pool = self->pool;

    if (!may_spin(self))
        return em__park_sleep(self);
    self->spun = true;
    pool->park.spinning = true;
    em__pool_unlock(pool);
    spin(self);
    em__pool_lock(pool);
    pool->park.spinning = false;
    return true;
}

/* --- waking --- */

/* The signal is sent under the lock: after it, the woken thread could be gone,
 * and its condition with it. */
static void wake_one(em__park *park)
{
    em__parked *parked = em__container(park->sleepers.next, em__parked, node);

    em__list_remove(&parked->node);
    park->asleep--;
    park->coming++;
    parked->woken = true;
    (void)pthread_cond_signal(&parked->wake);
}

void em__park_wake_all(em_pool *pool)
{
    while (!em__list_empty(&pool->park.sleepers))
        wake_one(&pool->park);
}

/* Jobs so short that their loop has as much to do with them as a thread: that
 * loop and so many threads use all processors already. */
static bool is_crowded(const em_pool *pool, unsigned awake)
{
    return pool->park.cost < SHORT_COST && awake > 0 &&
           awake + 1 >= pool->processors;
}

bool em__park_is_surplus(const em_pool *pool)
{
    return pool->at_work > 0 &&
           is_crowded(pool, pool->count - pool->park.asleep - 1);
}

/* Whether what waits would keep the threads that are at work busy for longer
 * than a wake-up takes. */
static bool is_worth_waking(const em_pool *pool, size_t waiting)
{
    const em__park *park = &pool->park;

    return (uint64_t)waiting * park->cost > EM__WAKE_US * COST_UNIT &&
           !is_crowded(pool, pool->count - park->asleep);
}

/* Those at work may be stuck.  A thread that spins or is coming is in no work
 * and cannot be: where it only waits for a processor, one more would too. */
static bool seem_stuck(em_pool *pool, uint64_t now_us)
{
    return !em__inbox_moved_within(&pool->inbox, EM__WAKE_US, now_us);
}

static bool is_needed(em_pool *pool, size_t claimed, uint64_t now_us)
{
    const em__park *park = &pool->park;
    size_t waiting = em__queue_count(&pool->queue);
    size_t promised = park->coming + (park->spinning ? 1 : 0);
    bool nobody = pool->count == park->asleep;

    if (promised > 0)
        return waiting > promised && is_worth_waking(pool, waiting - promised);
    if (waiting + claimed == 0 && !pool->claimed)
        return false;
    if (nobody)
        return true;
    if (park->asleep == 0) /* nobody watches what is put aside */
        return waiting > 0 || pool->count < pool->max;
    return !park->watched || (waiting > 0 && (seem_stuck(pool, now_us) ||
                                              is_worth_waking(pool, waiting)));
}

void em__park_stir(em_pool *pool, size_t claimed, uint64_t now_us)
{
    if (!is_needed(pool, claimed, now_us))
        return;
    em__inbox_moved(&pool->inbox, now_us);
    if (!em__list_empty(&pool->park.sleepers))
        wake_one(&pool->park);
    else if (pool->count < pool->max)
        (void)em__thread_add(pool); /* without it, those that run come to it */
}

/* --- the inbox --- */

/* What a limit or aging promises needs every baton in the queue at once.  Jobs
 * that are not short are worth the look for a sleeper.  Where all threads are
 * awake and more may be made, each baton that waits makes one. */
static bool may_open(const em_pool *pool)
{
    const em__park *park = &pool->park;

    if (pool->closed || pool->queue_limit > 0 || pool->queue.aging_us > 0 ||
        park->cost >= SHORT_COST || park->asleep == pool->count)
        return false;
    return park->asleep > 0 ? park->watched : pool->count >= pool->max;
}

void em__park_tend(em_pool *pool)
{
    if (may_open(pool))
        em__inbox_open(&pool->inbox);
    else
        em__inbox_collect(pool, true);
}
