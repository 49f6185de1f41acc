/* SPDX-License-Identifier: MIT */
/* Emitter: its making and its end.
 *
 * References are counted in the state word, by any thread.  An emit takes none:
 * its frame is enough, because only the owner thread destroys.  When the last
 * reference goes on the owner thread and a frame is there, the outermost frame
 * destroys; when it goes elsewhere, the loop gets the emitter as an orphan and
 * calls reap on the owner thread.  The dying bit is set by the very step that
 * drops the last reference, so no other thread can miss it. */

#include <config.h>

#include <errno.h>
#include <stddef.h>

#include "base/alloc.h"
#include "events/core.h"
#include "events/emitter.h"
#include "events/event.h"
#include "events/listener.h"
#include "events/name.h"
#include "events/table.h"

void em_emitter_init(em_emitter *emitter, em_loop *loop, em_free_fn *free_fn)
{
    em__emitter *self = em__private(emitter);

    if (!emitter)
        return;
    self->core = NULL;
    self->free_fn = free_fn;
    self->loop = em__loop_retain(loop);
    atomic_init(&self->state, EM__ONE_REF);
}

static void free_heap(em_emitter *emitter)
{
    em__free(emitter);
}

int em_emitter_new(em_loop *loop, em_emitter **ret)
{
    em_emitter *emitter;

    if (!ret)
        return -EINVAL;
    emitter = em__malloc(sizeof(*emitter));
    if (!emitter)
        return -ENOMEM;
    em_emitter_init(emitter, loop, free_heap);
    *ret = emitter;
    return 0;
}

em_loop *em_emitter_loop(em_emitter *emitter)
{
    return emitter ? em__private(emitter)->loop : NULL;
}

em__core *em__core_make(em_emitter *emitter)
{
    em__emitter *self = em__private(emitter);

    if (self->core)
        return self->core;
    self->core = em__malloc(sizeof(*self->core));
    if (!self->core)
        return NULL;
    self->core->top = 0;
    self->core->extra = NULL;
    em__event_init(&self->core->first, NULL);
    return self->core;
}

em__extra *em__extra_make(em__core *core)
{
    em__extra *extra = core->extra;

    if (extra)
        return extra;
    extra = em__calloc(1, sizeof(*extra));
    if (!extra)
        return NULL;
    em__list_init(&extra->owned);
    em__list_init(&extra->forwards);
    em__list_init(&extra->visit);
    core->extra = extra;
    return extra;
}

/* --- the end --- */

/* Put the listeners of an event, all of which go, behind *last. */
static em_listener **collect(em__event *event, em_listener **last)
{
    em_listener *listener;
    uint32_t i;

    for (i = event->begin; i < event->end; i++) {
        listener = em__slot_listener(&event->slots[i]);
        if (!listener)
            continue;
        em__listener_off(listener);
        *last = listener;
        last = &listener->next;
    }
    *last = NULL;
    return last;
}

static em_listener *collect_all(em__core *core)
{
    em__extra *extra = core->extra;
    em_listener *first = NULL;
    em_listener **last = &first;
    uint32_t i;

    if (!extra || !extra->order) {
        (void)collect(&core->first, last);
        return first;
    }
    for (i = 0; i < extra->used; i++) {
        if (extra->order[i])
            last = collect(extra->order[i], last);
    }
    return first;
}

/* Listeners elsewhere that this emitter owns go, one after the other, since
 * those who are told may remove others.  A forward that is just being made from
 * here finds no list to leave. */
static void cut_ties(em__extra *extra)
{
    em__bound *bound;

    while (!em__list_empty(&extra->owned)) {
        bound = em__container(extra->owned.next, em__bound, owned);
        bound->base.tied = true;
        em_listener_remove(&bound->base);
    }
    while (!em__list_empty(&extra->forwards))
        em__list_remove(extra->forwards.next);
}

/* All listeners are off before the first free_data runs, since that may use
 * the handle of another. */
static void free_core(em__core *core)
{
    em_listener *listeners = collect_all(core);
    em__extra *extra = core->extra;

    if (extra)
        cut_ties(extra);
    em__table_free(core);
    if (extra && extra->name)
        em__name_release(extra->name);
    em__free(extra);
    em__free(core);
    em__listeners_drop(listeners);
}

/* Without a core the emitter is inert: what free_data and free_fn may try with
 * it finds no listener, and adds none because it is dying. */
static void destroy(em_emitter *emitter)
{
    em__emitter *self = em__private(emitter);
    em__core *core = self->core;
    em_loop *loop = self->loop;

    self->core = NULL;
    if (core)
        free_core(core);
    if (self->free_fn)
        self->free_fn(emitter);
    em__loop_release(loop);
}

void em__destroy_if_ready(em_emitter *emitter)
{
    em__emitter *self = em__private(emitter);
    uintptr_t state = atomic_load_explicit(&self->state, memory_order_relaxed);

    if ((state & EM__READY) && !(self->core && self->core->top))
        destroy(emitter);
}

/* On the thread that is to destroy it. */
static void settle(em_emitter *emitter)
{
    atomic_store_explicit(&em__private(emitter)->state, EM__DYING | EM__READY,
                          memory_order_relaxed);
    em__destroy_if_ready(emitter);
}

static void reap(em__orphan *orphan)
{
    settle((em_emitter *)em__container(orphan, em__emitter, state));
}

static void last_reference_went(em_emitter *emitter)
{
    em__emitter *self = em__private(emitter);
    em_loop *loop = self->loop;

    if (loop && !em__loop_is_forked(loop) && !em__loop_is_owner(loop) &&
        em__loop_abandon(loop, &self->state, reap))
        return;
    settle(emitter);
}

void em_unref(em_emitter *emitter)
{
    uintptr_t state, after;

    if (!emitter)
        return;
    state = atomic_load_explicit(&em__private(emitter)->state,
                                 memory_order_relaxed);
    do {
        if (state & EM__DYING)
            return;
        after = state - EM__ONE_REF;
        if (after < EM__ONE_REF)
            after = EM__DYING;
    } while (!atomic_compare_exchange_weak_explicit(
        &em__private(emitter)->state, &state, after, memory_order_acq_rel,
        memory_order_relaxed));
    if (after == EM__DYING)
        last_reference_went(emitter);
}

bool em__ref_alive(em_emitter *emitter)
{
    uintptr_t state = atomic_load_explicit(&em__private(emitter)->state,
                                           memory_order_relaxed);

    do {
        if (state & EM__DYING)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(
        &em__private(emitter)->state, &state, state + EM__ONE_REF,
        memory_order_relaxed, memory_order_relaxed));
    return true;
}

em_emitter *em_ref(em_emitter *emitter)
{
    if (emitter)
        (void)em__ref_alive(emitter);
    return emitter;
}

bool em__leave(em_emitter *emitter, em__core *core)
{
    em__pop(core, em__frames(core));
    if (!em__dying(emitter))
        return false;
    em__destroy_if_ready(emitter);
    return true;
}
