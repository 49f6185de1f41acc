/* SPDX-License-Identifier: MIT */
/* Once: listeners that take themselves off before they are called.
 *
 * JavaScript can see more of them than C can: rawListeners hands them out, and
 * whoever calls one uses it up.  So each is a function: one of ours, bound to
 * an object that says what it stands for, and that only it refers to. */

#include "emitter.h"

static bool set(napi_env env, napi_value object, const char *name,
                napi_value value)
{
    return js_ok(env, napi_set_named_property(env, object, name, value));
}

static bool get(napi_env env, napi_value object, const char *name,
                napi_value *ret)
{
    return js_ok(env, napi_get_named_property(env, object, name, ret));
}

static bool set_fired(napi_env env, napi_value state, bool fired)
{
    napi_value value;

    return js_ok(env, napi_get_boolean(env, fired, &value)) &&
           set(env, state, "fired", value);
}

/* state.fired ? nothing : target.removeListener(type, wrapped) and call. */
napi_value call_once(struct call *call)
{
    napi_env env = call->env;
    napi_value state = call->self;
    napi_value fired, target, argv[2], listener, result;
    bool done;

    if (!get(env, state, "fired", &fired) ||
        !js_ok(env, napi_get_value_bool(env, fired, &done)) || done)
        return NULL;
    if (!get(env, state, "target", &target) ||
        !get(env, state, "type", &argv[0]) ||
        !get(env, state, "wrapped", &argv[1]) ||
        !get(env, state, "listener", &listener) ||
        !js_call(env, target, "removeListener", 2, argv, NULL) ||
        !set_fired(env, state, true) ||
        !js_ok(env, napi_call_function(env, target, listener, call->argc,
                                       call->argv, &result)))
        return NULL;
    return result;
}

static bool wrap(struct call *call, napi_value type, napi_value listener,
                 napi_value *ret)
{
    napi_env env = call->env;
    napi_value state, wrapper, bind;

    return js_ok(env, napi_create_object(env, &state)) &&
           set_fired(env, state, false) &&
           set(env, state, "target", call->self) &&
           set(env, state, "type", type) &&
           set(env, state, "listener", listener) &&
           deref(call, call->node->wrapper, &wrapper) &&
           deref(call, call->node->bind, &bind) &&
           js_ok(env, napi_call_function(env, wrapper, bind, 1, &state, ret)) &&
           set(env, *ret, "listener", listener) &&
           set(env, state, "wrapped", *ret);
}

/* Through the method of that name, which a subclass may override. */
static napi_value add(struct call *call, const char *method)
{
    napi_value argv[2] = { call->argv[0], NULL };

    if (!check_listener(call, call->argv[1]) ||
        !wrap(call, call->argv[0], call->argv[1], &argv[1]) ||
        !js_call(call->env, call->self, method, 2, argv, NULL))
        return NULL;
    return call->self;
}

napi_value once(struct call *call)
{
    return add(call, "on");
}

napi_value prepend_once_listener(struct call *call)
{
    return add(call, "prependListener");
}
