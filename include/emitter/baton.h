/* SPDX-License-Identifier: MIT */
/* Baton: work done on a pool thread, finished on the loop that asked.
 *
 * NULL or nonsense is -EINVAL, false, NULL or nothing. */

#ifndef EMITTER_BATON_H
#define EMITTER_BATON_H

#include <stdbool.h>
#include <stdint.h>

#include <emitter/base.h>
#include <emitter/emitter.h>
#include <emitter/loop.h>
#include <emitter/pool.h>

typedef struct em_baton em_baton;

/* Runs on a pool thread, or on the loop's if that has a virtual clock; must not
 * touch the loop but for its any-thread calls.  Returns 0 or a negative errno;
 * a positive value is passed on. */
typedef int em_work_fn(em_baton *baton, void *data);

/* Runs on the loop's thread, exactly once for every baton accepted.  status is
 * what work returned or, if it never ran, -ECANCELED, -ETIMEDOUT, or -ESHUTDOWN
 * if its pool ended. */
typedef void em_after_fn(em_baton *baton, int status, void *data);

/* Runs on the loop's thread for each item, in order, and always before after.
 */
typedef void em_progress_fn(em_baton *baton, void *item, void *data);

/* Zero in a field means its default. */
typedef struct em_baton_options {
    size_t size;      /* of this struct; EM_OPTIONS sets it */
    em_work_fn *work; /* required */
    em_after_fn *after;
    em_progress_fn *progress;      /* what em_baton_progress sends */
    void *data;                    /* given to all three */
    void (*free_data)(void *data); /* on the loop's thread, after after */
    em_emitter *owner;   /* a reference is held until after returned */
    em_pool *pool;       /* NULL: the default one */
    int priority;        /* -4 ... 4, 4 first */
    const void *key;     /* those with one key run in order, one at a time */
    uint64_t timeout_ms; /* in the queue, then -ETIMEDOUT; 0: none */
    bool unref;          /* does not keep the loop alive */
    bool error_to_owner; /* a negative status also emits 'error' there */
    unsigned progress_limit; /* items on the way; 0: 1024 */
    bool progress_wait;      /* past it work waits, else it gets -EAGAIN */
} em_baton_options;

EM_BEGIN_DECLS

/* Queue work on the default pool; after, which may be NULL, follows on the
 * loop.  Any thread, a running work too.  The loop stays alive until after
 * returned.  Returns 0, -EINVAL, -ENOMEM, -ECHILD, -ESHUTDOWN while the loop is
 * freed or after the pool was shut down, or the error of creating the pool's
 * first thread (-EAGAIN); then neither function runs. */
int em_baton_run(em_loop *loop, em_work_fn *work, em_after_fn *after,
                 void *data);

/* The same with options.  A ret that is not NULL gets a reference of its own,
 * to be given back with em_baton_unref.  Also -E2BIG, and -EAGAIN if the pool's
 * queue is full; on any error nothing of the options was taken.  -EINVAL also
 * for a priority out of range and for error_to_owner without an owner;
 * -ESHUTDOWN also for an owner that is being destroyed. */
int em_baton_start(em_loop *loop, const em_baton_options *options,
                   em_baton **ret);

/* Withdraw a baton.  Any thread.  Returns 0 if work will never run, -EBUSY if
 * it runs and can see the request, -EALREADY if it is done or was cancelled
 * before; after comes in every case, never from inside this call.  In a forked
 * child -ECHILD. */
int em_baton_cancel(em_baton *baton);

/* Whether somebody asked it to stop; for a running work to poll.  Any thread.
 */
bool em_baton_cancelled(em_baton *baton);

/* Send an item to the loop, where progress gets it and then free_item, which
 * may be NULL.  From the baton's own work, else -EINVAL.  Returns 0, -EAGAIN
 * past the limit, -ECANCELED if it was cancelled while it waited for room,
 * -ENOMEM, or -ECHILD in a child that the work forked; a refused item stays the
 * caller's. */
int em_baton_progress(em_baton *baton, void *item,
                      void (*free_item)(void *item));

/* Wait until work has ended or will never run; after may be still to come.  Any
 * thread; that of a loop with a virtual clock runs it.  Returns 0, -ETIMEDOUT
 * (UINT64_MAX: never), -EDEADLK in a work of the same pool or, with a virtual
 * clock, inside that of this baton, -EINVAL or -ECHILD. */
int em_baton_wait(em_baton *baton, uint64_t timeout_ms);

em_baton *em_baton_ref(em_baton *baton); /* any thread */
void em_baton_unref(em_baton *baton);    /* any thread */
em_loop *em_baton_loop(em_baton *baton); /* any thread */

EM_END_DECLS

#endif
