/* SPDX-License-Identifier: MIT */
/* Progress: items that a running work sends to its loop.
 *
 * Each is a mail of its own, sent by the thread that will send the completion,
 * so that the loop gets all of them in order and before it.  `unread` counts
 * those on the way.  A work that waits for room says so in `blocked` before it
 * looks at `unread` again, and the loop looks at `blocked` after it counted
 * down; both in one order for all threads, so one of the two sees the other. */

#include <config.h>

#include <assert.h>
#include <errno.h>

#include "baton/internal.h"

typedef struct item {
    em__mail mail;
    em_baton *baton;
    void *item;
    void (*free_item)(void *item);
} item;

_Static_assert(sizeof(item) <= sizeof(em_baton), "an item fits a plain block");

/* The baton's completion is still to come, so that it and its pool are there.
 */
static void item_is_read(em__full *full)
{
    em_pool *pool = full->baton.pool;

    atomic_fetch_sub(&full->unread, 1);
    if (!atomic_load(&full->blocked))
        return;
    em__pool_lock(pool);
    (void)pthread_cond_broadcast(&pool->changed);
    em__pool_unlock(pool);
}

static void deliver(em_loop *loop, em__mail *mail, em__delivery how)
{
    item sent = *em__container(mail, item, mail);
    em__full *full = em__baton_full(sent.baton);

    assert(full); /* or it could not have sent anything */
    em__block_return(sent.baton->pool, EM__PLAIN_BLOCK,
                     em__container(mail, item, mail));
    if (how == EM__FORKED)
        return;
    em__loop_calling(loop, (void (*)(void))full->progress);
    full->progress(sent.baton, sent.item, sent.baton->data);
    if (sent.free_item) {
        em__loop_calling(loop, (void (*)(void))sent.free_item);
        sent.free_item(sent.item);
    }
    item_is_read(full);
}

/* Only the work itself adds, so there is still room afterwards. */
static int wait_for_room(em__full *full)
{
    em_baton *baton = &full->baton;
    em_pool *pool = baton->pool;
    int r = 0;

    if (atomic_load(&full->unread) < full->progress_limit)
        return 0;
    if (!full->progress_wait)
        return -EAGAIN;
    if (baton->solo)
        return 0; /* who should read meanwhile? */
    em__pool_lock(pool);
    atomic_store(&full->blocked, true);
    while (r == 0 && atomic_load(&full->unread) >= full->progress_limit) {
        if (atomic_load(&baton->cancelled))
            r = -ECANCELED;
        else
            (void)pthread_cond_wait(&pool->changed, &pool->lock);
    }
    atomic_store(&full->blocked, false);
    em__pool_unlock(pool);
    return r;
}

int em_baton_progress(em_baton *baton, void *data,
                      void (*free_item)(void *item))
{
    const em__thread *self = em__thread_self();
    em__full *full;
    item *sent;
    int r;

    if (!baton || !self || self->current != baton)
        return -EINVAL;
    full = em__baton_full(baton);
    if (!full || !full->progress)
        return -EINVAL;
    if (em__pool_is_forked(baton->pool))
        return -ECHILD;
    r = wait_for_room(full);
    if (r < 0)
        return r;
    sent = em__block_take(NULL, baton->pool, EM__PLAIN_BLOCK);
    if (!sent)
        return -ENOMEM;
    *sent = (item){ { NULL, deliver }, baton, data, free_item };
    atomic_fetch_add(&full->unread, 1);
    em__loop_complete(baton->loop, &sent->mail);
    return 0;
}
