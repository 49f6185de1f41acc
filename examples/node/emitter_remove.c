/* SPDX-License-Identifier: MIT */
/* Remove: taking listeners off, and telling of it. */

#include "emitter.h"

/* --- one --- */

bool stands_for(struct call *call, napi_value function, napi_value wanted,
                bool *ret)
{
    napi_value original;

    return js_ok(call->env,
                 napi_strict_equals(call->env, function, wanted, ret)) &&
           (*ret || (unwrap_listener(call, function, &original) &&
                     js_ok(call->env, napi_strict_equals(call->env, original,
                                                         wanted, ret))));
}

/* The newest; NULL: none.  length is that of the array of listeners. */
static bool find(struct call *call, napi_value array, uint32_t length,
                 napi_value wanted, napi_value *ret)
{
    napi_value function;
    bool found = false;

    *ret = NULL;
    while (length-- > 0) {
        if (!js_ok(call->env,
                   napi_get_element(call->env, array, length, &function)) ||
            !stands_for(call, function, wanted, &found))
            return false;
        if (found) {
            *ret = function;
            return true;
        }
    }
    return true;
}

/* Node.js tells of the original function if the listener was the event's only
 * one, else of what it was called with. */
static bool announce_removed(struct call *call, napi_value key,
                             napi_value wanted, napi_value removed,
                             uint32_t length)
{
    if (store_count(call, NAME_REMOVE_LISTENER) == 0)
        return true;
    if (length == 1 && !unwrap_listener(call, removed, &wanted))
        return false;
    return announce(call, NAME_REMOVE_LISTENER, "removeListener", key, wanted);
}

static bool remove_one(struct call *call, napi_value key,
                       const struct name *name, napi_value wanted)
{
    napi_value array, function;
    uint32_t length;

    if (!store_list(call, name->text, &array) ||
        !js_ok(call->env, napi_get_array_length(call->env, array, &length)) ||
        !find(call, array, length, wanted, &function))
        return false;
    return !function || (store_remove(call, name->text, function) &&
                         name_settle(call, key, name) &&
                         announce_removed(call, key, wanted, function, length));
}

napi_value remove_listener(struct call *call)
{
    bool removed;
    struct name name;

    if (!check_listener(call, call->argv[1]) || !store_find(call))
        return NULL;
    if (!call->store)
        return call->self;
    if (!name_read(call, call->argv[0], &name))
        return NULL;
    removed =
        !name.text || remove_one(call, call->argv[0], &name, call->argv[1]);
    name_end(&name);
    return removed ? call->self : NULL;
}

/* --- many --- */

/* The newest first, each through this.removeListener. */
static bool remove_each(struct call *call, const struct name *name)
{
    napi_env env = call->env;
    napi_value array, argv[2] = { call->argv[0], NULL };
    uint32_t length;

    if (!store_list(call, name->text, &array) ||
        !js_ok(env, napi_get_array_length(env, array, &length)))
        return false;
    while (length-- > 0) {
        if (!js_ok(env, napi_get_element(env, array, length, &argv[1])) ||
            !js_call(env, call->self, "removeListener", 2, argv, NULL))
            return false;
    }
    return true;
}

static bool remove_named(struct call *call)
{
    bool removed;
    struct name name;

    if (!name_read(call, call->argv[0], &name))
        return false;
    if (!name.text) {
        removed = true;
    } else if (store_count(call, NAME_REMOVE_LISTENER) > 0) {
        removed = remove_each(call, &name);
    } else {
        (void)em_off_all(&call->store->emitter, name.text);
        removed = name_settle(call, call->argv[0], &name);
    }
    name_end(&name);
    return removed;
}

/* Those of every event through this.removeAllListeners, and those that are told
 * of it last. */
static bool remove_told(struct call *call)
{
    napi_env env = call->env;
    napi_value names = event_names(call);
    napi_value last, key;
    uint32_t length, i;
    bool same;

    if (!names || !js_ok(env, napi_get_array_length(env, names, &length)) ||
        !js_ok(env, napi_create_string_utf8(env, "removeListener",
                                            NAPI_AUTO_LENGTH, &last)))
        return false;
    for (i = 0; i < length; i++) {
        if (!js_ok(env, napi_get_element(env, names, i, &key)) ||
            !js_ok(env, napi_strict_equals(env, key, last, &same)))
            return false;
        if (!same &&
            !js_call(env, call->self, "removeAllListeners", 1, &key, NULL))
            return false;
    }
    return js_call(env, call->self, "removeAllListeners", 1, &last, NULL);
}

static bool settle_all(struct call *call, napi_value names)
{
    napi_env env = call->env;
    napi_value key;
    uint32_t length;
    bool settled = true;
    struct name name;

    if (!js_ok(env, napi_get_array_length(env, names, &length)))
        return false;
    while (settled && length-- > 0) {
        if (!js_ok(env, napi_get_element(env, names, length, &key)) ||
            !name_read(call, key, &name))
            return false;
        settled = name_settle(call, key, &name);
        name_end(&name);
    }
    return settled;
}

static bool remove_everything(struct call *call)
{
    napi_value names;

    if (store_count(call, NAME_REMOVE_LISTENER) > 0 && !remove_told(call))
        return false;
    names = event_names(call);
    if (!names)
        return false;
    (void)em_off_all(&call->store->emitter, NULL);
    return settle_all(call, names);
}

napi_value remove_all_listeners(struct call *call)
{
    if (!store_find(call))
        return NULL;
    if (!call->store)
        return call->self;
    if (!(call->argc == 0 ? remove_everything(call) : remove_named(call)))
        return NULL;
    return call->self;
}
