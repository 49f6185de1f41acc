/* SPDX-License-Identifier: MIT */
/* Settings: what an emitter may be told about itself. */

#include <config.h>

#include <errno.h>

#include "events/name.h"
#include "events/table.h"
#include "events/thread.h"

static bool has_listeners(em__core *core)
{
    em__frame frame;
    bool found;

    if (core->top)
        return true;
    em__table_walk(core, &frame);
    found = em__table_next(core, &frame) != NULL;
    em__pop(core, &frame);
    return found;
}

int em_emitter_set_flags(em_emitter *emitter, unsigned flags)
{
    em__core *core;

    if (!emitter || (flags & ~(unsigned)EM_SNAPSHOT))
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    if (em__dying(emitter))
        return -ESHUTDOWN;
    core = em__core_make(emitter);
    if (!core)
        return -ENOMEM;
    if (has_listeners(core))
        return -EBUSY;
    if (!em__extra_make(core))
        return -ENOMEM;
    core->extra->snapshot = flags & EM_SNAPSHOT;
    core->extra->special = core->extra->special || core->extra->snapshot;
    return 0;
}

int em_emitter_set_name(em_emitter *emitter, const char *name)
{
    em__core *core;
    em__key key;

    if (!emitter || !name)
        return -EINVAL;
    EM__CHECK_THREAD(emitter);
    if (em__dying(emitter))
        return -ESHUTDOWN;
    core = em__core_make(emitter);
    if (!core || !em__extra_make(core))
        return -ENOMEM;
    em__name_key(name, &key);
    name = em__name_hold(&key);
    if (!name)
        return -ENOMEM;
    if (core->extra->name)
        em__name_release(core->extra->name);
    core->extra->name = name;
    return 0;
}
