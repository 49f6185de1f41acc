/* SPDX-License-Identifier: MIT */
/* Limit: so many listeners that it looks like a leak.
 *
 * The library has a limit of its own.  Here it is counted anew, because in
 * JavaScript it is any number, also 0.5 or Infinity, the default is one of the
 * environment and not of the process, and the warning is owed again once the
 * listeners were down to one. */

#include "emitter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- who was warned --- */

static bool was_warned(const struct store *store, const char *name)
{
    const struct warned *warned = store->warned;

    while (warned && strcmp(warned->name, name) != 0)
        warned = warned->next;
    return warned;
}

static bool remember(struct call *call, const char *name)
{
    size_t size = strlen(name) + 1;
    struct warned *warned = js_alloc(call->env, sizeof(*warned) + size);

    if (!warned)
        return false;
    memcpy(warned->name, name, size);
    warned->next = call->store->warned;
    call->store->warned = warned;
    return true;
}

void limit_forget(struct store *store, const char *name)
{
    struct warned **link = &store->warned;
    struct warned *warned;

    while ((warned = *link)) {
        if (strcmp(warned->name, name) == 0) {
            *link = warned->next;
            free(warned);
            return;
        }
        link = &warned->next;
    }
}

void limit_forget_all(struct store *store)
{
    while (store->warned)
        limit_forget(store, store->warned->name);
}

/* --- the warning --- */

static bool set(napi_env env, napi_value object, const char *name,
                napi_value value)
{
    return js_ok(env, napi_set_named_property(env, object, name, value));
}

/* A property as text: the class of an emitter, the description of a symbol. */
static bool text_of(napi_env env, napi_value value, char *text, size_t size)
{
    return js_ok(env, napi_coerce_to_string(env, value, &value)) &&
           js_ok(env, napi_get_value_string_utf8(env, value, text, size, NULL));
}

static bool class_of(struct call *call, char *text, size_t size)
{
    napi_value value;

    return js_ok(call->env, napi_get_named_property(call->env, call->self,
                                                    "constructor", &value)) &&
           js_ok(call->env,
                 napi_get_named_property(call->env, value, "name", &value)) &&
           text_of(call->env, value, text, size);
}

/* String(key), which takes symbols too. */
static bool key_text(struct call *call, napi_value key, char *text, size_t size)
{
    napi_value global, string;

    return deref(call, call->node->global, &global) &&
           js_call(call->env, global, "String", 1, &key, &string) &&
           text_of(call->env, string, text, size);
}

static bool make_message(struct call *call, napi_value key, size_t count,
                         double limit, napi_value *ret)
{
    char event[128], class[128], number[32], message[512];
    napi_value value;

    if (!key_text(call, key, event, sizeof(event)) ||
        !class_of(call, class, sizeof(class)) ||
        !js_ok(call->env, napi_create_double(call->env, limit, &value)) ||
        !text_of(call->env, value, number, sizeof(number)))
        return false;
    (void)snprintf(message, sizeof(message),
                   "Possible EventEmitter memory leak detected. %zu %s "
                   "listeners added to [%s]. MaxListeners is %s. Use "
                   "emitter.setMaxListeners() to increase limit",
                   count, event, class, number);
    return js_ok(call->env, napi_create_string_utf8(call->env, message,
                                                    NAPI_AUTO_LENGTH, ret));
}

static bool warn(struct call *call, napi_value key, size_t count, double limit)
{
    napi_env env = call->env;
    napi_value message, warning, name, number, global, process;

    return make_message(call, key, count, limit, &message) &&
           js_ok(env, napi_create_error(env, NULL, message, &warning)) &&
           js_ok(env,
                 napi_create_string_utf8(env, "MaxListenersExceededWarning",
                                         NAPI_AUTO_LENGTH, &name)) &&
           js_ok(env, napi_create_int64(env, (int64_t)count, &number)) &&
           set(env, warning, "name", name) &&
           set(env, warning, "emitter", call->self) &&
           set(env, warning, "type", key) &&
           set(env, warning, "count", number) &&
           deref(call, call->node->global, &global) &&
           js_ok(env,
                 napi_get_named_property(env, global, "process", &process)) &&
           js_call(env, process, "emitWarning", 1, &warning, NULL);
}

/* A first listener is within any limit. */
bool limit_check(struct call *call, napi_value key, const char *name)
{
    struct store *store = call->store;
    double limit = store->limited ? store->limit : call->node->limit;
    size_t count = store_count(call, name);

    if (count < 2 || !(limit > 0) || (double)count <= limit ||
        was_warned(store, name))
        return true;
    return remember(call, name) && warn(call, key, count, limit);
}

/* --- setting it --- */

/* A number that is not negative, else an exception is pending. */
static bool read_limit(struct call *call, const char *argument, double *ret)
{
    napi_value value = call->argv[0];

    if (!js_is(call->env, value, napi_number)) {
        (void)throw_type(call, argument, "number", value);
        return false;
    }
    if (!js_ok(call->env, napi_get_value_double(call->env, value, ret)))
        return false;
    if (*ret >= 0)
        return true;
    (void)throw_range(call, argument, value);
    return false;
}

static napi_value number(struct call *call, double value)
{
    napi_value result;

    if (!js_ok(call->env, napi_create_double(call->env, value, &result)))
        return NULL;
    return result;
}

napi_value set_max_listeners(struct call *call)
{
    double limit;

    if (!read_limit(call, "setMaxListeners", &limit) || !store_make(call))
        return NULL;
    call->store->limit = limit;
    call->store->limited = true;
    return call->self;
}

napi_value get_max_listeners(struct call *call)
{
    if (!store_find(call))
        return NULL;
    return number(call, call->store && call->store->limited
                            ? call->store->limit
                            : call->node->limit);
}

/* Both the getter and the setter, which is given the value. */
napi_value default_max_listeners(struct call *call)
{
    double limit;

    if (call->argc == 0)
        return number(call, call->node->limit);
    if (read_limit(call, "defaultMaxListeners", &limit))
        call->node->limit = limit;
    return NULL;
}
