/* SPDX-License-Identifier: MIT */
/* Emitter: an add-on with Node's EventEmitter, whose listeners live in an
 * em_emitter.
 *
 *     const { Emitter } = require('./emitter.node');
 *     class Kitchen extends Emitter {}
 *     const kitchen = new Kitchen();
 *     kitchen.on('cooked', (dish) => console.log(`eating ${dish}`));
 *     kitchen.emit('cooked', 'chicken');
 *
 * emitter.h tells how; this file makes the class. */

#include "emitter.h"

#include <assert.h>
#include <stdlib.h>

/* --- calls from JavaScript --- */

bool deref(struct call *call, napi_ref reference, napi_value *ret)
{
    return js_ok(call->env,
                 napi_get_reference_value(call->env, reference, ret));
}

/* Again, with room for all of them. */
static napi_value call_with_many(napi_callback_info info, struct call *call,
                                 method_fn *fn)
{
    napi_value result = NULL;

    call->argv = js_alloc(call->env, call->argc * sizeof(*call->argv));
    if (!call->argv)
        return NULL;
    if (js_ok(call->env, napi_get_cb_info(call->env, info, &call->argc,
                                          call->argv, NULL, NULL)))
        result = fn(call);
    free(call->argv);
    return result;
}

static napi_value enter(napi_env env, napi_callback_info info)
{
    napi_value few[ARGUMENTS];
    struct call call = { .env = env, .argc = ARGUMENTS, .argv = few };
    struct method *method;
    void *data;

    if (!js_ok(env,
               napi_get_cb_info(env, info, &call.argc, few, &call.self, &data)))
        return NULL;
    method = data;
    call.node = method->node;
    if (call.argc > ARGUMENTS)
        return call_with_many(info, &call, method->fn);
    return method->fn(&call);
}

/* Also EventEmitter.call(this), as constructors did before there was extends;
 * who has a store of his own keeps it. */
static napi_value construct(struct call *call)
{
    napi_value key;
    bool own;

    if (deref(call, call->node->key, &key) &&
        js_ok(call->env,
              napi_has_own_property(call->env, call->self, key, &own)) &&
        !own)
        (void)store_make_own(call);
    return NULL;
}

/* --- the class --- */

/* Two names of one function are one function, as in Node.js. */
static const struct {
    const char *name, *other;
    method_fn *fn;
} table[] = {
    { "addListener", "on", add_listener },
    { "emit", NULL, emit },
    { "eventNames", NULL, event_names },
    { "getMaxListeners", NULL, get_max_listeners },
    { "listenerCount", NULL, listener_count },
    { "listeners", NULL, listeners },
    { "once", NULL, once },
    { "prependListener", NULL, prepend_listener },
    { "prependOnceListener", NULL, prepend_once_listener },
    { "rawListeners", NULL, raw_listeners },
    { "removeAllListeners", NULL, remove_all_listeners },
    { "removeListener", "off", remove_listener },
    { "setMaxListeners", NULL, set_max_listeners },
};

static struct method *make_method(struct environment *node, method_fn *fn)
{
    assert(node->count < METHODS);
    node->methods[node->count] = (struct method){ fn, node };
    return &node->methods[node->count++];
}

static bool make_function(napi_env env, struct environment *node,
                          const char *name, method_fn *fn, napi_value *ret)
{
    return js_ok(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, enter,
                                           make_method(node, fn), ret));
}

/* They are not members of the class itself, which Node-API would call for its
 * own objects only: Node's can be mixed into any object. */
static bool make_methods(napi_env env, struct environment *node,
                         napi_value prototype)
{
    napi_property_descriptor property = { .attributes =
                                              napi_default_jsproperty };
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (!make_function(env, node, table[i].name, table[i].fn,
                           &property.value))
            return false;
        property.utf8name = table[i].name;
        if (!js_ok(env, napi_define_properties(env, prototype, 1, &property)))
            return false;
        property.utf8name = table[i].other;
        if (property.utf8name &&
            !js_ok(env, napi_define_properties(env, prototype, 1, &property)))
            return false;
    }
    return true;
}

static bool make_class(napi_env env, struct environment *node, napi_value *ret)
{
    napi_property_descriptor statics[] = {
        { .utf8name = "defaultMaxListeners",
          .getter = enter,
          .setter = enter,
          .attributes = napi_static | napi_enumerable,
          .data = make_method(node, default_max_listeners) },
        { .utf8name = "errorMonitor",
          .attributes = napi_static | napi_default_jsproperty },
        { .utf8name = "listenerCount",
          .method = enter,
          .attributes = napi_static | napi_default_jsproperty,
          .data = make_method(node, static_listener_count) },
    };
    napi_value prototype;

    return js_ok(env, napi_get_reference_value(env, node->monitor,
                                               &statics[1].value)) &&
           js_ok(env, napi_define_class(env, "Emitter", NAPI_AUTO_LENGTH, enter,
                                        make_method(node, construct), 3,
                                        statics, ret)) &&
           js_ok(env,
                 napi_get_named_property(env, *ret, "prototype", &prototype)) &&
           make_methods(env, node, prototype);
}

/* --- the environment --- */

static bool keep(napi_env env, napi_value value, napi_ref *ret)
{
    return js_ok(env, napi_create_reference(env, value, 1, ret));
}

static bool make_symbol(napi_env env, const char *description, napi_ref *ret)
{
    napi_value text, symbol;

    return js_ok(env, napi_create_string_utf8(env, description,
                                              NAPI_AUTO_LENGTH, &text)) &&
           js_ok(env, napi_create_symbol(env, text, &symbol)) &&
           keep(env, symbol, ret);
}

static bool keep_global(napi_env env, struct environment *node)
{
    napi_value global, error, function, bind;

    return js_ok(env, napi_get_global(env, &global)) &&
           js_ok(env, napi_get_named_property(env, global, "Error", &error)) &&
           js_ok(env,
                 napi_get_named_property(env, global, "Function", &function)) &&
           js_ok(env, napi_get_named_property(env, function, "prototype",
                                              &function)) &&
           js_ok(env, napi_get_named_property(env, function, "bind", &bind)) &&
           keep(env, global, &node->global) && keep(env, error, &node->error) &&
           keep(env, bind, &node->bind);
}

static bool keep_ours(napi_env env, struct environment *node)
{
    napi_value wrapper;

    return make_symbol(env, "emitter", &node->key) &&
           make_symbol(env, "events.errorMonitor", &node->monitor) &&
           make_function(env, node, "onceWrapper", call_once, &wrapper) &&
           keep(env, wrapper, &node->wrapper);
}

static void free_environment(napi_env env, void *data, void *hint)
{
    struct environment *node = data;
    const napi_ref references[] = { node->global, node->key,  node->monitor,
                                    node->error,  node->bind, node->wrapper };
    size_t i;

    (void)hint;
    for (i = 0; i < sizeof(references) / sizeof(*references); i++) {
        if (references[i])
            (void)napi_delete_reference(env, references[i]);
    }
    free(node);
}

static struct environment *make_environment(napi_env env)
{
    struct environment *node = js_alloc(env, sizeof(*node));

    if (!node)
        return NULL;
    node->limit = 10;
    if (js_ok(env, napi_set_instance_data(env, node, free_environment, NULL)))
        return node;
    free(node);
    return NULL;
}

NAPI_MODULE_INIT()
{
    struct environment *node = make_environment(env);
    napi_value class;

    if (!node || !keep_global(env, node) || !keep_ours(env, node) ||
        !make_class(env, node, &class) ||
        !js_ok(env, napi_set_named_property(env, exports, "Emitter", class)))
        return NULL;
    return exports;
}
