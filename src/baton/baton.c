/* SPDX-License-Identifier: MIT */
/* Baton: one job's way from the loop to a pool thread and back. */

#include <config.h>

#include <errno.h>

#include "base/alloc.h"
#include "base/options.h"
#include "baton/internal.h"

/* --- back on the loop --- */

static void call_after(em_loop *loop, em_baton *baton)
{
    if (baton->after) {
        em__loop_count_call(loop);
        baton->after(baton, baton->status, baton->data);
    }
    if (baton->free_data) {
        em__loop_count_call(loop);
        baton->free_data(baton->data);
    }
}

/* The owner is let go after its last callback, and the loop after the owner,
 * whose destruction may need it. */
static void deliver(em_loop *loop, em__mail *mail, em__delivery how)
{
    em_baton *baton = em__container(mail, em_baton, mail);

    if (how != EM__FORKED) {
        call_after(loop, baton);
        em_unref(baton->owner);
    }
    em__loop_unhold(loop, baton->alive);
    em_baton_unref(baton);
}

void em__baton_complete(em_baton *baton, int status)
{
    baton->status = status;
    atomic_store(&baton->state, EM__BATON_DONE);
    em__loop_complete(baton->loop, &baton->mail);
}

/* --- making and starting --- */

static em_baton *new_baton(em_loop *loop, const em_baton_options *options)
{
    em_baton *baton = em__calloc(1, sizeof(*baton));

    if (!baton)
        return NULL;
    baton->loop = loop;
    baton->pool = em_pool_default();
    baton->work = options->work;
    baton->after = options->after;
    baton->data = options->data;
    baton->free_data = options->free_data;
    baton->owner = options->owner;
    baton->alive = !options->unref;
    baton->mail.deliver = deliver;
    atomic_init(&baton->refs, 1);
    if (!baton->pool) {
        em__free(baton);
        return NULL;
    }
    return baton;
}

/* All that keeps the baton's surroundings in place comes before the queue: once
 * it is there, it may be over at any moment. */
static int start(em_baton *baton, em_baton **ret)
{
    int r = em__loop_hold(baton->loop, em__pool_recall, baton->alive);

    if (r < 0)
        return r;
    em_ref(baton->owner);
    if (ret)
        em_baton_ref(baton);
    r = em__pool_submit(baton->pool, baton);
    if (r == 0) {
        if (ret)
            *ret = baton;
        return 0;
    }
    em_unref(baton->owner);
    em__loop_unhold(baton->loop, baton->alive);
    return r;
}

int em_baton_start(em_loop *loop, const em_baton_options *options,
                   em_baton **ret)
{
    em_baton_options given;
    em_baton *baton;
    int r = em__options_read(options, &given, sizeof(given));

    if (r < 0)
        return r;
    if (!loop || !given.work)
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    baton = new_baton(loop, &given);
    if (!baton)
        return -ENOMEM;
    r = start(baton, ret);
    if (r < 0)
        em__free(baton);
    return r;
}

int em_baton_run(em_loop *loop, em_work_fn *work, em_after_fn *after,
                 void *data)
{
    return em_baton_start(loop,
                          EM_OPTIONS(em_baton_options, .work = work,
                                     .after = after, .data = data),
                          NULL);
}

/* --- the rest of its life --- */

int em_baton_cancel(em_baton *baton)
{
    if (!baton)
        return -EINVAL;
    if (em__pool_is_forked(baton->pool))
        return -ECHILD;
    if (em__pool_withdraw(baton->pool, baton)) {
        atomic_store(&baton->cancelled, true);
        em__baton_complete(baton, -ECANCELED);
        return 0;
    }
    if (atomic_load(&baton->state) == EM__BATON_DONE)
        return -EALREADY;
    atomic_store(&baton->cancelled, true);
    return -EBUSY;
}

bool em_baton_cancelled(em_baton *baton)
{
    return baton &&
           atomic_load_explicit(&baton->cancelled, memory_order_relaxed);
}

em_baton *em_baton_ref(em_baton *baton)
{
    if (baton)
        atomic_fetch_add_explicit(&baton->refs, 1, memory_order_relaxed);
    return baton;
}

void em_baton_unref(em_baton *baton)
{
    if (baton &&
        atomic_fetch_sub_explicit(&baton->refs, 1, memory_order_acq_rel) == 1)
        em__free(baton);
}

em_loop *em_baton_loop(em_baton *baton)
{
    return baton ? baton->loop : NULL;
}
