/* SPDX-License-Identifier: MIT */
/* Forward: what one emitter emits, another one emits too.
 *
 * A forward is a listener on `from` that `to` owns, so it goes with either of
 * the two.  Each emitter lists the forwards that start at it, which is what the
 * search for cycles follows; all of them are of one thread. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "events/listen.h"
#include "events/listener.h"
#include "events/thread.h"

static atomic_ullong searches;

static void forward(em_emitter *from, void *arg, void *to)
{
    (void)em_emit(to, em_event(from), arg);
}

/* Whether what goes along one may go along the other.  With EM_ANY that holds
 * for all names, though those in between may let none of them pass. */
static bool joins(const char *event, const char *other)
{
    return strcmp(event, EM_ANY) == 0 || strcmp(other, EM_ANY) == 0 ||
           strcmp(event, other) == 0;
}

static em__extra *extra_of(em_emitter *emitter)
{
    em__core *core = em__private(emitter)->core;

    return core ? core->extra : NULL;
}

/* Queue an emitter that was not visited yet. */
static void enqueue(em__list *queue, em_emitter *emitter, uint64_t search)
{
    em__extra *extra = extra_of(emitter);

    if (!extra || extra->visited == search)
        return;
    extra->visited = search;
    em__list_append(queue, &extra->visit);
}

/* Whether an event emitted by `from` may come to `to`.  The queue is emptied in
 * any case: its nodes belong to the emitters. */
static bool reaches(em_emitter *from, em_emitter *to, const char *event)
{
    uint64_t search = atomic_fetch_add(&searches, 1) + 1;
    em__list queue, *node;
    bool found = from == to;

    em__list_init(&queue);
    enqueue(&queue, from, search);
    while (!em__list_empty(&queue)) {
        em__extra *extra = em__container(queue.next, em__extra, visit);

        em__list_remove(&extra->visit);
        for (node = extra->forwards.next; node != &extra->forwards && !found;
             node = node->next) {
            em__bound *bound = em__container(node, em__bound, forwards);

            if (!joins(event, bound->label))
                continue;
            found = bound->to == to;
            enqueue(&queue, bound->to, search);
        }
    }
    return found;
}

static int check(em_emitter *from, const char *event, em_emitter *to)
{
    if (!from || !event || !to || strcmp(event, EM_ERROR_MONITOR) == 0)
        return -EINVAL;
    if (em__private(from)->loop != em__private(to)->loop)
        return -EINVAL;
    return 0;
}

int em_forward(em_emitter *from, const char *event, em_emitter *to)
{
    int r = check(from, event, to);
    em__core *there, *here;
    em__bound *bound;

    if (r < 0)
        return r;
    EM__CHECK_THREAD(from);
    if (em__dying(from) || em__dying(to))
        return -ESHUTDOWN;
    if (reaches(to, from, event))
        return -ELOOP;
    here = em__core_make(from);
    there = em__core_make(to);
    if (!here || !there || !em__extra_make(here) || !em__extra_make(there))
        return -ENOMEM;
    bound = em__bound_new();
    if (!bound)
        return -ENOMEM;
    bound->to = em_ref(to);
    bound->label = event;
    bound->base.tied = true;
    em__list_append(&there->extra->owned, &bound->owned);
    em__list_append(&here->extra->forwards, &bound->forwards);
    r = em__listen(from, event, forward, to, &bound->base, false, false);
    em_unref(to);
    return r;
}

int em_unforward(em_emitter *from, const char *event, em_emitter *to)
{
    int r = check(from, event, to);

    return r < 0 ? r : em_off(from, event, forward, to);
}
