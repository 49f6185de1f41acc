/* SPDX-License-Identifier: MIT */
/* Notify sources: a wake-up from any thread or signal handler.
 *
 * A notifier takes no lock and allocates nothing, since it may have interrupted
 * the thread that would hold the lock.  The one that sets a source's `pending`
 * pushes it on the loop's stack and wakes the loop; those that find it set are
 * merged into that one.  The owner takes the whole stack at once, so a push
 * needs no protection against a pop between its two steps.
 *
 * A source off duty stays `pending` for good, so that nobody pushes it again.
 * Once it is on the stack the owner may call, remove and free it at any moment,
 * and then the loop: the notifier does not touch the source again, and is
 * counted in `notifiers`, for which the end of the loop waits. */

#include <config.h>

#include <errno.h>
#include <sched.h>

#include "loop/internal.h"

/* --- any thread, signal-safe --- */

static void push(em_loop *loop, em__notify_source *mine)
{
    em__notify_source *first = atomic_load(&loop->notified);

    do
        mine->next = first;
    while (!atomic_compare_exchange_weak(&loop->notified, &first, mine));
}

void em__notify_raise(em__notify_source *mine)
{
    em_loop *loop = mine->source.loop;

    atomic_fetch_add(&loop->notifiers, 1);
    if (!atomic_exchange(&mine->source.pending, true)) {
        push(loop, mine);
        em__poller_wake(&loop->poller);
    }
    atomic_fetch_sub(&loop->notifiers, 1);
}

int em_source_notify(em_source *source)
{
    if (!source || source->kind != EM__SOURCE_NOTIFY)
        return -EINVAL;
    if (em__loop_is_forked(source->loop))
        return -ECHILD;
    em__notify_raise(em__container(source, em__notify_source, source));
    return 0;
}

/* --- the owner --- */

/* Queue what was notified, which is stacked, in the order it came. */
static void collect(em_loop *loop)
{
    em__notify_source *stack = atomic_exchange(&loop->notified, NULL);
    em__notify_source **end = &loop->notices;
    em__notify_source *next;
    em__notify_source *queue = NULL;

    for (; stack; stack = next) {
        next = stack->next;
        stack->next = queue;
        queue = stack;
    }
    while (*end)
        end = &(*end)->next;
    *end = queue;
}

static void withdraw(em_loop *loop, em__notify_source *mine)
{
    em__notify_source **link = &loop->notices;

    collect(loop);
    while (*link && *link != mine)
        link = &(*link)->next;
    if (*link)
        *link = mine->next;
}

void em__notify_stop(em_source *source)
{
    em__notify_source *mine = em__container(source, em__notify_source, source);

    if (atomic_exchange(&mine->source.pending, true))
        withdraw(source->loop, mine);
    em__source_set_active(source, false);
}

static void call(em__notify_source *mine)
{
    em_source *source = &mine->source;

    if (source == source->loop->sigchld) {
        em__child_check_all(source->loop);
        return;
    }
    em__source_enter(source);
    if (source->kind == EM__SOURCE_SIGNAL)
        em__signal_call(source);
    else
        ((em_notify_fn *)source->callback)(source, source->data);
    em__source_leave(source);
}

/* Not pending before the call: what is notified from then on calls again. */
void em__notify_dispatch(em_loop *loop)
{
    em__notify_source *mine;

    collect(loop);
    while ((mine = loop->notices) && !em__loop_halted(loop)) {
        loop->notices = mine->next;
        atomic_store(&mine->source.pending, false);
        call(mine);
    }
}

/* Each is between two steps of its own: no more than a system call. */
void em__notify_leave(em_loop *loop)
{
    while (atomic_load(&loop->notifiers) > 0)
        (void)sched_yield();
}

int em_loop_add_notify(em_loop *loop, em_notify_fn *fn, void *data,
                       em_source **ret)
{
    em_source *source;
    int r = em__loop_check(loop);

    if (r < 0)
        return r;
    if (!fn || !ret)
        return -EINVAL;
    source = em__source_new(loop, EM__SOURCE_NOTIFY, (void (*)(void))fn, data);
    if (!source)
        return -ENOMEM;
    em__source_set_active(source, true);
    em__source_hand_out(source, ret);
    return 0;
}
