/* SPDX-License-Identifier: MIT */
/* Store: an em_emitter and its listeners' functions, behind a JavaScript
 * object. */

#include "emitter.h"

#include <errno.h>
#include <stdlib.h>

#include "emitter_emission.h"

struct place {
    struct store *store;
    uint32_t number;    /* the function is this element of the store's object */
    struct place *next; /* spare */
};

/* Tells our objects from what other add-ons wrap. */
static const napi_type_tag tag = { 0x6c6962656d697474, 0x65722e73746f7265 };

/* --- places --- */

static struct place *take_place(struct call *call)
{
    struct store *store = call->store;
    struct place *place = store->spare;

    if (place) {
        store->spare = place->next;
        return place;
    }
    place = js_alloc(call->env, sizeof(*place));
    if (!place)
        return NULL;
    place->store = store;
    place->number = store->count++;
    return place;
}

/* The em_emitter is done with a listener: it is off, and no emit that began
 * before is going to call it.  The function is let go by overwriting it, since
 * an array with holes is a slow one. */
static void leave_place(void *data)
{
    struct place *place = data;
    struct store *store = place->store;
    napi_value object, undefined;

    place->next = store->spare;
    store->spare = place;
    if (store->object &&
        napi_get_reference_value(store->env, store->object, &object) ==
            napi_ok &&
        object && napi_get_undefined(store->env, &undefined) == napi_ok)
        (void)napi_set_element(store->env, object, place->number, undefined);
}

napi_value place_function(napi_env env, napi_value object, const void *data)
{
    const struct place *place = data;
    napi_value function;

    if (!js_ok(env, napi_get_element(env, object, place->number, &function)))
        return NULL;
    return function;
}

/* --- life --- */

static void free_store(em_emitter *emitter)
{
    struct store *store = (struct store *)emitter;
    struct place *place;

    while ((place = store->spare)) {
        store->spare = place->next;
        free(place);
    }
    limit_forget_all(store);
    free(store);
}

/* The object was collected, or its environment ends. */
static void finalize(napi_env env, void *data, void *hint)
{
    struct store *store = data;

    (void)hint;
    (void)napi_delete_reference(env, store->object);
    store->object = NULL;
    em_unref(&store->emitter);
}

static struct store *new_store(napi_env env)
{
    struct store *store = js_alloc(env, sizeof(*store));
    int r;

    if (!store)
        return NULL;
    store->env = env;
    em_emitter_init(&store->emitter, NULL, free_store);
    r = em_emitter_set_flags(&store->emitter, EM_SNAPSHOT);
    if (r == 0)
        return store;
    em_unref(&store->emitter);
    (void)js_throw_errno(env, r);
    return NULL;
}

/* In Node.js the property _events can be seen and written; this one can be
 * neither enumerated nor changed. */
static bool hide(struct call *call, napi_value object)
{
    napi_property_descriptor property = { .value = object };

    return deref(call, call->node->key, &property.name) &&
           js_ok(call->env,
                 napi_define_properties(call->env, call->self, 1, &property));
}

/* JavaScript gives us the global object if there was no `this`. */
static bool check_self(struct call *call)
{
    napi_value global;
    bool same;

    if (!deref(call, call->node->global, &global) ||
        !js_ok(call->env,
               napi_strict_equals(call->env, call->self, global, &same)))
        return false;
    if (same)
        (void)napi_throw_type_error(call->env, NULL, "Not an emitter");
    return !same;
}

bool store_make_own(struct call *call)
{
    napi_env env = call->env;
    napi_value object;
    struct store *store;

    if (!check_self(call))
        return false;
    store = new_store(env);
    if (!store)
        return false;
    if (!js_ok(env, napi_create_array(env, &object)) ||
        !js_ok(env, napi_type_tag_object(env, object, &tag)) ||
        !js_ok(env,
               napi_wrap(env, object, store, finalize, NULL, &store->object))) {
        em_unref(&store->emitter);
        return false;
    }
    if (!hide(call, object))
        return false;
    call->object = object;
    call->store = store;
    return true;
}

/* It may be an inherited one, or somebody else's thing under our symbol. */
bool store_find(struct call *call)
{
    napi_env env = call->env;
    napi_value key, object;
    bool ours = false;
    void *store;

    call->store = NULL;
    if (!deref(call, call->node->key, &key) ||
        !js_ok(env, napi_get_property(env, call->self, key, &object)))
        return false;
    if (!js_is(env, object, napi_object))
        return true;
    if (!js_ok(env, napi_check_object_type_tag(env, object, &tag, &ours)))
        return false;
    if (!ours)
        return true;
    if (!js_ok(env, napi_unwrap(env, object, &store)))
        return false;
    call->object = object;
    call->store = store;
    return true;
}

bool store_make(struct call *call)
{
    return store_find(call) && (call->store || store_make_own(call));
}

/* --- listeners --- */

bool store_add(struct call *call, const char *name, napi_value function,
               bool prepend)
{
    napi_env env = call->env;
    struct place *place = take_place(call);
    int r;

    if (!place)
        return false;
    if (!js_ok(env,
               napi_set_element(env, call->object, place->number, function))) {
        leave_place(place);
        return false;
    }
    r = em_listen(&call->store->emitter, name,
                  EM_OPTIONS(em_listen_options, .fn = call_listener,
                             .data = place, .free_data = leave_place,
                             .prepend = prepend),
                  NULL);
    if (r == 0)
        return true;
    leave_place(place);
    (void)js_throw_errno(env, r);
    return false;
}

/* What a walk over the listeners looks for or collects. */
struct walk {
    struct call *call;
    napi_value function;
    em_listener *found;
    napi_value array;
    uint32_t length;
    bool failed;
};

static int look_at(em_emitter *emitter, const em_listener_info *info,
                   void *data)
{
    struct walk *walk = data;
    napi_env env = walk->call->env;
    napi_value function;
    bool same = false;

    (void)emitter;
    function = place_function(env, walk->call->object, info->data);
    if (function &&
        napi_strict_equals(env, function, walk->function, &same) == napi_ok &&
        same)
        walk->found = info->listener;
    return 0;
}

/* Without JavaScript. */
static int is_found(em_emitter *emitter, const em_listener_info *info,
                    void *data)
{
    struct walk *walk = data;

    (void)emitter;
    return info->listener == walk->found;
}

/* The search runs JavaScript if somebody put a getter among the functions, and
 * the listener it found may be gone: what is removed is looked up once more. */
bool store_remove(struct call *call, const char *name, napi_value function)
{
    em_emitter *emitter = &call->store->emitter;
    struct walk walk = { .call = call, .function = function };
    int r = em_each_listener(emitter, name, look_at, &walk);

    if (r == 0)
        r = em_each_listener(emitter, name, is_found, &walk);
    if (r < 0) {
        (void)js_throw_errno(call->env, r);
        return false;
    }
    if (r > 0)
        em_listener_remove(walk.found);
    return true;
}

static int collect(em_emitter *emitter, const em_listener_info *info,
                   void *data)
{
    struct walk *walk = data;
    napi_env env = walk->call->env;
    napi_value function = place_function(env, walk->call->object, info->data);

    (void)emitter;
    if (!function || !js_ok(env, napi_set_element(env, walk->array,
                                                  walk->length++, function)))
        walk->failed = true;
    return walk->failed;
}

bool store_list(struct call *call, const char *name, napi_value *ret)
{
    struct walk walk = { .call = call };
    int r;

    if (!js_ok(call->env, napi_create_array(call->env, &walk.array)))
        return false;
    *ret = walk.array;
    if (!call->store || !name)
        return true;
    r = em_each_listener(&call->store->emitter, name, collect, &walk);
    if (r < 0)
        (void)js_throw_errno(call->env, r);
    return r == 0;
}

size_t store_count(const struct call *call, const char *name)
{
    return call->store ? em_listener_count(&call->store->emitter, name) : 0;
}
