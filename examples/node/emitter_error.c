/* SPDX-License-Identifier: MIT */
/* Error: the exceptions that Node.js throws, with their codes. */

#include "emitter.h"

#include <math.h>
#include <stdio.h>

enum { TEXT = 128, MESSAGE = 512 };

/* --- a value in words --- */

static bool text_of(napi_env env, napi_value value, char *text, size_t *length)
{
    return js_ok(env, napi_coerce_to_string(env, value, &value)) &&
           js_ok(env,
                 napi_get_value_string_utf8(env, value, text, TEXT, length));
}

/* Global `name` applied to the value. */
static bool apply(struct call *call, const char *name, napi_value value,
                  napi_value *ret)
{
    napi_value global;

    return deref(call, call->node->global, &global) &&
           js_call(call->env, global, name, 1, &value, ret);
}

static bool describe_object(struct call *call, napi_value value, char *text,
                            size_t size)
{
    napi_env env = call->env;
    napi_value name;
    char class[TEXT];

    if (!js_ok(env, napi_get_named_property(env, value, "constructor", &name)))
        return false;
    if (!js_is(env, name, napi_function)) {
        (void)snprintf(text, size, "[Object: null prototype] {}");
        return true;
    }
    if (!js_ok(env, napi_get_named_property(env, name, "name", &name)) ||
        !text_of(env, name, class, NULL))
        return false;
    (void)snprintf(text, size, "an instance of %s", class);
    return true;
}

/* Strings are quoted, and cut behind 25 characters if they have more than 28,
 * which is only right for ASCII. */
static bool describe_string(struct call *call, napi_value value, char *text,
                            size_t size)
{
    char string[TEXT];
    size_t length;

    if (!text_of(call->env, value, string, &length))
        return false;
    if (length > 28)
        (void)snprintf(text, size, "type string ('%.25s...')", string);
    else
        (void)snprintf(text, size, "type string ('%s')", string);
    return true;
}

static bool is_minus_zero(napi_env env, napi_value value)
{
    double number;

    return napi_get_value_double(env, value, &number) == napi_ok &&
           number == 0 && signbit(number);
}

static bool describe_other(struct call *call, napi_value value,
                           napi_valuetype type, char *text, size_t size)
{
    static const char *const names[] = {
        [napi_boolean] = "boolean",
        [napi_number] = "number",
        [napi_symbol] = "symbol",
        [napi_bigint] = "bigint",
    };
    napi_value string;
    char number[TEXT];

    if (!apply(call, "String", value, &string) ||
        !text_of(call->env, string, number, NULL))
        return false;
    (void)snprintf(text, size, "type %s (%s%s%s)", names[type],
                   is_minus_zero(call->env, value) ? "-" : "", number,
                   type == napi_bigint ? "n" : "");
    return true;
}

/* What was received, in the words of Node.js. */
static bool describe(struct call *call, napi_value value, char *text,
                     size_t size)
{
    napi_valuetype type;

    if (!js_ok(call->env, napi_typeof(call->env, value, &type)))
        return false;
    if (type == napi_undefined || type == napi_null) {
        (void)snprintf(text, size, type == napi_null ? "null" : "undefined");
        return true;
    }
    if (type == napi_string)
        return describe_string(call, value, text, size);
    if (type == napi_boolean || type == napi_number || type == napi_symbol ||
        type == napi_bigint)
        return describe_other(call, value, type, text, size);
    if (type == napi_object)
        return describe_object(call, value, text, size);
    (void)snprintf(text, size, "function ");
    return true;
}

/* --- bad arguments --- */

napi_value throw_type(struct call *call, const char *argument, const char *type,
                      napi_value value)
{
    char received[2 * TEXT], message[MESSAGE];

    if (!describe(call, value, received, sizeof(received)))
        return NULL;
    (void)snprintf(message, sizeof(message),
                   "The \"%s\" argument must be of type %s. Received %s",
                   argument, type, received);
    (void)napi_throw_type_error(call->env, "ERR_INVALID_ARG_TYPE", message);
    return NULL;
}

napi_value throw_range(struct call *call, const char *argument,
                       napi_value value)
{
    char received[TEXT], message[MESSAGE];

    if (!text_of(call->env, value, received, NULL))
        return NULL;
    (void)snprintf(message, sizeof(message),
                   "The value of \"%s\" is out of range. It must be >= 0. "
                   "Received %s",
                   argument, received);
    (void)napi_throw_range_error(call->env, "ERR_OUT_OF_RANGE", message);
    return NULL;
}

/* --- 'error' that nobody listens to --- */

/* util.inspect, which an add-on can reach since Node.js 20.16; before that the
 * value as a string, in quotes if it is one. */
static bool inspect(struct call *call, napi_value value, napi_value *ret)
{
    napi_env env = call->env;
    napi_value global, process, name, util, get;

    if (!deref(call, call->node->global, &global) ||
        !js_ok(env,
               napi_get_named_property(env, global, "process", &process)) ||
        !js_ok(env,
               napi_get_named_property(env, process, "getBuiltinModule", &get)))
        return false;
    if (!js_is(env, get, napi_function))
        return apply(call, "String", value, ret);
    return js_ok(env, napi_create_string_utf8(env, "util", NAPI_AUTO_LENGTH,
                                              &name)) &&
           js_ok(env, napi_call_function(env, process, get, 1, &name, &util)) &&
           js_call(env, util, "inspect", 1, &value, ret);
}

/* What inspect throws is not worth losing the error for. */
static bool inspect_or_not(struct call *call, napi_value value, napi_value *ret)
{
    napi_value exception;

    if (inspect(call, value, ret))
        return true;
    return js_ok(call->env,
                 napi_get_and_clear_last_exception(call->env, &exception)) &&
           js_ok(call->env, napi_create_string_utf8(call->env, "?",
                                                    NAPI_AUTO_LENGTH, ret));
}

/* The text may be of any length, so JavaScript puts it together. */
static bool make_message(struct call *call, napi_value value, napi_value *ret)
{
    napi_env env = call->env;
    napi_value first, rest[2];

    return inspect_or_not(call, value, &rest[0]) &&
           js_ok(env, napi_create_string_utf8(env, ")", 1, &rest[1])) &&
           js_ok(env, napi_create_string_utf8(env, "Unhandled error. (",
                                              NAPI_AUTO_LENGTH, &first)) &&
           js_call(env, first, "concat", 2, rest, ret);
}

static napi_value throw_wrapped(struct call *call, napi_value value)
{
    napi_env env = call->env;
    napi_value code, message, error;

    if (make_message(call, value, &message) &&
        js_ok(env, napi_create_string_utf8(env, "ERR_UNHANDLED_ERROR",
                                           NAPI_AUTO_LENGTH, &code)) &&
        js_ok(env, napi_create_error(env, code, message, &error)) &&
        js_ok(env, napi_set_named_property(env, error, "context", value)))
        (void)napi_throw(env, error);
    return NULL;
}

napi_value throw_unhandled(struct call *call, napi_value error)
{
    napi_env env = call->env;
    napi_value class;
    bool is_error;

    if (!deref(call, call->node->error, &class) ||
        !js_ok(env, napi_instanceof(env, error, class, &is_error)))
        return NULL;
    if (!is_error)
        return throw_wrapped(call, error);
    (void)napi_throw(env, error);
    return NULL;
}
