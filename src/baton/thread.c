/* SPDX-License-Identifier: MIT */
/* Thread: one of a pool's, from its making to its end.
 *
 * It takes batons under the lock and runs them without it.  Where jobs are
 * short it takes several at once, so that the lock costs little: the first it
 * has, the others it puts into its slots.  They are still to be had by others:
 * whoever needs the queue complete (to cancel, to count, to let a higher
 * priority go first, to help a thread that got stuck) calls em__thread_reclaim,
 * and thread and reclaimer swap each slot for NULL to find out who has it.  A
 * batch held back privately would make jobs wait behind one that blocks, for
 * ever if that waits for them.
 *
 * Threads are detached; the last to leave a pool that is over frees it. */

#include <config.h>

#include <errno.h>
#include <signal.h>

#include "base/alloc.h"
#include "baton/internal.h"

enum {
    BATCH_US = 20, /* what a batch may take */
    COST_UNIT = 64,
    UNTIMED_COST = COST_UNIT / 4,
    TIMED_JOBS = EM__SLOTS + 1,  /* together, if none costs more than that */
    COST_MOST = 1000 * COST_UNIT /* so that one long job is soon forgotten */
};

static _Thread_local em__thread *here;

em__thread *em__thread_self(void)
{
    return here;
}

em__thread *em__thread_pass_for(em__thread *thread)
{
    em__thread *before = here;

    here = thread;
    return before;
}

/* --- taking --- */

static void set_state(em_baton *baton, em__baton_state state)
{
    atomic_store_explicit(&baton->state, (unsigned char)state,
                          memory_order_relaxed);
}

/* Before it takes its baton from a slot, and when the work is over: who finds
 * the slot empty sees one or the other, and then what the work did. */
static void set_busy(em__thread *self, bool busy)
{
    atomic_store_explicit(&self->busy, busy, memory_order_release);
}

static unsigned batch_size(const em__thread *self)
{
    const em_pool *pool = self->pool;
    uint32_t size;

    if (pool->queue_limit > 0 || pool->queue.aging_us > 0)
        return 1; /* what these promise needs every baton in the queue */
    size = BATCH_US * COST_UNIT / (self->cost + 1);
    return size < EM__SLOTS + 1 ? size : EM__SLOTS + 1;
}

/* What comes through the inbox has a priority of at most 0, so that it is never
 * to go first of what is put aside here. */
static void fill_slots(em__thread *self, int level)
{
    em_pool *pool = self->pool;
    unsigned size = batch_size(self);
    em_baton *baton;

    if (level > EM__PRIORITY_MAX ||
        (pool->claimed && pool->claimed_level != level))
        return;
    while (self->batch < size &&
           (baton = em__queue_take_like(&pool->queue, level))) {
        set_state(baton, EM__BATON_CLAIMED);
        atomic_store_explicit(&self->slots[self->batch - 1], baton,
                              memory_order_relaxed);
        self->batch++;
        pool->claimed = true;
        pool->claimed_level = level;
    }
}

static bool take(em__thread *self)
{
    em_pool *pool = self->pool;
    em_baton *baton;

    em__inbox_collect(pool, false);
    em__park_relieve(pool, self->now);
    baton = em__queue_take(&pool->queue);
    if (!baton)
        return false;
    em__expire_remove(pool, baton);
    set_state(baton, EM__BATON_RUNNING);
    set_busy(self, true);
    self->current = baton;
    self->batch = 1;
    fill_slots(self, baton->level);
    em__park_found(self, self->batch);
    pool->at_work++;
    pool->park.takes++;
    pool->park.cost = self->cost;
    em__inbox_moved(&pool->inbox, self->now);
    em__park_tend(pool);
    em__park_stir(pool, self->batch - 1, self->now);
    return true;
}

void em__thread_reclaim(em_pool *pool)
{
    em__list *node, *after;
    em_baton *baton;
    int i;

    em__inbox_collect(pool, false);
    if (!pool->claimed)
        return;
    pool->claimed = false;
    em__list_each_safe(&pool->threads, node, after) {
        em__thread *thread = em__container(node, em__thread, node);

        for (i = EM__SLOTS - 1; i >= 0; i--) {
            baton = atomic_exchange_explicit(&thread->slots[i], NULL,
                                             memory_order_acquire);
            if (!baton)
                continue;
            set_state(baton, EM__BATON_QUEUED);
            em__queue_put_back(&pool->queue, baton);
        }
    }
}

/* --- running --- */

static int bucket_of(uint64_t us)
{
    int bucket = us > 0 ? 64 - __builtin_clzll(us) : 0;

    return bucket < EM_HISTOGRAM ? bucket : EM_HISTOGRAM - 1;
}

/* One writer: no read-modify-write is needed. */
static void count_up(_Atomic uint64_t *counter)
{
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
        memory_order_release);
}

void em__thread_note(em__tally *tally, uint64_t waited, uint64_t ran)
{
    count_up(&tally->turn);
    count_up(&tally->wait[bucket_of(waited)]);
    count_up(&tally->run[bucket_of(ran)]);
    count_up(&tally->turn);
}

/* Reading the clock costs more than the shortest jobs do, so of those a batch
 * is timed together, and what they took is put down to the last. */
static bool is_time_to_look(em__thread *self)
{
    return ++self->untimed >= TIMED_JOBS || self->cost >= UNTIMED_COST;
}

static void look_at_clock(em__thread *self)
{
    self->now = em__sys_now_us();
    self->untimed = 0;
}

/* The thread's last clock is when this one starts.  A baton that came while the
 * lock was waited for starts before it was queued, on that count.  Counts and
 * `busy` come before the completion, so that its after sees them. */
static void run(em__thread *self, em_baton *baton)
{
    uint64_t started = self->now;
    uint64_t queued = baton->queued_us;
    int status;

    self->current = baton;
    status = baton->work(baton, baton->data);
    self->current = NULL;
    if (is_time_to_look(self))
        look_at_clock(self);
    em__thread_note(&self->tally, started > queued ? started - queued : 0,
                    self->now - started);
    set_busy(self, false);
    if (baton->full && ((em__full *)baton)->key) {
        em__pool_lock(self->pool);
        em__queue_release(&self->pool->queue, baton);
        em__park_stir(self->pool, 0, self->now);
        em__pool_unlock(self->pool);
    }
    em__deliver_result(baton, status);
}

static void run_slots(em__thread *self)
{
    unsigned count = self->batch - 1;
    em_baton *baton;
    unsigned i;

    for (i = 0; i < count; i++) {
        set_busy(self, true);
        baton = atomic_exchange_explicit(&self->slots[i], NULL,
                                         memory_order_release);
        if (!baton)
            continue;
        set_state(baton, EM__BATON_RUNNING);
        run(self, baton);
    }
    set_busy(self, false);
}

static void learn_cost(em__thread *self, uint64_t took_us)
{
    uint64_t each = took_us * COST_UNIT / self->batch;
    uint32_t cost = each < COST_MOST ? (uint32_t)each : COST_MOST;

    self->cost = (self->cost * 7 + cost) / 8;
}

static void run_batch(em__thread *self)
{
    uint64_t began = self->now;

    run(self, self->current);
    run_slots(self);
    if (self->untimed > 0)
        look_at_clock(self);
    learn_cost(self, self->now - began);
}

/* --- life --- */

/* Until there is something to run; false: the thread is to leave. */
static bool find_work(em__thread *self)
{
    em_pool *pool = self->pool;

    while (pool->count <= pool->max) {
        if (em__park_is_surplus(pool) && !pool->closed)
            (void)em__park_sleep(self);
        if (take(self))
            return true;
        if (pool->closed || !em__park_wait(self))
            return false;
    }
    return false;
}

static void serve(em__thread *self)
{
    em_pool *pool = self->pool;

    em__pool_lock(pool);
    pool->park.coming--;
    while (find_work(self)) {
        em__pool_unlock(pool);
        run_batch(self);
        em__pool_lock(pool);
        pool->at_work--;
        if (pool->closed)
            (void)pthread_cond_broadcast(&pool->changed);
    }
}

static void keep_tally(em_pool *pool, em__tally *tally)
{
    int i;

    for (i = 0; i < EM_HISTOGRAM; i++) {
        pool->wait[i] += atomic_load(&tally->wait[i]);
        pool->run[i] += atomic_load(&tally->run[i]);
    }
}

/* Under the lock, which it gives back.  From here on the pool may start
 * another thread in its place. */
static void leave(em__thread *self)
{
    em_pool *pool = self->pool;
    bool over;

    em__list_remove(&self->node);
    keep_tally(pool, &self->tally);
    pool->count--;
    pool->leaving++;
    em__park_tend(pool);
    em__park_stir(pool, 0, self->now);
    em__pool_unlock(pool);
    if (pool->on_stop)
        pool->on_stop(pool->hook_data);
    (void)pthread_cond_destroy(&self->parked.wake);
    em__free(self);
    em__pool_lock(pool);
    pool->leaving--;
    over = em__pool_is_over(pool);
    em__pool_unlock(pool);
    if (over)
        em__pool_destroy(pool);
}

static void *run_thread(void *data)
{
    em__thread *self = data;
    em_pool *pool = self->pool;

    here = self;
    em__thread_name(pool);
    if (pool->on_start)
        pool->on_start(pool->hook_data);
    self->now = em__sys_now_us();
    serve(self);
    here = NULL;
    leave(self);
    return NULL;
}

void em__thread_name(const em_pool *pool)
{
#ifdef HAVE_PTHREAD_SETNAME_NP
    if (pool->name[0])
        (void)pthread_setname_np(pthread_self(), pool->name);
#else
    (void)pool;
#endif
}

/* The thread inherits the mask in force while it is made: it is to take no
 * signal at all, and blocking them only once it runs would leave a gap. */
int em__thread_create(em_pool *pool, void *(*start)(void *), void *data)
{
    pthread_attr_t attributes;
    pthread_t id;
    sigset_t all, before;
    int error = pthread_attr_init(&attributes);

    if (error)
        return -error;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pool->stack_size > 0)
        (void)pthread_attr_setstacksize(&attributes, pool->stack_size);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&id, &attributes, start, data);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -error;
}

static em__thread *new_thread(em_pool *pool)
{
    em__thread *thread = em__calloc(1, sizeof(*thread));

    if (!thread)
        return NULL;
    if (em__cond_init(&thread->parked.wake) < 0) {
        em__free(thread);
        return NULL;
    }
    thread->pool = pool;
    thread->cost = COST_MOST;
    return thread;
}

/* Under the lock, so that no baton is queued for a thread that did not start.
 */
int em__thread_add(em_pool *pool)
{
    em__thread *thread = new_thread(pool);
    int r;

    if (!thread)
        return -ENOMEM;
    r = em__thread_create(pool, run_thread, thread);
    if (r < 0) {
        (void)pthread_cond_destroy(&thread->parked.wake);
        em__free(thread);
        return r;
    }
    em__list_append(&pool->threads, &thread->node);
    pool->count++;
    pool->park.coming++;
    return 0;
}
