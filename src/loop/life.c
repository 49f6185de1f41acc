/* SPDX-License-Identifier: MIT */
/* Life: how a loop is made, and how it ends.
 *
 * The memory outlives em_loop_free for as long as an emitter or a baton refers
 * to it, and then answers -ESHUTDOWN; all else is gone. */

#include <config.h>

#include <errno.h>

#include "base/alloc.h"
#include "base/options.h"
#include "base/sys.h"
#include "loop/internal.h"

enum {
    DEFAULT_BUDGET_COUNT = 1024,
    DEFAULT_BUDGET_US = 10000,
    DEFAULT_STALL_MS = 100
};

static em_loop *_Atomic default_loop;

/* --- memory --- */

em_loop *em__loop_retain(em_loop *loop)
{
    if (loop)
        atomic_fetch_add_explicit(&loop->memory_refs, 1, memory_order_relaxed);
    return loop;
}

void em__loop_release(em_loop *loop)
{
    if (loop && atomic_fetch_sub_explicit(&loop->memory_refs, 1,
                                          memory_order_acq_rel) == 1)
        em__free(loop);
}

/* --- guests --- */

void em__loop_join(em_loop *loop, em__guest *guest)
{
    em__list_init(&guest->node);
    guest->loop = loop;
    if (loop->guests)
        em__list_append(&loop->guests->node, &guest->node);
    else
        loop->guests = guest;
}

void em__loop_part(em__guest *guest)
{
    em_loop *loop = guest->loop;

    if (!loop)
        return;
    guest->loop = NULL;
    if (loop->guests == guest)
        loop->guests = em__list_empty(&guest->node)
                           ? NULL
                           : em__container(guest->node.next, em__guest, node);
    em__list_remove(&guest->node);
}

/* --- making --- */

static void set_options(em_loop *loop, em_loop_options given)
{
    loop->budget_count =
        given.budget_count ? given.budget_count : DEFAULT_BUDGET_COUNT;
    loop->budget_us = given.budget_us ? given.budget_us : DEFAULT_BUDGET_US;
    if (loop->budget_us > UINT64_MAX / 2)
        loop->budget_us = UINT64_MAX / 2; /* to be added to a time */
    loop->seed = given.seed;
    loop->virtual_clock = given.virtual_clock;
    loop->stall = given.stall;
    loop->stall_data = given.stall_data;
    loop->stall_us = given.stall_ms ? given.stall_ms : DEFAULT_STALL_MS;
    loop->stall_us =
        loop->stall_us < UINT64_MAX / 1000 ? loop->stall_us * 1000 : UINT64_MAX;
}

static int open_loop(em_loop *loop, const em_loop_options *options)
{
    em_loop_options given;
    int r = em__options_read(options, &given, sizeof(given));

    if (r < 0)
        return r;
    set_options(loop, given);
    r = em__sys_watch_forks();
    if (r < 0)
        return r;
    loop->forks = em__sys_forks();
    loop->owner = em__sys_thread();
    loop->counts.size = sizeof(loop->counts);
    loop->alarm = UINT64_MAX;
    loop->lingers = em__sys_processors() > 1;
    em__clock_ask();
    em__list_init(&loop->sources);
    loop->now = loop->virtual_clock ? 0 : em__sys_now_us() / 1000;
    em__wheel_init(&loop->wheel, loop->now);
    em__mailbox_init(&loop->mailbox);
    return em__poller_open(&loop->poller, given.poller);
}

int em_loop_new(const em_loop_options *options, em_loop **ret)
{
    em_loop *loop;
    int r;

    if (!ret)
        return -EINVAL;
    loop = em__calloc(1, sizeof(*loop));
    if (!loop)
        return -ENOMEM;
    loop->memory_refs = 1;
    r = open_loop(loop, options);
    if (r < 0) {
        em__free(loop);
        return r;
    }
    *ret = loop;
    return 0;
}

/* Without a lock, which a forked child could inherit held: of several threads
 * that make one, the first to store it wins. */
em_loop *em_loop_default(void)
{
    em_loop *loop = atomic_load(&default_loop);
    em_loop *made;

    if (loop && !em__loop_is_forked(loop))
        return loop;
    if (em_loop_new(NULL, &made) < 0)
        return NULL;
    if (atomic_compare_exchange_strong(&default_loop, &loop, made))
        return made;
    em_loop_free(made);
    return loop;
}

/* --- the end --- */

/* Whoever holds the loop is to hurry. */
static void recall_holders(em_loop *loop)
{
    void (*recall)(em_loop *) = atomic_load(&loop->recall);

    if (recall)
        recall(loop);
}

/* Deliver whatever is in the mailbox, and wait for what is still to come. */
static void finish_mail(em_loop *loop)
{
    em__mail *mail;

    for (;;) {
        em__loop_begin_looking(loop); /* the wait was nobody's fault */
        em__task_run_defers(loop);
        while ((mail = em__mailbox_next(&loop->mailbox, &loop->taken, true)))
            mail->deliver(loop, mail, EM__CLOSING);
        (void)em__mailbox_reap(&loop->mailbox);
        if (atomic_exchange(&loop->errand_waits, false))
            recall_holders(loop); /* nobody goes on it any more */
        if (loop->defers || !em__mailbox_sleep(&loop->mailbox))
            continue;
        if (em__loop_holds(loop) == EM__HOLDS_CLOSED)
            return;
        em__poller_rest(&loop->poller);
        em__mailbox_wake_up(&loop->mailbox);
    }
}

static em_source *first_source(em_loop *loop)
{
    return em__container(loop->sources.next, em_source, node);
}

static void dismiss_guests(em_loop *loop)
{
    while (loop->guests)
        loop->guests->leave(loop->guests);
}

static void remove_sources(em_loop *loop)
{
    em__timer_release(loop);
    while (!em__list_empty(&loop->sources))
        em_source_remove(first_source(loop));
}

static void end_everything(em_loop *loop)
{
    atomic_fetch_or(&loop->holds, EM__HOLDS_CLOSED);
    recall_holders(loop);
    finish_mail(loop);
    dismiss_guests(loop);
    em__task_run_defers(loop); /* which they left */
    remove_sources(loop);
    em__mailbox_leave(&loop->mailbox);
    em__notify_leave(loop);
    (void)em__mailbox_reap(&loop->mailbox);
}

/* In a forked child: the memory only.  No lock, since a thread that the child
 * does not have may hold it. */
static void forget_everything(em_loop *loop)
{
    em__mail *mail;

    em__loop_empty_pocket(loop); /* the fork was inside a callback */
    dismiss_guests(loop);
    while ((mail = loop->defers)) {
        loop->defers = mail->next;
        mail->deliver(loop, mail, EM__FORKED);
    }
    em__timer_release(loop);
    while (!em__list_empty(&loop->sources))
        em__source_free(first_source(loop));
    if (loop->sigchld)
        em__source_free(loop->sigchld);
    em__mailbox_forget(&loop->mailbox, &loop->taken);
    while ((mail = em__mailbox_next(&loop->mailbox, &loop->taken, false)))
        mail->deliver(loop, mail, EM__FORKED);
}

void em__loop_destroy(em_loop *loop)
{
    em__host_end(loop);
    if (em__loop_is_forked(loop))
        forget_everything(loop);
    else
        end_everything(loop);
    em__timer_end(loop);
    em__poller_close(&loop->poller, em__loop_owns_descriptors(loop));
    em__free(loop->watches);
    em__free(loop->always);
    em__free(loop->host);
    em__loop_release(loop);
}

bool em__loop_end_doomed(em_loop *loop)
{
    if (!loop->doomed || em__host_is_told(loop))
        return false;
    loop->doomed = false;
    em__loop_destroy(loop);
    return true;
}

/* Whoever told a host or a hook may be amid a change of the loop, and so the
 * loop ends in a turn, for which a host is made to come and not to end. */
static void doom(em_loop *loop)
{
    loop->doomed = true;
    em__host_call_back(loop);
}

void em_loop_free(em_loop *loop)
{
    em_loop *expected = loop;

    if (!loop || loop->closing)
        return;
    loop->closing = true;
    (void)atomic_compare_exchange_strong(&default_loop, &expected, NULL);
    em__mailbox_close(&loop->mailbox);
    if (em__loop_is_forked(loop))
        em__loop_destroy(loop);
    else if (em__host_is_told(loop))
        doom(loop);
    else if (!loop->running)
        em__loop_destroy(loop);
}
