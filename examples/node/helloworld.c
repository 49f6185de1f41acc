/* SPDX-License-Identifier: MIT */
/* Helloworld: an add-on with a class whose objects have an emitter inside.
 *
 *     const { HelloWorld } = require('./helloworld.node');
 *     const hello = new HelloWorld();
 *     hello.hello();      // 'Hello World'
 *     hello.count;        // 1
 */

#include <stdlib.h>

#include <emitter.h>

#include "js.h"

/* The emitter comes first: it is what the rest inherits from. */
struct hello_world {
    em_emitter emitter;
    uint32_t count;
};

static void on_hello(em_emitter *emitter, void *arg, void *data)
{
    struct hello_world *hw = data;

    (void)emitter, (void)arg;
    hw->count++;
}

static void free_hello_world(em_emitter *emitter)
{
    free(emitter);
}

/* The object was collected, or its environment ends. */
static void finalize(napi_env env, void *data, void *hint)
{
    struct hello_world *hw = data;

    (void)env, (void)hint;
    em_unref(&hw->emitter);
}

static struct hello_world *make(napi_env env)
{
    struct hello_world *hw = js_alloc(env, sizeof(*hw));
    int r;

    if (!hw)
        return NULL;
    em_emitter_init(&hw->emitter, NULL, free_hello_world);
    r = em_on(&hw->emitter, "hello", on_hello, hw);
    if (r == 0)
        return hw;
    em_unref(&hw->emitter);
    (void)js_throw_errno(env, r);
    return NULL;
}

static napi_value construct(napi_env env, napi_callback_info info)
{
    napi_value self, target;
    struct hello_world *hw;

    if (!js_ok(env, napi_get_new_target(env, info, &target)) ||
        !js_ok(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL)))
        return NULL;
    if (!target) {
        (void)napi_throw_type_error(env, NULL, "HelloWorld needs new");
        return NULL;
    }
    hw = make(env);
    if (!hw)
        return NULL;
    if (js_ok(env, napi_wrap(env, self, hw, finalize, NULL, NULL)))
        return self;
    em_unref(&hw->emitter);
    return NULL;
}

/* Node.js itself refuses a `this` that is not of our class. */
static struct hello_world *unwrap(napi_env env, napi_callback_info info)
{
    napi_value self;
    void *hw;

    if (!js_ok(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL)) ||
        !js_ok(env, napi_unwrap(env, self, &hw)))
        return NULL;
    return hw;
}

static napi_value hello(napi_env env, napi_callback_info info)
{
    struct hello_world *hw = unwrap(env, info);
    napi_value greeting;

    if (!hw)
        return NULL;
    (void)em_emit(&hw->emitter, "hello", NULL);
    if (!js_ok(env, napi_create_string_utf8(env, "Hello World",
                                            NAPI_AUTO_LENGTH, &greeting)))
        return NULL;
    return greeting;
}

static napi_value get_count(napi_env env, napi_callback_info info)
{
    struct hello_world *hw = unwrap(env, info);
    napi_value count;

    if (!hw || !js_ok(env, napi_create_uint32(env, hw->count, &count)))
        return NULL;
    return count;
}

NAPI_MODULE_INIT()
{
    const napi_property_descriptor members[] = {
        { .utf8name = "hello",
          .method = hello,
          .attributes = napi_default_method },
        { .utf8name = "count", .getter = get_count },
    };
    napi_value class;

    if (!js_ok(env, napi_define_class(env, "HelloWorld", NAPI_AUTO_LENGTH,
                                      construct, NULL, 2, members, &class)) ||
        !js_ok(env, napi_set_named_property(env, exports, "HelloWorld", class)))
        return NULL;
    return exports;
}
