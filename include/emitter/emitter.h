/* SPDX-License-Identifier: MIT */
/* Emitter: named listeners with Node.js semantics, called on one thread.
 *
 * An emitter belongs to the thread of its loop, or to the one that uses it if
 * it has none.  Functions are for that thread unless they say "any thread".
 * Adding, removing, emitting and dropping the last reference are legal inside
 * any listener at any depth.  Event names are ordinary strings and are copied.
 * NULL or nonsense is -EINVAL, false, 0 or nothing; a dying emitter is
 * -ESHUTDOWN. */

#ifndef EMITTER_EMITTER_H
#define EMITTER_EMITTER_H

#include <stdbool.h>
#include <stddef.h>

#include <emitter/base.h>
#include <emitter/error.h>
#include <emitter/loop.h>
#include <emitter/name.h>

/* Embed it as a member to inherit; its content is private. */
typedef struct em_emitter {
    void *em_private[4];
} em_emitter;

/* What em_listen hands out; valid until its free_data runs, or would. */
typedef struct em_listener em_listener;

/* A listener: arg is what was emitted, data what was registered. */
typedef void em_listener_fn(em_emitter *emitter, void *arg, void *data);
typedef void em_free_fn(em_emitter *emitter);

/* What 'newListener' and 'removeListener' carry, and what queries show. */
typedef struct em_listener_info {
    const char *event;
    em_listener_fn *fn;
    void *data;
    bool once;
    em_listener *listener; /* NULL in 'newListener' */
} em_listener_info;

/* What 'maxListeners' carries. */
typedef struct em_max_listeners_info {
    const char *event;
    size_t count;
    unsigned limit;
} em_max_listeners_info;

typedef int em_each_fn(em_emitter *emitter, const em_listener_info *info,
                       void *data);
typedef void em_uncaught_fn(em_emitter *emitter, const em_error *error,
                            void *data);
typedef void em_warning_fn(em_emitter *emitter,
                           const em_max_listeners_info *info, void *data);

typedef struct em_listen_options {
    size_t size;                   /* of this struct; EM_OPTIONS sets it */
    em_listener_fn *fn;            /* required */
    void *data;                    /* given to fn */
    void (*free_data)(void *data); /* once, after the last call into fn */
    bool once, prepend;
    unsigned times;    /* remove it before that many calls are over; 0: never;
                          more than 1 and once is -EINVAL */
    em_emitter *owner; /* it goes with this one, of the same loop */
    em_loop *loop;     /* its home: fn and free_data run there, by post */
    void *(*copy_arg)(void *arg); /* makes the argument that travels there */
    void (*free_arg)(void *arg);  /* drops it after the call */
} em_listen_options;

/* Flags of em_emitter_set_flags. */
enum {
    EM_SNAPSHOT = 1 /* a listener removed during an emit is still called in it,
                     * as in Node.js, and its data is held that long */
};

EM_BEGIN_DECLS

/* --- life --- */

/* Make emitter valid, with one reference.  loop may be NULL.  free_fn, which
 * may be NULL, runs when the last reference goes and may free the memory around
 * the emitter.  Cannot fail. */
void em_emitter_init(em_emitter *emitter, em_loop *loop, em_free_fn *free_fn);

/* The same on the heap, freed with its last reference.  0, -EINVAL, -ENOMEM. */
int em_emitter_new(em_loop *loop, em_emitter **ret);

/* 0, -EINVAL, -ENOMEM, -ESHUTDOWN, or -EBUSY once there is a listener. */
int em_emitter_set_flags(em_emitter *emitter, unsigned flags);

/* What its errors give as their origin.  0, -EINVAL, -ENOMEM, -ESHUTDOWN. */
int em_emitter_set_name(em_emitter *emitter, const char *name);

/* The loop it was made with, even if that is gone by now, or NULL.  Any thread.
 */
em_loop *em_emitter_loop(em_emitter *emitter);

/* Hold it, and return it.  Any thread. */
em_emitter *em_ref(em_emitter *emitter);

/* Let it go.  Any thread; from a foreign one the last reference defers the
 * destruction to the owning loop.  From the last one on the emitter is dying:
 * em_emit is false, running emits call no further listener, and when the
 * outermost is back every free_data runs, then free_fn. */
void em_unref(em_emitter *emitter);

/* --- listeners --- */

/* Add a listener behind (prepend: before) all others of that event; once takes
 * it off before its first call.  One added during an emit waits for the next.
 * Returns 0, -EINVAL, -ENOMEM or -ESHUTDOWN. */
int em_on(em_emitter *emitter, const char *event, em_listener_fn *fn,
          void *data);
int em_once(em_emitter *emitter, const char *event, em_listener_fn *fn,
            void *data);
int em_prepend(em_emitter *emitter, const char *event, em_listener_fn *fn,
               void *data);
int em_prepend_once(em_emitter *emitter, const char *event, em_listener_fn *fn,
                    void *data);

/* The same with options; ret, which may be NULL, gets a handle.  Also -E2BIG,
 * and -ECHILD for a home that was inherited over a fork; on any error nothing
 * of the options was taken. */
int em_listen(em_emitter *emitter, const char *event,
              const em_listen_options *options, em_listener **ret);

/* Remove the most recently added listener with that fn and data; it is not
 * called any more, not even by an emit under way.  Returns 0, -EINVAL, or
 * -ENOENT if there is none. */
int em_off(em_emitter *emitter, const char *event, em_listener_fn *fn,
           void *data);

/* Remove all listeners of the event, or of all events if it is NULL, the newest
 * first; or all with that data.  Returns how many, or -EINVAL. */
int em_off_all(em_emitter *emitter, const char *event);
int em_off_data(em_emitter *emitter, void *data);

/* Remove this listener, in constant time; nothing if it is off already.  Calls
 * that wait on its home do not start any more. */
void em_listener_remove(em_listener *listener);

/* --- emitting --- */

/* Call the listeners of the event in order, now.  Returns whether it had any.
 * 'error' without a listener goes to the uncaught hook. */
bool em_emit(em_emitter *emitter, const char *event, void *arg);

/* Emit 'error' with an em_error made of code and the formatted message, which
 * is cut at 512 bytes. */
bool em_emit_error(em_emitter *emitter, int code, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Emit on the thread of the emitter's loop.  Any thread.  Every post is
 * delivered, in posting order; it holds the emitter and keeps the loop alive;
 * free_arg, which may be NULL, is called there once, delivered or not.  Returns
 * 0, -EINVAL if there is no loop, -ENOMEM, -ECHILD, or -ESHUTDOWN if the
 * emitter is dying or the loop gone; then arg is still the caller's. */
int em_post(em_emitter *emitter, const char *event, void *arg,
            void (*free_arg)(void *arg));

/* Emit on `to` whatever `from` emits of this event, EM_ANY being every one
 * under its own name; undone when either goes.  'error' is handled by that if
 * it is forwarded by its name, and not by EM_ANY.  Returns 0, -EINVAL if they
 * are of different loops, -ELOOP if it came back to `from`, -ENOMEM,
 * -ESHUTDOWN; or -ENOENT from em_unforward. */
int em_forward(em_emitter *from, const char *event, em_emitter *to);
int em_unforward(em_emitter *from, const char *event, em_emitter *to);

/* --- queries --- */

/* The name in the innermost emit under way, valid until that ends; NULL outside
 * of one, and in a listener called on its home. */
const char *em_event(em_emitter *emitter);

size_t em_listener_count(em_emitter *emitter, const char *event);

/* Call fn for each name that has listeners, in the order of their first ones;
 * for each listener of an event, in call order.  What is not 0 ends it and is
 * returned.  Also -EINVAL, and em_each_listener -ENOMEM. */
int em_event_names(em_emitter *emitter, em_each_fn *fn, void *data);
int em_each_listener(em_emitter *emitter, const char *event, em_each_fn *fn,
                     void *data);

/* --- limits and hooks --- */

/* More listeners of one event than this look like a leak, and make it emit
 * 'maxListeners' or, if nobody listens to that, call the warning hook.  0: no
 * limit.  Without memory an emitter keeps the limit it has. */
void em_set_max_listeners(em_emitter *emitter, unsigned limit);
unsigned em_max_listeners(em_emitter *emitter);

/* For all that have none of their own; 10 at first.  Any thread. */
void em_set_default_max_listeners(unsigned limit);

/* What is called for an 'error' that nobody listens to, by default a function
 * that prints it and calls abort; and for too many listeners, by default
 * nothing.  They are called on the emitter's thread; an 'error' that nobody
 * hears does not hold the emitter meanwhile, so a hook that drops its last
 * reference must not use it any more.  fn NULL restores the default.  Any
 * thread. */
void em_set_uncaught(em_uncaught_fn *fn, void *data);
void em_set_warning(em_warning_fn *fn, void *data);

EM_END_DECLS

#endif
