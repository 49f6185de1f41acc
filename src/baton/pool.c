/* SPDX-License-Identifier: MIT */
/* Pool: threads that run batons.
 *
 * One lock guards the queue and the counts.  A thread sleeps on the condition
 * variable only with the queue empty and under the lock, and whoever queues
 * signals it under the lock, so no signal is lost.  Threads start when there is
 * more work than idle threads.  They are detached; the last one to leave a pool
 * that has ended frees it.
 *
 * A forked child has the pool without its threads.  It makes a new default pool
 * and keeps the old one in reach, with all that was queued or running in it.
 *
 * The lock is never held while user code runs.  A loop's lock is never taken
 * under it: completions are sent after it was given back. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "baton/internal.h"

enum { LEAST_THREADS = 4, MOST_THREADS = 1024 };

struct em_pool {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    em__list queue;
    em__list threads;
    size_t queued;
    unsigned count, idle, max_threads; /* of threads */
    bool ended;
    unsigned forks;     /* em__sys_forks when it was made */
    em_pool *inherited; /* from a parent process; otherwise unused */
};

/* One thread; only itself uses `current`. */
struct thread {
    em__list node;
    em_pool *pool;
    em_baton *current;
};

static em_pool *_Atomic default_pool;

/* --- life --- */

bool em__pool_is_forked(const em_pool *pool)
{
    return pool->forks != em__sys_forks();
}

static void free_pool(em_pool *pool)
{
    (void)pthread_cond_destroy(&pool->filled);
    (void)pthread_mutex_destroy(&pool->lock);
    em__free(pool);
}

static em_pool *new_pool(unsigned max_threads)
{
    em_pool *pool = em__calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        em__free(pool);
        return NULL;
    }
    if (pthread_cond_init(&pool->filled, NULL) != 0) {
        (void)pthread_mutex_destroy(&pool->lock);
        em__free(pool);
        return NULL;
    }
    em__list_init(&pool->queue);
    em__list_init(&pool->threads);
    pool->max_threads = max_threads;
    pool->forks = em__sys_forks();
    return pool;
}

static void end_pool(em_pool *pool)
{
    bool last;

    (void)pthread_mutex_lock(&pool->lock);
    pool->ended = true;
    last = pool->count == 0;
    (void)pthread_cond_broadcast(&pool->filled);
    (void)pthread_mutex_unlock(&pool->lock);
    if (last)
        free_pool(pool);
}

/* --- the default one --- */

static unsigned default_size(void)
{
    const char *wish = getenv("EMITTER_POOL_SIZE");
    unsigned processors = em__sys_processors();
    unsigned long threads;
    char *end;

    if (wish) {
        threads = strtoul(wish, &end, 10);
        if (*wish >= '0' && *wish <= '9' && !*end && threads > 0)
            return threads < MOST_THREADS ? (unsigned)threads : MOST_THREADS;
    }
    return processors > LEAST_THREADS ? processors : LEAST_THREADS;
}

/* Without a lock, which a forked child could inherit held: of several threads
 * that make one, the first to store it wins. */
em_pool *em_pool_default(void)
{
    em_pool *pool = atomic_load(&default_pool);
    em_pool *made;

    if (pool && !em__pool_is_forked(pool))
        return pool;
    made = new_pool(default_size());
    if (!made)
        return NULL;
    made->inherited = pool;
    if (atomic_compare_exchange_strong(&default_pool, &pool, made))
        return made;
    free_pool(made);
    return pool;
}

void em__pool_end_default(void)
{
    em_pool *pool = atomic_exchange(&default_pool, NULL);

    if (pool)
        end_pool(pool);
}

/* --- threads --- */

/* Under the lock: the next baton, now running; NULL: the pool has ended. */
static em_baton *next_baton(em_pool *pool)
{
    em_baton *baton;

    while (em__list_empty(&pool->queue)) {
        if (pool->ended)
            return NULL;
        pool->idle++;
        (void)pthread_cond_wait(&pool->filled, &pool->lock);
        pool->idle--;
    }
    baton = em__container(pool->queue.next, em_baton, node);
    em__list_remove(&baton->node);
    pool->queued--;
    atomic_store(&baton->state, EM__BATON_RUNNING);
    return baton;
}

/* Under the lock, which it gives back. */
static void leave(struct thread *self)
{
    em_pool *pool = self->pool;
    bool last = --pool->count == 0;

    em__list_remove(&self->node);
    (void)pthread_mutex_unlock(&pool->lock);
    em__free(self);
    if (last)
        free_pool(pool);
}

static void *run_thread(void *data)
{
    struct thread *self = data;
    em_pool *pool = self->pool;
    em_baton *baton;

    (void)pthread_mutex_lock(&pool->lock);
    while ((baton = next_baton(pool))) {
        self->current = baton;
        (void)pthread_mutex_unlock(&pool->lock);
        em__baton_complete(baton, baton->work(baton, baton->data));
        (void)pthread_mutex_lock(&pool->lock);
    }
    leave(self);
    return NULL;
}

/* The thread inherits the mask in force while it is made: it is to take no
 * signal at all, and blocking them only once it runs would leave a gap. */
static int create_detached(struct thread *self)
{
    pthread_attr_t attributes;
    pthread_t id;
    sigset_t all, before;
    int error = pthread_attr_init(&attributes);

    if (error)
        return -error;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&id, &attributes, run_thread, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -error;
}

/* Under the lock, so that no baton is queued for a thread that did not start.
 */
static int add_thread(em_pool *pool)
{
    struct thread *thread = em__calloc(1, sizeof(*thread));
    int r;

    if (!thread)
        return -ENOMEM;
    thread->pool = pool;
    r = create_detached(thread);
    if (r < 0) {
        em__free(thread);
        return r;
    }
    em__list_append(&pool->threads, &thread->node);
    pool->count++;
    return 0;
}

/* --- the queue --- */

static int submit(em_pool *pool, em_baton *baton)
{
    int r;

    if (pool->queued >= pool->idle && pool->count < pool->max_threads) {
        r = add_thread(pool);
        if (r < 0 && pool->count == 0)
            return r; /* else those that run will come to it */
    }
    em__list_append(&pool->queue, &baton->node);
    pool->queued++;
    if (pool->idle > 0)
        (void)pthread_cond_signal(&pool->filled);
    return 0;
}

int em__pool_submit(em_pool *pool, em_baton *baton)
{
    int r;

    (void)pthread_mutex_lock(&pool->lock);
    r = submit(pool, baton);
    (void)pthread_mutex_unlock(&pool->lock);
    return r;
}

bool em__pool_withdraw(em_pool *pool, em_baton *baton)
{
    bool queued;

    if (atomic_load(&baton->state) != EM__BATON_QUEUED)
        return false;
    (void)pthread_mutex_lock(&pool->lock);
    queued = atomic_load(&baton->state) == EM__BATON_QUEUED;
    if (queued) {
        em__list_remove(&baton->node);
        pool->queued--;
        atomic_store(&baton->state, EM__BATON_DONE);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return queued;
}

/* Under the lock: move the queued batons of a loop to a list of its own. */
static void take_batons_of(em_pool *pool, em_loop *loop, em__list *taken)
{
    em__list *node, *after;

    em__list_each_safe(&pool->queue, node, after) {
        em_baton *baton = em__container(node, em_baton, node);

        if (baton->loop != loop)
            continue;
        em__list_remove(node);
        em__list_append(taken, node);
        pool->queued--;
        atomic_store(&baton->state, EM__BATON_DONE);
    }
}

void em__pool_recall(em_loop *loop)
{
    em_pool *pool = atomic_load(&default_pool);
    em__list taken;
    em_baton *baton;

    if (!pool || em__pool_is_forked(pool))
        return;
    em__list_init(&taken);
    (void)pthread_mutex_lock(&pool->lock);
    take_batons_of(pool, loop, &taken);
    (void)pthread_mutex_unlock(&pool->lock);
    while (!em__list_empty(&taken)) {
        baton = em__container(taken.next, em_baton, node);
        em__list_remove(&baton->node);
        atomic_store(&baton->cancelled, true);
        em__baton_complete(baton, -ECANCELED);
    }
}
