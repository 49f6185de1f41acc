/* SPDX-License-Identifier: MIT */
/* Listen: adding a listener.
 *
 * All memory is taken first.  Then 'newListener' is emitted, inside a frame
 * that keeps the event and one of its slots for us whatever its listeners do,
 * and then the listener is put in its place, which cannot fail any more. */

#include <config.h>

#include <assert.h>
#include <errno.h>

#include "base/options.h"
#include "events/emit.h"
#include "events/event.h"
#include "events/limit.h"
#include "events/listen.h"
#include "events/table.h"
#include "events/thread.h"

static em__event *watchers(const em__core *core)
{
    em__event *event =
        core->extra ? core->extra->reserved[EM__NEW_LISTENER] : NULL;

    return event && event->live > 0 ? event : NULL;
}

/* Emit 'newListener'; whether the emitter lives on. */
static bool announce(em_emitter *emitter, em__core *core, em__event *event,
                     const em__slot *slot, bool once)
{
    em_listener_info info = { event->name, slot->fn, slot->data, once, NULL };
    em__frame frame;

    em__enter(core, &frame, EM__RESERVES, event);
    em__emit_event(emitter, core, watchers(core), &info);
    return !em__leave(emitter, core);
}

/* The handle of a listener that needs one only because of where it is. */
static em_listener *plain_listener(void *data, bool once)
{
    em_listener *listener = em__listener_new();

    if (!listener)
        return NULL;
    listener->data = data;
    listener->once = listener->limited = once;
    listener->times = 1;
    return listener;
}

/* Take the memory: 0, and then the slot is complete and its place kept. */
static int prepare(em_emitter *emitter, const char *name, em__slot *slot,
                   bool once, bool front, em__event **ret)
{
    em__core *core = em__core_make(emitter);
    em_listener *listener = em__slot_listener(slot);
    em__event *event;
    int r;

    if (!core)
        return -ENOMEM;
    event = em__table_obtain(core, name);
    if (!event)
        return -ENOMEM;
    r = em__event_reserve(core, event, front);
    if (r < 0)
        return r;
    if (!listener && core->extra && core->extra->snapshot) {
        listener = plain_listener(slot->data, once);
        if (!listener)
            return -ENOMEM;
        slot->more = (uintptr_t)listener;
    }
    *ret = event;
    return 0;
}

static void insert(em_emitter *emitter, em__core *core, em__event *event,
                   em__slot slot, bool front)
{
    em_listener *listener = em__slot_listener(&slot);

    if (event->live == 0)
        em__table_renew(core, event);
    if (listener) {
        listener->emitter = emitter;
        listener->event = event;
        if (listener->bound)
            em__listener_bound(listener)->label = event->name;
    }
    em__event_insert(core, event, slot, front);
}

static int add(em_emitter *emitter, const char *name, em__slot *slot, bool once,
               bool front)
{
    em__event *event;
    em__core *core;
    int r;

    if (em__dying(emitter))
        return -ESHUTDOWN;
    r = prepare(emitter, name, slot, once, front, &event);
    if (r < 0)
        return r;
    core = em__private(emitter)->core;
    if (EM__UNLIKELY(watchers(core) != NULL) &&
        !announce(emitter, core, event, slot, once))
        return -ESHUTDOWN;
    insert(emitter, core, event, *slot, front);
    em__limit_check(emitter, core, event);
    return 0;
}

int em__listen(em_emitter *emitter, const char *name, em_listener_fn *fn,
               void *data, em_listener *listener, bool once, bool front)
{
    em__slot slot = { fn, data, once ? EM__ONCE : EM__PLAIN };
    int r;

    if (listener) {
        slot.more = (uintptr_t)listener;
        listener->data = data;
        listener->once = once;
        if (once) {
            listener->limited = true;
            listener->times = 1;
        }
    }
    r = add(emitter, name, &slot, once, front);
    if (r < 0)
        em__listener_discard(em__slot_listener(&slot));
    return r;
}

static int add_plain(em_emitter *emitter, const char *name, em_listener_fn *fn,
                     void *data, bool once, bool front)
{
    if (!emitter || !name || !fn)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    return em__listen(emitter, name, fn, data, NULL, once, front);
}

int em_on(em_emitter *emitter, const char *event, em_listener_fn *fn,
          void *data)
{
    return add_plain(emitter, event, fn, data, false, false);
}

int em_once(em_emitter *emitter, const char *event, em_listener_fn *fn,
            void *data)
{
    return add_plain(emitter, event, fn, data, true, false);
}

int em_prepend(em_emitter *emitter, const char *event, em_listener_fn *fn,
               void *data)
{
    return add_plain(emitter, event, fn, data, false, true);
}

int em_prepend_once(em_emitter *emitter, const char *event, em_listener_fn *fn,
                    void *data)
{
    return add_plain(emitter, event, fn, data, true, true);
}

/* --- with options --- */

static int check(em_emitter *emitter, const em_listen_options *options)
{
    em_loop *loop = em__private(emitter)->loop;
    em_loop *other = options->owner ? em__private(options->owner)->loop : NULL;

    if (!options->fn || (options->once && options->times > 1))
        return -EINVAL;
    if (loop && other && loop != other)
        return -EINVAL;
    if (options->owner && em__dying(options->owner))
        return -ESHUTDOWN;
    if (options->loop && em__loop_is_forked(options->loop))
        return -ECHILD;
    return 0;
}

static em_listener *make_listener(const em_listen_options *options)
{
    em__bound *bound;
    em_listener *listener;

    if (options->owner || options->loop) {
        bound = em__bound_new();
        if (!bound)
            return NULL;
        bound->home = em__loop_retain(options->loop);
        bound->fn = options->fn;
        bound->copy_arg = options->copy_arg;
        bound->free_arg = options->free_arg;
        listener = &bound->base;
    } else {
        listener = em__listener_new();
        if (!listener)
            return NULL;
    }
    listener->free_data = options->free_data;
    listener->limited = options->times > 0;
    listener->times = options->times;
    return listener;
}

/* The owner is held meanwhile: if 'newListener' drops its last reference, it
 * goes after the listener was tied to it, and takes it along. */
static int listen_owned(em_emitter *emitter, const char *event,
                        const em_listen_options *options, em_listener *listener,
                        bool once)
{
    em_emitter *owner = em_ref(options->owner);
    em__bound *bound = em__listener_bound(listener);
    em__core *core = em__core_make(owner);
    int r = -ENOMEM;

    assert(bound); /* since it has an owner */
    if (core && em__extra_make(core)) {
        em__list_append(&core->extra->owned, &bound->owned);
        r = em__listen(emitter, event, options->fn, options->data, listener,
                       once, options->prepend);
    } else {
        em__listener_discard(listener);
    }
    em_unref(owner);
    return r;
}

int em_listen(em_emitter *emitter, const char *event,
              const em_listen_options *given, em_listener **ret)
{
    em_listen_options options;
    em_listener *listener;
    bool once;
    int r;

    if (!emitter || !event)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    r = em__options_read(given, &options, sizeof(options));
    if (r == 0)
        r = check(emitter, &options);
    if (r < 0)
        return r;
    listener = make_listener(&options);
    if (!listener)
        return -ENOMEM;
    once = options.once || options.times == 1;
    if (options.owner)
        r = listen_owned(emitter, event, &options, listener, once);
    else
        r = em__listen(emitter, event, options.fn, options.data, listener, once,
                       options.prepend);
    if (r == 0 && ret)
        *ret = listener;
    return r;
}
