/* SPDX-License-Identifier: MIT */
/* Listen: adding listeners. */

#include "emitter.h"

bool check_listener(struct call *call, napi_value value)
{
    if (js_is(call->env, value, napi_function))
        return true;
    (void)throw_type(call, "listener", "function", value);
    return false;
}

bool unwrap_listener(struct call *call, napi_value function, napi_value *ret)
{
    napi_valuetype type;

    if (!js_ok(call->env,
               napi_get_named_property(call->env, function, "listener", ret)) ||
        !js_ok(call->env, napi_typeof(call->env, *ret, &type)))
        return false;
    if (type == napi_undefined || type == napi_null)
        *ret = function;
    return true;
}

bool announce(struct call *call, const char *name, const char *event,
              napi_value key, napi_value function)
{
    napi_value argv[3] = { NULL, key, function };

    if (store_count(call, name) == 0)
        return true;
    return js_ok(call->env,
                 napi_create_string_utf8(call->env, event, NAPI_AUTO_LENGTH,
                                         &argv[0])) &&
           js_call(call->env, call->self, "emit", 3, argv, NULL);
}

static bool announce_new(struct call *call, napi_value key, napi_value function)
{
    napi_value original;

    return store_count(call, NAME_NEW_LISTENER) == 0 ||
           (unwrap_listener(call, function, &original) &&
            announce(call, NAME_NEW_LISTENER, "newListener", key, original));
}

/* The name is made after 'newListener' was emitted, whose listeners may have
 * had it forgotten. */
static napi_value add(struct call *call, bool prepend)
{
    napi_value key = call->argv[0], function = call->argv[1];
    bool added;
    struct name name;

    if (!check_listener(call, function) || !store_make(call) ||
        !announce_new(call, key, function) || !name_make(call, key, &name))
        return NULL;
    added = store_add(call, name.text, function, prepend) &&
            limit_check(call, key, name.text);
    name_end(&name);
    return added ? call->self : NULL;
}

napi_value add_listener(struct call *call)
{
    return add(call, false);
}

napi_value prepend_listener(struct call *call)
{
    return add(call, true);
}
