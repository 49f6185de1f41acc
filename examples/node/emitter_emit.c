/* SPDX-License-Identifier: MIT */
/* Emit: calling the listeners, and what an 'error' without them leads to. */

#include "emitter.h"

#include <string.h>

#include "emitter_emission.h"

/* --- one listener --- */

static bool call_function(const struct call *call, napi_value function)
{
    return function &&
           js_ok(call->env, napi_call_function(call->env, call->self, function,
                                               call->argc ? call->argc - 1 : 0,
                                               call->argv + 1, NULL));
}

/* The exception waits until em_emit is back.  Were it pending, Node-API would
 * refuse to let go of the functions of listeners that went meanwhile. */
static void stop(struct emission *emission, napi_escapable_handle_scope scope)
{
    napi_env env = emission->call->env;
    napi_value exception;

    emission->failed = true;
    if (napi_get_and_clear_last_exception(env, &exception) != napi_ok ||
        napi_escape_handle(env, scope, exception, &emission->exception) !=
            napi_ok)
        emission->exception = NULL;
}

void call_listener(em_emitter *emitter, void *arg, void *data)
{
    struct emission *emission = arg;
    struct call *call = emission->call;
    napi_escapable_handle_scope scope;

    (void)emitter;
    if (emission->failed ||
        napi_open_escapable_handle_scope(call->env, &scope) != napi_ok)
        return;
    if (!call_function(call, place_function(call->env, call->object, data)))
        stop(emission, scope);
    (void)napi_close_escapable_handle_scope(call->env, scope);
}

/* --- all of them --- */

/* NULL: an exception is pending. */
static napi_value emit_name(struct call *call, const char *text)
{
    struct emission emission = { .call = call };
    napi_value result;
    bool heard;

    heard =
        text && call->store && em_emit(&call->store->emitter, text, &emission);
    if (emission.failed) {
        if (emission.exception)
            (void)napi_throw(call->env, emission.exception);
        return NULL;
    }
    if (!js_ok(call->env, napi_get_boolean(call->env, heard, &result)))
        return NULL;
    return result;
}

/* --- 'error' --- */

static bool is_error(struct call *call, napi_value key)
{
    char text[sizeof("error") + 1];
    size_t length;

    return napi_get_value_string_utf8(call->env, key, text, sizeof(text),
                                      &length) == napi_ok &&
           length == 5 && memcmp(text, "error", 5) == 0;
}

/* this.emit(errorMonitor, ...), if anybody listens to it. */
static bool tell_monitors(struct call *call)
{
    napi_value key = call->argv[0];
    bool told = true;
    struct name monitor;

    if (!deref(call, call->node->monitor, &call->argv[0]))
        return false;
    if (!name_read(call, call->argv[0], &monitor))
        return false;
    if (monitor.text && store_count(call, monitor.text) > 0)
        told = js_call(call->env, call->self, "emit", call->argc, call->argv,
                       NULL);
    name_end(&monitor);
    call->argv[0] = key;
    return told;
}

static napi_value emit_error(struct call *call)
{
    if (call->store && !tell_monitors(call))
        return NULL;
    if (store_count(call, NAME_ERROR) == 0)
        return throw_unhandled(call, call->argv[1]);
    return emit_name(call, NAME_ERROR);
}

napi_value emit(struct call *call)
{
    napi_value result;
    struct name name;

    if (!store_find(call))
        return NULL;
    if (is_error(call, call->argv[0]))
        return emit_error(call);
    if (!call->store)
        return emit_name(call, NULL);
    if (!name_read(call, call->argv[0], &name))
        return NULL;
    result = emit_name(call, name.text);
    name_end(&name);
    return result;
}
