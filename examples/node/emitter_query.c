/* SPDX-License-Identifier: MIT */
/* Query: what an emitter has. */

#include "emitter.h"

/* --- listeners --- */

/* NULL: an exception is pending. */
static napi_value list(struct call *call)
{
    napi_value array = NULL;
    struct name name;

    if (!store_find(call) || !name_read(call, call->argv[0], &name))
        return NULL;
    if (!store_list(call, name.text, &array))
        array = NULL;
    name_end(&name);
    return array;
}

napi_value raw_listeners(struct call *call)
{
    return list(call);
}

static bool unwrap_element(struct call *call, napi_value array, uint32_t index)
{
    napi_value function, original;

    if (!js_ok(call->env,
               napi_get_element(call->env, array, index, &function)) ||
        !unwrap_listener(call, function, &original))
        return false;
    return !js_is(call->env, original, napi_function) ||
           js_ok(call->env,
                 napi_set_element(call->env, array, index, original));
}

napi_value listeners(struct call *call)
{
    napi_value array = list(call);
    uint32_t length, i;

    if (!array ||
        !js_ok(call->env, napi_get_array_length(call->env, array, &length)))
        return NULL;
    for (i = 0; i < length; i++) {
        if (!unwrap_element(call, array, i))
            return NULL;
    }
    return array;
}

/* --- how many --- */

static napi_value number(struct call *call, size_t count)
{
    napi_value value;

    if (!js_ok(call->env, napi_create_int64(call->env, (int64_t)count, &value)))
        return NULL;
    return value;
}

/* Those that are the function, or stand for it. */
static napi_value count_matching(struct call *call, napi_value wanted)
{
    napi_value array = list(call);
    napi_value function;
    uint32_t length, i;
    size_t count = 0;
    bool same;

    if (!array ||
        !js_ok(call->env, napi_get_array_length(call->env, array, &length)))
        return NULL;
    for (i = 0; i < length; i++) {
        if (!js_ok(call->env,
                   napi_get_element(call->env, array, i, &function)) ||
            !stands_for(call, function, wanted, &same))
            return NULL;
        count += same;
    }
    return number(call, count);
}

napi_value listener_count(struct call *call)
{
    napi_valuetype type;
    size_t count;
    struct name name;

    if (!js_ok(call->env, napi_typeof(call->env, call->argv[1], &type)))
        return NULL;
    if (type != napi_undefined && type != napi_null)
        return count_matching(call, call->argv[1]);
    if (!store_find(call) || !name_read(call, call->argv[0], &name))
        return NULL;
    count = name.text ? store_count(call, name.text) : 0;
    name_end(&name);
    return number(call, count);
}

/* Emitter.listenerCount(emitter, name): its method of that name, or ours. */
napi_value static_listener_count(struct call *call)
{
    napi_env env = call->env;
    napi_value function, result;

    call->self = call->argv[0];
    call->argv[0] = call->argv[1];
    call->argv[1] = call->argv[2];
    if (!js_ok(env, napi_get_named_property(env, call->self, "listenerCount",
                                            &function)))
        return NULL;
    if (!js_is(env, function, napi_function))
        return listener_count(call);
    if (!js_ok(env, napi_call_function(env, call->self, function, 1, call->argv,
                                       &result)))
        return NULL;
    return result;
}

/* --- the names --- */

struct names {
    struct call *call;
    napi_value object;
};

static int add_name(em_emitter *emitter, const em_listener_info *info,
                    void *data)
{
    struct names *names = data;
    napi_property_descriptor property = { .attributes = napi_enumerable };
    napi_env env = names->call->env;

    (void)emitter;
    property.value = names->object;
    return !name_key(names->call, info->event, &property.name) ||
           !js_ok(env,
                  napi_define_properties(env, names->object, 1, &property));
}

/* As the keys of an object they come in the order in which Node.js gives them:
 * integers, strings, symbols, and of each kind the oldest first. */
napi_value event_names(struct call *call)
{
    napi_env env = call->env;
    struct names names = { .call = call };
    napi_value keys;

    if (!store_find(call) ||
        !js_ok(env, napi_create_object(env, &names.object)))
        return NULL;
    if (call->store &&
        em_event_names(&call->store->emitter, add_name, &names) != 0)
        return NULL;
    if (!js_ok(env,
               napi_get_all_property_names(env, names.object, napi_key_own_only,
                                           napi_key_all_properties,
                                           napi_key_numbers_to_strings, &keys)))
        return NULL;
    return keys;
}
