/* SPDX-License-Identifier: MIT */
/* JS: what the add-ons share of talking to Node-API. */

#include "js.h"

#include <errno.h>
#include <stdlib.h>

#include <emitter.h>

bool js_ok(napi_env env, napi_status status)
{
    const napi_extended_error_info *info = NULL;
    const char *message = "Node-API failed";
    bool pending = false;

    if (status == napi_ok)
        return true;
    if (napi_get_last_error_info(env, &info) == napi_ok && info->error_message)
        message = info->error_message;
    if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
        (void)napi_throw_error(env, NULL, message);
    return false;
}

napi_value js_throw_errno(napi_env env, int r)
{
    (void)napi_throw_error(env, NULL, em_strerror(r));
    return NULL;
}

void *js_alloc(napi_env env, size_t size)
{
    void *memory = calloc(1, size);

    if (!memory)
        (void)js_throw_errno(env, -ENOMEM);
    return memory;
}

bool js_is(napi_env env, napi_value value, napi_valuetype type)
{
    napi_valuetype found;

    return napi_typeof(env, value, &found) == napi_ok && found == type;
}

bool js_call(napi_env env, napi_value object, const char *name, size_t argc,
             const napi_value *argv, napi_value *ret)
{
    napi_value function;

    return js_ok(env, napi_get_named_property(env, object, name, &function)) &&
           js_ok(env,
                 napi_call_function(env, object, function, argc, argv, ret));
}
