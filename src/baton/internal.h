/* SPDX-License-Identifier: MIT */
/* Internal: batons, pools and their threads, for the files of this layer.
 *
 * Locks: the pool's lock guards what says so below.  Under it neither user code
 * runs nor is a loop's lock taken: completions are sent after it was given
 * back.  The lock of recall.c is taken before a pool's, never after.
 *
 * A forked child has the pool without its threads, and its lock may be held for
 * ever: nothing of an inherited pool is used there but its memory. */

#ifndef EM_BATON_INTERNAL_H
#define EM_BATON_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <emitter/baton.h>
#include <emitter/group.h>
#include <emitter/pool.h>

#include "base/list.h"
#include "base/sys.h"
#include "base/wheel.h"
#include "baton/inbox.h"
#include "baton/park.h"
#include "baton/queue.h"
#include "baton/spare.h"
#include "loop/loop.h"

typedef enum em__baton_state {
    EM__BATON_NEW,     /* not accepted yet */
    EM__BATON_QUEUED,  /* in the inbox, or the queue, where it may wait for its
                          key */
    EM__BATON_CLAIMED, /* in a slot of a thread, which has not come to it */
    EM__BATON_RUNNING,
    EM__BATON_DONE /* its completion is on the way, or was delivered */
} em__baton_state;

/* References: one of the library's until its completion was delivered, and the
 * user's.  What work returned is written before the completion is sent and read
 * after it came, so status needs no lock.
 *
 * All of it, with what a block adds, is to fit into two lines of the
 * processor's cache.  A thread that runs it needs the first line alone, so the
 * second one stays where the loop is: what moves between processors for a job
 * is one line there and one back. */
struct em_baton {
    em__list node; /* in its pool's queue; empty while it waits for its key */
    /* Any thread's. */
    atomic_uchar state; /* see em__baton_state; changes under the lock, but for
                           what the thread that runs it does */
    atomic_bool cancelled, waited;
    /* Set once, but for status. */
    unsigned level : 4; /* of its priority, 0 the first */
    unsigned full : 1;
    int status;
    em_loop *loop;
    em_work_fn *work;
    void *data;
    uint64_t queued_us;
    em__mail mail; /* to its loop; from its second word on, the loop's */
    em_pool *pool;
    atomic_uint refs; /* any thread's */
    bool alive;       /* keeps its loop running */
    bool error_to_owner;
    bool solo; /* it runs on its loop's own thread: see solo.c */
    em_after_fn *after;
    void (*free_data)(void *data);
    em_emitter *owner;
};

_Static_assert(sizeof(em_baton) <= EM__BLOCK_ROOM, "128 bytes a job");
_Static_assert(offsetof(em_baton, mail.deliver) <= EM__LINE, "one line");

/* A baton with a key, a time limit, progress or a group. */
typedef struct em__full {
    em_baton baton;
    const void *key;
    bool leads; /* locked: its lane; else it waits in it */
    bool timed; /* locked: in the pool's wheel */
    em__list lane;
    struct em__full *chain;
    em__timer timer;
    /* Progress. */
    em_progress_fn *progress;
    atomic_uint unread; /* items on the way */
    unsigned progress_limit;
    bool progress_wait;
    atomic_bool blocked; /* its work waits for an item to be read */
    /* Its group, whose owner's this is. */
    em_group *group;
    em__list member;
} em__full;

static inline em__full *em__baton_full(em_baton *baton)
{
    return baton->full ? (em__full *)baton : NULL;
}

enum { EM__SLOTS = 15 }; /* and the one that runs: 16 a batch */

/* What a thread did, written by itself alone, so that nobody waits; `turn` is
 * odd while it changes. */
typedef struct em__tally {
    _Atomic uint64_t turn;
    _Atomic uint64_t wait[EM_HISTOGRAM], run[EM_HISTOGRAM];
} em__tally;

typedef struct em__thread {
    em_pool *pool;
    /* Its own. */
    uint64_t now;      /* microseconds, as it read them last */
    uint32_t cost;     /* of a job: 64ths of a microsecond, averaged */
    unsigned untimed;  /* jobs since then */
    unsigned batch;    /* how many it took */
    bool spun;         /* since it last had work */
    em_baton *current; /* the one whose work it is in */
    /* In whose work this one passes for a thread, or NULL. */
    struct em__thread *outer;
    /* Locked. */
    em__list node;
    em__parked parked;
    /* Filled under the lock; emptied by the thread itself as it comes to each,
     * or by em__thread_reclaim under the lock: whoever swaps it out has it. */
    em_baton *_Atomic slots[EM__SLOTS];
    atomic_bool busy; /* in a work, or about to be */
    em__tally tally;
} em__thread;

typedef enum em__kind_of_block {
    EM__PLAIN_BLOCK,
    EM__FULL_BLOCK,
    EM__BLOCK_KINDS
} em__kind_of_block;

struct em_pool {
    pthread_mutex_t lock;
    em__queue queue;
    em__inbox inbox;
    em__park park;
    em__queue solo;     /* what its loops run themselves; see solo.c */
    unsigned solo_runs; /* how many are at it */
    em__list threads;
    unsigned count;     /* of threads */
    unsigned leaving;   /* threads that are not counted any more, but use it */
    unsigned at_work;   /* threads that took something */
    unsigned min, max;  /* of count */
    bool claimed;       /* there may be something in a slot */
    int claimed_level;  /* and this is its level */
    bool closed;        /* takes no more */
    bool freed;         /* nobody but threads and batons refers to it */
    uint64_t cancelled; /* batons that never ran */
    uint64_t wait[EM_HISTOGRAM], run[EM_HISTOGRAM]; /* of threads that left */
    pthread_cond_t changed; /* a baton that was waited for ended, an item was
                               read, a thread came back to a closed pool */
    /* Time limits; see expire.c. */
    em__wheel wheel;
    pthread_cond_t expiry;
    uint64_t expiry_ms; /* when the thread that watches them will look */
    bool expires;       /* there is that thread */
    /* Set once. */
    uint64_t idle_us;
    size_t queue_limit;
    size_t stack_size;
    void (*on_start)(void *data);
    void (*on_stop)(void *data);
    void *hook_data;
    unsigned forks; /* em__sys_forks when it was made */
    unsigned processors;
    bool is_default;
    char name[16];
    /* Its own locks. */
    em__spare spares[EM__BLOCK_KINDS];
    em__list known;     /* in recall.c */
    em_pool *inherited; /* from a parent process; otherwise unused */
};

/* Where a baton waits. */
static inline em__queue *em__pool_queue(em_pool *pool, const em_baton *baton)
{
    return baton->solo ? &pool->solo : &pool->queue;
}

static inline void em__pool_lock(em_pool *pool)
{
    em__sys_lock(&pool->lock);
}

static inline void em__pool_unlock(em_pool *pool)
{
    (void)pthread_mutex_unlock(&pool->lock);
}

static inline bool em__pool_is_forked(const em_pool *pool)
{
    return pool->forks != em__sys_forks();
}

/* pool.c */
bool em__pool_is_over(const em_pool *pool); /* locked: free it afterwards */
void em__pool_destroy(em_pool *pool);

/* Locked: put the batons of a loop, or of all (NULL), that did not start on a
 * list, for em__pool_finish_dropped to complete without the lock. */
void em__pool_drop(em_pool *pool, const em_loop *loop, em__list *dropped);
void em__pool_finish_dropped(em__list *dropped, int status);

/* What em_pool_free does, also to the default pool. */
void em__pool_let_go(em_pool *pool);

/* default.c: how many threads a pool has that was not told, at most; and end
 * the default pool as if it had never been. */
unsigned em__default_size(void);
void em__default_end(void);

/* thread.c, all locked */
int em__thread_add(em_pool *pool);
void em__thread_reclaim(em_pool *pool); /* make the queue complete: batons back
                                           from slots, and out of the inbox */

/* A thread with the pool's stack size, detached, that blocks all signals. */
int em__thread_create(em_pool *pool, void *(*start)(void *), void *data);
void em__thread_name(const em_pool *pool);
em__thread *em__thread_self(void); /* NULL: not a pool's; not locked */

/* Count what waited and ran for so long. */
void em__thread_note(em__tally *tally, uint64_t waited, uint64_t ran);

/* Make the calling thread pass for another, or for none (NULL): what it was. */
em__thread *em__thread_pass_for(em__thread *thread);

/* stats.c, locked: how many works run; of a closed pool, no more will begin. */
unsigned em__stats_running(const em_pool *pool);

/* solo.c.  A baton was put into a pool's solo queue, or its turn there came;
 * locked. */
void em__solo_call(em_baton *baton);

/* On the thread of a loop with a virtual clock, run batons of it until this one
 * has ended: 0, -EDEADLK if it is being run further up the stack or waits there
 * for its key, or -EAGAIN if that is up to other loops.  Not locked. */
int em__solo_run_until(em_baton *baton);

/* expire.c, all locked */
int em__expire_add(em_pool *pool, em__full *full, uint64_t timeout_ms);
void em__expire_remove(em_pool *pool, em_baton *baton);
void em__expire_end(em_pool *pool); /* no more to come */

/* deliver.c: the way back.  Not locked; the baton may be over afterwards. */
void em__deliver_result(em_baton *baton, int status);
void em__deliver_init(em_baton *baton);

/* baton.c */

/* Of options that em__options_read copied; a pool is filled in: 0, -EINVAL,
 * -ECHILD or -ENOMEM. */
int em__baton_check(const em_loop *loop, em_baton_options *options);

/* A baton that is not in its pool yet, but holds its loop and its owner. */
int em__baton_make(em_loop *loop, const em_baton_options *options,
                   em_group *group, em__full **ret);
void em__baton_unmake(em_baton *baton);

/* Give up a reference: whether it was the last, and the block is to go. */
bool em__baton_release(em_baton *baton);

/* Queue it: 0, -ENOBUFS if the queue is full, -ESHUTDOWN, -ENOMEM or -EAGAIN;
 * on an error it is as before. */
int em__baton_submit(em_baton *baton);

/* block.c.  Not locked; NULL: no memory.  A block comes from anywhere or, with
 * a pocket, which is that of a loop that runs here, from there.  It goes back
 * from any thread or, of plain ones, into such a pocket; afterwards the pool
 * may be gone. */
void *em__block_take(em__pocket *pocket, em_pool *pool, em__kind_of_block kind);
void em__block_return(em_pool *pool, em__kind_of_block kind, void *block);
void em__block_pocket(em_loop *loop, em_pool *pool, void *block);

/* group.c, on the owner's thread */
void em__group_left(em_baton *baton, int status);
void em__group_recall(em_loop *loop);

/* recall.c: what em_loop_free calls, and what is known there.  0 or -ENOMEM. */
int em__recall_watch(em_pool *pool);
int em__recall_watch_group(em__list *known);
void em__recall_forget(em__list *known);
void em__recall_each_pool(void (*fn)(em_pool *pool, void *data), void *data);
em__list *em__recall_find_group(bool (*is_it)(em__list *known,
                                              const em_loop *loop),
                                const em_loop *loop);
void em__recall(em_loop *loop);

/* Now, as pthread_cond_timedwait takes it, or a time after it; park.c. */
int em__cond_init(pthread_cond_t *cond);
bool em__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
                         uint64_t until_us); /* UINT64_MAX: for ever */

#endif
