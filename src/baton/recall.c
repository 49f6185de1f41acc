/* SPDX-License-Identifier: MIT */
/* Recall: what em_loop_free asks of pools and groups.
 *
 * Any pool may have batons of the loop, so all pools are known here, and so are
 * all groups.  The lock is taken before a pool's.  A pool is forgotten before
 * it is destroyed, so one that is found here, under the lock, is there; a group
 * belongs to its loop's owner, who alone looks for it.
 *
 * A forked child forgets them all: it has none of their threads, and another
 * thread may have held the lock when it forked. */

#include <config.h>

#include <errno.h>

#include "baton/internal.h"

static struct {
    pthread_mutex_t lock;
    em__list pools, groups;
} all = { PTHREAD_MUTEX_INITIALIZER,
          { &all.pools, &all.pools },
          { &all.groups, &all.groups } };

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static atomic_int fork_error; /* for helgrind, which does not know "once" */

static void forget_all(void)
{
    (void)pthread_mutex_init(&all.lock, NULL);
    em__list_init(&all.pools);
    em__list_init(&all.groups);
}

static void watch_forks(void)
{
    atomic_store(&fork_error, -pthread_atfork(NULL, NULL, forget_all));
}

static int watch(em__list *list, em__list *node)
{
    int r;

    (void)pthread_once(&fork_once, watch_forks);
    r = atomic_load(&fork_error);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&all.lock);
    em__list_append(list, node);
    (void)pthread_mutex_unlock(&all.lock);
    return 0;
}

int em__recall_watch(em_pool *pool)
{
    return watch(&all.pools, &pool->known);
}

int em__recall_watch_group(em__list *known)
{
    return watch(&all.groups, known);
}

void em__recall_forget(em__list *known)
{
    (void)pthread_mutex_lock(&all.lock);
    em__list_remove(known);
    (void)pthread_mutex_unlock(&all.lock);
}

em__list *em__recall_find_group(bool (*is_it)(em__list *known,
                                              const em_loop *loop),
                                const em_loop *loop)
{
    em__list *found = NULL;
    em__list *node, *after;

    (void)pthread_mutex_lock(&all.lock);
    em__list_each_safe(&all.groups, node, after) {
        if (!found && is_it(node, loop))
            found = node;
    }
    (void)pthread_mutex_unlock(&all.lock);
    return found;
}

/* Each is locked meanwhile. */
void em__recall_each_pool(void (*fn)(em_pool *pool, void *data), void *data)
{
    em__list *node, *after;

    (void)pthread_mutex_lock(&all.lock);
    em__list_each_safe(&all.pools, node, after) {
        em_pool *pool = em__container(node, em_pool, known);

        em__pool_lock(pool);
        fn(pool, data);
        em__pool_unlock(pool);
    }
    (void)pthread_mutex_unlock(&all.lock);
}

typedef struct drop {
    em_loop *loop;
    em__list dropped;
} drop;

static void drop_from(em_pool *pool, void *data)
{
    drop *d = data;

    em__pool_drop(pool, d->loop, &d->dropped);
}

void em__recall(em_loop *loop)
{
    drop d = { .loop = loop };

    em__group_recall(loop);
    em__list_init(&d.dropped);
    em__recall_each_pool(drop_from, &d);
    em__pool_finish_dropped(&d.dropped, -ECANCELED);
}
