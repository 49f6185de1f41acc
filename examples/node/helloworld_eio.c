/* SPDX-License-Identifier: MIT */
/* Helloworld_eio: the same off-thread, on Node's own loop.
 *
 *     const { HelloWorld } = require('./helloworld_eio.node');
 *     const hello = new HelloWorld();
 *     hello.hello((greeting) => console.log(greeting, hello.count));
 *
 * prints "Hello World 2" after a second in which the loop is free.  The process
 * lives exactly until then.
 *
 * A request is on its way from hello() to its end in `after`.  It holds the
 * JavaScript object, so that it is not collected, and the callback; the baton
 * holds our part of the object, which is thus there even if Node.js takes down
 * the environment, and all objects with it, while the baton is pending. */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "host.h"

struct hello_world {
    em_emitter emitter; /* for its reference count */
    uint32_t count;
};

struct request;

/* One an environment. */
struct addon {
    napi_env env;
    struct host *host;
    struct request *pending; /* the newest first */
};

struct request {
    struct addon *addon;
    struct hello_world *hw;
    napi_ref self, callback;
    napi_async_context context; /* whose continuation the callback is */
    em_baton *baton;
    struct request *next, **link; /* among the pending ones */
};

/* --- a request --- */

static void free_request(struct request *request)
{
    napi_env env = request->addon->env;

    if (request->link) {
        *request->link = request->next;
        if (request->next)
            request->next->link = request->link;
    }
    if (request->context)
        (void)napi_async_destroy(env, request->context);
    if (request->callback)
        (void)napi_delete_reference(env, request->callback);
    if (request->self)
        (void)napi_delete_reference(env, request->self);
    em_baton_unref(request->baton);
    free(request);
}

static struct request *make_request(struct addon *addon, napi_value self,
                                    napi_value callback)
{
    napi_env env = addon->env;
    struct request *request = js_alloc(env, sizeof(*request));
    napi_value name;
    void *hw;

    if (!request)
        return NULL;
    request->addon = addon;
    if (js_ok(env, napi_unwrap(env, self, &hw)) &&
        js_ok(env, napi_create_reference(env, self, 1, &request->self)) &&
        js_ok(env,
              napi_create_reference(env, callback, 1, &request->callback)) &&
        js_ok(env, napi_create_string_utf8(env, "HelloWorld.hello",
                                           NAPI_AUTO_LENGTH, &name)) &&
        js_ok(env, napi_async_init(env, self, name, &request->context))) {
        request->hw = hw;
        return request;
    }
    free_request(request);
    return NULL;
}

static void add_to_pending(struct request *request)
{
    struct addon *addon = request->addon;

    request->next = addon->pending;
    request->link = &addon->pending;
    if (request->next)
        request->next->link = &request->next;
    addon->pending = request;
}

/* The environment ends: nobody need sleep any longer.  A baton that had not
 * begun is completed later, not inside of em_baton_cancel. */
static void cancel_all(void *data)
{
    struct addon *addon = data;
    struct request *request;

    for (request = addon->pending; request; request = request->next)
        (void)em_baton_cancel(request->baton);
}

/* --- the job --- */

/* On a pool thread: a second, in slices, so that an environment that ends need
 * not wait for all of it. */
static int sleep_for_two(em_baton *baton, void *data)
{
    const struct timespec slice = { .tv_nsec = 10 * 1000 * 1000 };
    int i;

    (void)data;
    for (i = 0; i < 100; i++) {
        if (em_baton_cancelled(baton))
            return -ECANCELED;
        (void)nanosleep(&slice, NULL); /* pool threads take no signals */
    }
    return 2;
}

/* What JavaScript throws here nobody up the stack could catch. */
static void throw_uncaught(napi_env env)
{
    napi_value exception;

    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok)
        (void)napi_fatal_exception(env, exception);
}

static bool answer(struct request *request, int status)
{
    napi_env env = request->addon->env;
    napi_value self, callback, greeting;

    if (status < 0) {
        (void)js_throw_errno(env, status);
        return false;
    }
    request->hw->count += (uint32_t)status;
    return js_ok(env, napi_get_reference_value(env, request->self, &self)) &&
           js_ok(env,
                 napi_get_reference_value(env, request->callback, &callback)) &&
           js_ok(env, napi_create_string_utf8(env, "Hello World",
                                              NAPI_AUTO_LENGTH, &greeting)) &&
           js_ok(env, napi_make_callback(env, request->context, self, callback,
                                         1, &greeting, NULL));
}

/* On Node's thread again. */
static void after(em_baton *baton, int status, void *data)
{
    struct request *request = data;
    struct addon *addon = request->addon;
    napi_handle_scope scope;

    (void)baton;
    if (napi_open_handle_scope(addon->env, &scope) != napi_ok)
        return;
    if (!host_ends(addon->host) && !answer(request, status))
        throw_uncaught(addon->env);
    free_request(request);
    (void)napi_close_handle_scope(addon->env, scope);
}

/* --- the class --- */

static napi_value start(struct addon *addon, napi_value self,
                        napi_value callback)
{
    struct request *request = make_request(addon, self, callback);
    int r;

    if (!request)
        return NULL;
    r = em_baton_start(host_loop(addon->host),
                       EM_OPTIONS(em_baton_options, .work = sleep_for_two,
                                  .after = after, .data = request,
                                  .owner = &request->hw->emitter),
                       &request->baton);
    if (r < 0) {
        free_request(request);
        return js_throw_errno(addon->env, r);
    }
    add_to_pending(request);
    return NULL;
}

static napi_value hello(napi_env env, napi_callback_info info)
{
    napi_value self, callback;
    size_t argc = 1;
    void *data;

    if (!js_ok(env,
               napi_get_cb_info(env, info, &argc, &callback, &self, &data)))
        return NULL;
    if (!js_is(env, callback, napi_function)) {
        (void)napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                                    "Argument 0 must be a function");
        return NULL;
    }
    return start(data, self, callback);
}

static napi_value get_count(napi_env env, napi_callback_info info)
{
    napi_value self, count;
    struct hello_world *hw;
    void *data;

    if (!js_ok(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL)) ||
        !js_ok(env, napi_unwrap(env, self, &data)))
        return NULL;
    hw = data;
    if (!js_ok(env, napi_create_uint32(env, hw->count, &count)))
        return NULL;
    return count;
}

static void free_hello_world(em_emitter *emitter)
{
    free(emitter);
}

static void finalize(napi_env env, void *data, void *hint)
{
    struct hello_world *hw = data;

    (void)env, (void)hint;
    em_unref(&hw->emitter);
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
    hw = js_alloc(env, sizeof(*hw));
    if (!hw)
        return NULL;
    em_emitter_init(&hw->emitter, NULL, free_hello_world);
    if (js_ok(env, napi_wrap(env, self, hw, finalize, NULL, NULL)))
        return self;
    em_unref(&hw->emitter);
    return NULL;
}

/* --- the add-on --- */

static void free_addon(napi_env env, void *data, void *hint)
{
    (void)env, (void)hint;
    free(data);
}

static struct addon *make_addon(napi_env env)
{
    struct addon *addon = js_alloc(env, sizeof(*addon));

    if (!addon)
        return NULL;
    addon->env = env;
    if (!js_ok(env, napi_set_instance_data(env, addon, free_addon, NULL))) {
        free(addon);
        return NULL;
    }
    addon->host = host_new(env, cancel_all, addon);
    return addon->host ? addon : NULL;
}

NAPI_MODULE_INIT()
{
    struct addon *addon = make_addon(env);
    const napi_property_descriptor members[] = {
        { .utf8name = "hello",
          .method = hello,
          .attributes = napi_default_method,
          .data = addon },
        { .utf8name = "count", .getter = get_count },
    };
    napi_value class;

    if (!addon ||
        !js_ok(env, napi_define_class(env, "HelloWorld", NAPI_AUTO_LENGTH,
                                      construct, NULL, 2, members, &class)) ||
        !js_ok(env, napi_set_named_property(env, exports, "HelloWorld", class)))
        return NULL;
    return exports;
}
