/* SPDX-License-Identifier: MIT */
/* Home: listeners that are called on a loop of their own.
 *
 * An emit sends one mail a call, which holds the emitter.  The listener is let
 * go by a farewell, sent by the same thread as its calls, the emitter's, so
 * that it arrives last.  A home that is going takes no farewell but still has
 * calls to drop, or is amid one; so each call has a share in the listener,
 * besides the emitter's own, and whoever gives back the last one frees it.
 *
 * What the two threads share is constant but for that count and `cancelled`:
 * the emitter's thread sets it when the listener is removed, and the home looks
 * at it just before each call. */

#include <config.h>

#include <errno.h>

#include "base/alloc.h"
#include "events/emitter.h"
#include "events/home.h"
#include "events/uncaught.h"

typedef struct em__call {
    em__mail mail;
    em_emitter *emitter;
    em__bound *bound;
    void *arg;
} em__call;

static _Thread_local const em_emitter *elsewhere;

bool em__home_is_elsewhere(const em_emitter *emitter)
{
    return elsewhere == emitter;
}

static void call_elsewhere(em__bound *bound, em_emitter *emitter, void *arg)
{
    const em_emitter *before = elsewhere;

    elsewhere = emitter;
    bound->fn(emitter, arg, bound->base.data);
    elsewhere = before;
}

/* The frame is there for em_event: no emit is under way in this call, though
 * one may be below it, if a listener ran the loop. */
static void call_here(em__bound *bound, em_emitter *emitter, void *arg)
{
    em__core *core = em__private(emitter)->core;
    em__frame frame;

    em__enter(core, &frame, EM__HOLDS, NULL);
    frame.name = NULL;
    bound->fn(emitter, arg, bound->base.data);
    (void)em__leave(emitter, core);
}

static void call(em__call *call)
{
    em_loop *loop = em__private(call->emitter)->loop;

    if (atomic_load_explicit(&call->bound->cancelled, memory_order_acquire))
        return;
    em__loop_count_call(call->bound->home);
    if (loop && em__loop_is_owner(loop))
        call_here(call->bound, call->emitter, call->arg);
    else
        call_elsewhere(call->bound, call->emitter, call->arg);
}

static void give_share_back(em__bound *bound)
{
    if (atomic_fetch_sub_explicit(&bound->shares, 1, memory_order_acq_rel) > 1)
        return;
    if (bound->base.free_data)
        bound->base.free_data(bound->base.data);
    em__listener_discard(&bound->base);
}

/* In a forked child the listener may be gone before its calls. */
static void deliver(em_loop *loop, em__mail *mail, em__delivery how)
{
    em__call *sent = em__container(mail, em__call, mail);

    (void)loop;
    if (how == EM__RUNNING)
        call(sent);
    if (how != EM__FORKED) {
        if (sent->bound->free_arg)
            sent->bound->free_arg(sent->arg);
        em_unref(sent->emitter);
        give_share_back(sent->bound);
    }
    em__free(sent);
}

/* NULL: no memory. */
static em__call *make_call(em_emitter *emitter, em__bound *bound, void *arg)
{
    em__call *made = em__malloc(sizeof(*made));

    if (!made)
        return NULL;
    *made = (em__call){ { .deliver = deliver }, emitter, bound, arg };
    if (!bound->copy_arg)
        return made;
    made->arg = bound->copy_arg(arg);
    if (made->arg || !arg)
        return made;
    em__free(made);
    return NULL;
}

static void report_no_memory(em_emitter *emitter, bool error)
{
    static const char message[] = "no memory for a call on another loop";
    const em_error lost = { -ENOMEM, message, NULL };

    if (error)
        (void)em__uncaught(emitter, "error", &lost);
    else
        (void)em_emit_error(emitter, -ENOMEM, "%s", message);
}

void em__home_call(em_emitter *emitter, em__bound *bound, void *arg, bool error)
{
    em__call *made = make_call(emitter, bound, arg);

    if (!made) {
        report_no_memory(emitter, error);
        return;
    }
    if (em__ref_alive(emitter)) {
        atomic_fetch_add_explicit(&bound->shares, 1, memory_order_relaxed);
        if (em__loop_send(bound->home, &made->mail) == 0)
            return;
        give_share_back(bound); /* never the last */
        em_unref(emitter);
    }
    if (bound->free_arg)
        bound->free_arg(made->arg);
    em__free(made);
}

static void say_farewell(em_loop *loop, em__mail *mail, em__delivery how)
{
    em__bound *bound = em__container(mail, em__bound, farewell);

    if (how == EM__FORKED) {
        em__listener_discard(&bound->base);
        return;
    }
    if (bound->base.free_data)
        em__loop_count_call(loop);
    give_share_back(bound);
}

/* In a forked child no call is left that would come for its share. */
void em__home_farewell(em__bound *bound)
{
    bound->farewell.deliver = say_farewell;
    if (em__loop_send(bound->home, &bound->farewell) == 0)
        return;
    if (em__loop_is_forked(bound->home))
        atomic_store_explicit(&bound->shares, 1, memory_order_relaxed);
    give_share_back(bound);
}
