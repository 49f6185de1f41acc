/* SPDX-License-Identifier: MIT */
/* Emitter: what the files of this add-on share.
 *
 * A JavaScript object that is used as an emitter has a hidden property: its
 * store, a plain object that wraps an em_emitter.  A listener is two things
 * under one number: a place, which the em_emitter calls, and the function,
 * which is the store's element of that number.  So whatever JavaScript can
 * reach is held by JavaScript objects alone, and the collector sees through
 * the usual cycle of an emitter whose listeners refer to it; C holds numbers.
 * When the store is collected, so is the em_emitter.
 *
 * The em_emitter keeps order, names and the rules of a running emit
 * (EM_SNAPSHOT: those of Node.js).  What 'error', 'newListener' and
 * 'removeListener' mean is done here, through the object's own methods, because
 * in JavaScript a subclass may override those, and a listener may throw, which
 * then prevents the change; a listener in C can do neither.  The library sees
 * these names in a spelling that means nothing to it. */

#ifndef EXAMPLES_NODE_EMITTER_H
#define EXAMPLES_NODE_EMITTER_H

#include <stdint.h>

#include <emitter.h>

#include "js.h"

struct call;
struct environment;

/* What JavaScript calls; it returns NULL for undefined, or with an exception
 * pending. */
typedef napi_value method_fn(struct call *call);

struct method {
    method_fn *fn;
    struct environment *node;
};

enum { METHODS = 20 }; /* enough of them */

/* One an environment, the main thread or a worker. */
struct environment {
    napi_ref global;
    napi_ref key;     /* the hidden property's, a symbol */
    napi_ref monitor; /* errorMonitor, a symbol */
    napi_ref error;   /* the class Error */
    napi_ref bind;    /* Function.prototype.bind */
    napi_ref wrapper; /* what listeners of once are bound from */
    double limit;     /* defaultMaxListeners */
    struct method methods[METHODS];
    size_t count;
};

struct place;

/* Names that were warned of. */
struct warned {
    struct warned *next;
    char name[];
};

struct store {
    em_emitter emitter;
    napi_env env;
    napi_ref object;     /* weak: the JavaScript object; NULL once collected */
    struct place *spare; /* places without a listener, and their numbers */
    uint32_t count;      /* of numbers given out */
    bool limited;        /* limit was set, else the default counts */
    double limit;
    struct warned *warned;
};

/* A call from JavaScript: at least ARGUMENTS of argv are there, undefined
 * beyond argc. */
enum { ARGUMENTS = 4 };

struct call {
    napi_env env;
    struct environment *node;
    napi_value self; /* this */
    size_t argc;
    napi_value *argv;
    struct store *store; /* that of self; NULL: it has none */
    napi_value object;
};

/* An event's name as the em_emitter knows it. */
enum { NAME_UNITS = 80 };

struct name {
    char *text; /* NULL: a symbol that nobody listens for */
    bool symbol;
    char few[3 * NAME_UNITS + 2];
};

extern const char NAME_ERROR[], NAME_NEW_LISTENER[], NAME_REMOVE_LISTENER[];

/* --- emitter.c --- */

/* Whether it is there; false: an exception is pending. */
bool deref(struct call *call, napi_ref reference, napi_value *ret);

/* --- emitter_store.c: false means that an exception is pending --- */

/* Find the store of call->self, if there is one; or make one. */
bool store_find(struct call *call);
bool store_make(struct call *call);
bool store_make_own(struct call *call);

/* Add a listener; have removed the newest that is this very function. */
bool store_add(struct call *call, const char *name, napi_value function,
               bool prepend);
bool store_remove(struct call *call, const char *name, napi_value function);

/* An array of the functions that listen, in call order. */
bool store_list(struct call *call, const char *name, napi_value *ret);

size_t store_count(const struct call *call, const char *name);

/* --- emitter_name.c --- */

/* Read a name, to be given back with name_end.  name_make also makes one for a
 * symbol that has none yet. */
bool name_read(struct call *call, napi_value key, struct name *name);
bool name_make(struct call *call, napi_value key, struct name *name);
void name_end(struct name *name);

/* To be called when listeners went: a symbol is forgotten with its last. */
bool name_settle(struct call *call, napi_value key, const struct name *name);

/* The string or symbol that a text stands for. */
bool name_key(struct call *call, const char *text, napi_value *ret);

/* --- emitter_error.c: all return NULL --- */

/* The TypeError or RangeError that Node.js throws for a bad argument. */
napi_value throw_type(struct call *call, const char *argument, const char *type,
                      napi_value value);
napi_value throw_range(struct call *call, const char *argument,
                       napi_value value);

/* An 'error' that nobody listens to. */
napi_value throw_unhandled(struct call *call, napi_value error);

/* --- emitter_limit.c --- */

bool limit_check(struct call *call, napi_value key, const char *name);
void limit_forget(struct store *store, const char *name);
void limit_forget_all(struct store *store);
method_fn set_max_listeners, get_max_listeners, default_max_listeners;

/* --- the methods --- */

method_fn emit;                                     /* emitter_emit.c */
method_fn add_listener, prepend_listener;           /* emitter_listen.c */
method_fn once, prepend_once_listener, call_once;   /* emitter_once.c */
method_fn remove_listener, remove_all_listeners;    /* emitter_remove.c */
method_fn listeners, raw_listeners, listener_count; /* emitter_query.c */
method_fn event_names, static_listener_count;       /* emitter_query.c */

/* Emit one of the two events that tell of a listener, through this.emit, if
 * anybody listens to it. */
bool announce(struct call *call, const char *name, const char *event,
              napi_value key, napi_value function);

/* function.listener, if there is one: what a listener of once stands for. */
bool unwrap_listener(struct call *call, napi_value function, napi_value *ret);

/* Whether the function, or what it stands for, is the one wanted. */
bool stands_for(struct call *call, napi_value function, napi_value wanted,
                bool *ret);

/* Whether it is a function, else a TypeError is pending. */
bool check_listener(struct call *call, napi_value value);

#endif
