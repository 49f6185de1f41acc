/* SPDX-License-Identifier: MIT */
/* Listen: adding a listener.
 *
 * All memory is taken first.  Then 'newListener' is emitted, inside a frame
 * that keeps the event and one of its slots for us whatever its listeners do,
 * and then the listener is put in its place, which cannot fail any more. */

#include <config.h>

#include <errno.h>

#include "events/emit.h"
#include "events/event.h"
#include "events/listener.h"
#include "events/table.h"

/* Tell those who listen for it; whether the emitter lives on.  The name is one
 * that the event holds. */
static bool announce(em_emitter *emitter, em__core *core, em__event *event,
                     const em__slot *slot)
{
    em_listener *listener = em__slot_listener(slot);
    em__event *watchers =
        core->extra ? core->extra->reserved[EM__NEW_LISTENER] : NULL;
    em_listener_info info = {
        .event = event->name,
        .fn = slot->fn,
        .data = slot->data,
        .once = listener ? listener->once : slot->more == EM__ONCE,
    };
    em__frame frame;
    bool dying;

    if (!watchers || watchers->live == 0)
        return true;
    em__enter(core, &frame, EM__RESERVES, event);
    em__emit_event(emitter, core, watchers, &info);
    dying = em__dying(emitter);
    if (dying)
        (void)em__leave(emitter, core);
    else
        core->frame = frame.up;
    return !dying;
}

static int add(em_emitter *emitter, const char *name, em__slot slot, bool front)
{
    em__core *core = em__core_make(emitter);
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
    if (!announce(emitter, core, event, &slot))
        return -ESHUTDOWN;
    if (event->live == 0)
        em__table_renew(core, event);
    em__event_insert(core, event, slot, front);
    return 0;
}

static int add_plain(em_emitter *emitter, const char *name, em_listener_fn *fn,
                     void *data, bool once, bool front)
{
    const em__slot slot = { fn, data, once ? EM__ONCE : EM__PLAIN };

    if (!emitter || !name || !fn)
        return -EINVAL;
    if (em__dying(emitter))
        return -ESHUTDOWN;
    return add(emitter, name, slot, front);
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
