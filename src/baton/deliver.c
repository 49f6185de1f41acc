/* SPDX-License-Identifier: MIT */
/* Deliver: the way back of a baton, from wherever it ended to its loop.
 *
 * Whoever takes a baton out of the queue, or ran it, owns it until it sends it
 * to its loop, in order: the state says that it is done; who waits for it is
 * told; the mail is sent.  The state and the flag of the waiters are each
 * written before the other one is read, in one order that all threads agree on,
 * so either the waiter sees that it is done or it is seen waiting.  The pool is
 * in place for as long as the baton's memory is out. */

#include <config.h>

#include <errno.h>

#include "baton/internal.h"

/* --- on the thread where it ended --- */

static void tell_waiters(em_pool *pool)
{
    em__pool_lock(pool);
    (void)pthread_cond_broadcast(&pool->changed);
    em__pool_unlock(pool);
}

void em__deliver_result(em_baton *baton, int status)
{
    baton->status = status;
    atomic_store(&baton->state, EM__BATON_DONE);
    if (atomic_load(&baton->waited))
        tell_waiters(baton->pool);
    em__loop_complete(baton->loop, &baton->mail);
}

/* --- on the loop's --- */

static void call_after(em_loop *loop, em_baton *baton)
{
    if (baton->after) {
        em__loop_calling(loop, (void (*)(void))baton->after);
        baton->after(baton, baton->status, baton->data);
    }
    if (baton->error_to_owner && baton->status < 0) {
        em__loop_count_call(loop);
        (void)em_emit_error(baton->owner, baton->status, "%s",
                            em_strerror(baton->status));
    }
    if (baton->free_data) {
        em__loop_calling(loop, (void (*)(void))baton->free_data);
        baton->free_data(baton->data);
    }
}

/* What ends in a run is kept for what is submitted there next. */
static void let_go(em_loop *loop, em_baton *baton, em__delivery how)
{
    if (how != EM__RUNNING || baton->full)
        em_baton_unref(baton);
    else if (em__baton_release(baton))
        em__block_pocket(loop, baton->pool, baton);
}

/* The owner is let go after its last callback, and the loop after the owner,
 * whose destruction may need it. */
static void deliver(em_loop *loop, em__mail *mail, em__delivery how)
{
    em_baton *baton = em__container(mail, em_baton, mail);
    em__full *full = em__baton_full(baton);

    if (how != EM__FORKED) {
        call_after(loop, baton);
        if (full && full->group)
            em__group_left(baton, baton->status);
        if (baton->owner)
            em_unref(baton->owner);
    }
    em__loop_unhold(loop, baton->alive);
    let_go(loop, baton, how);
}

void em__deliver_init(em_baton *baton)
{
    baton->mail.deliver = deliver;
}

/* --- waiting --- */

/* Under the lock. */
static int wait_until_done(em_baton *baton, uint64_t timeout_ms)
{
    em_pool *pool = baton->pool;
    uint64_t now = em__sys_now_us();
    uint64_t until = UINT64_MAX;

    if (timeout_ms < (UINT64_MAX - now) / 1000)
        until = now + timeout_ms * 1000;
    atomic_store(&baton->waited, true);
    while (atomic_load(&baton->state) != EM__BATON_DONE) {
        if (!em__cond_wait_until(&pool->changed, &pool->lock, until))
            return atomic_load(&baton->state) == EM__BATON_DONE ? 0
                                                                : -ETIMEDOUT;
    }
    return 0;
}

int em_baton_wait(em_baton *baton, uint64_t timeout_ms)
{
    const em__thread *self = em__thread_self();
    int r;

    if (!baton)
        return -EINVAL;
    if (em__pool_is_forked(baton->pool))
        return -ECHILD;
    if (self && self->pool == baton->pool)
        return -EDEADLK;
    if (baton->solo && timeout_ms > 0 && em__loop_is_owner(baton->loop)) {
        r = em__solo_run_until(baton);
        if (r != -EAGAIN)
            return r;
    }
    em__pool_lock(baton->pool);
    r = wait_until_done(baton, timeout_ms);
    em__pool_unlock(baton->pool);
    return r;
}
