/* SPDX-License-Identifier: MIT */
/* Internal: batons and the pool that runs them, for the files of this layer. */

#ifndef EM_BATON_INTERNAL_H
#define EM_BATON_INTERNAL_H

#include <stdatomic.h>

#include <emitter/baton.h>

#include "base/list.h"
#include "loop/loop.h"

typedef enum em__baton_state {
    EM__BATON_QUEUED,
    EM__BATON_RUNNING,
    EM__BATON_DONE /* its completion is on the way, or was delivered */
} em__baton_state;

/* References: one of the library's until its completion was delivered, and the
 * user's.  What work returned is written before the completion is sent and read
 * after it came, so status needs no lock. */
struct em_baton {
    /* Set once. */
    em_loop *loop;
    em_pool *pool;
    em_work_fn *work;
    em_after_fn *after;
    void *data;
    void (*free_data)(void *data);
    em_emitter *owner;
    bool alive; /* keeps its loop running */
    /* From here to there. */
    atomic_uint refs;
    atomic_int state; /* leaves EM__BATON_QUEUED under the pool's lock only */
    atomic_bool cancelled;
    int status;
    em__list node; /* in its pool's queue */
    em__mail mail; /* to its loop */
};

/* baton.c: hand the baton back to its loop, which from then on owns it. */
void em__baton_complete(em_baton *baton, int status);

/* pool.c */
bool em__pool_is_forked(const em_pool *pool);

/* Queue the baton: 0, or the error of creating the first thread. */
int em__pool_submit(em_pool *pool, em_baton *baton);

/* Take the baton out of its queue: true if it was still there. */
bool em__pool_withdraw(em_pool *pool, em_baton *baton);

/* Complete all queued batons of a loop with -ECANCELED. */
void em__pool_recall(em_loop *loop);

/* End the default pool, when its queue is empty, as if it had never been. */
void em__pool_end_default(void);

#endif
