/* SPDX-License-Identifier: MIT */
/* Emitter: named listeners with Node.js semantics, called on one thread.
 *
 * An emitter belongs to the thread of its loop, or to the one that uses it if
 * it has none.  Functions are for that thread unless they say "any thread".
 * Adding, removing, emitting and dropping the last reference are legal inside
 * any listener at any depth.  Event names are ordinary strings and are copied.
 * NULL or nonsense is -EINVAL, false, 0 or nothing. */

#ifndef EMITTER_EMITTER_H
#define EMITTER_EMITTER_H

#include <stdbool.h>

#include <emitter/base.h>
#include <emitter/error.h>
#include <emitter/loop.h>
#include <emitter/name.h>

/* Embed it as a member to inherit; its content is private. */
typedef struct em_emitter {
    void *em_private[4];
} em_emitter;

/* A listener: arg is what was emitted, data what was registered. */
typedef void em_listener_fn(em_emitter *emitter, void *arg, void *data);
typedef void em_free_fn(em_emitter *emitter);

/* A listener that em_listen added; valid until its free_data runs, or would. */
typedef struct em_listener em_listener;

/* What 'newListener' and 'removeListener' carry, and what queries show. */
typedef struct em_listener_info {
    const char *event;
    em_listener_fn *fn;
    void *data;
    bool once;
    em_listener *listener; /* NULL in 'newListener' */
} em_listener_info;

EM_BEGIN_DECLS

/* Make emitter valid, with one reference.  loop may be NULL.  free_fn, which
 * may be NULL, runs when the last reference goes and may free the memory around
 * the emitter.  Cannot fail. */
void em_emitter_init(em_emitter *emitter, em_loop *loop, em_free_fn *free_fn);

/* The same on the heap, freed with its last reference.  0, -EINVAL, -ENOMEM. */
int em_emitter_new(em_loop *loop, em_emitter **ret);

/* The loop it was made with, or NULL.  Any thread. */
em_loop *em_emitter_loop(em_emitter *emitter);

/* Hold it, and return it.  Any thread. */
em_emitter *em_ref(em_emitter *emitter);

/* Let it go.  Any thread; from a foreign one the last reference defers the
 * destruction to the owning loop.  From the last one on, em_emit is false and
 * em_on is -ESHUTDOWN; running emits call no further listener. */
void em_unref(em_emitter *emitter);

/* Add a listener behind (prepend: before) all others of that event; once takes
 * it off before its first call.  One added during an emit waits for the next.
 * Returns 0, -EINVAL, -ENOMEM, or -ESHUTDOWN on a dying emitter. */
int em_on(em_emitter *emitter, const char *event, em_listener_fn *fn,
          void *data);
int em_once(em_emitter *emitter, const char *event, em_listener_fn *fn,
            void *data);
int em_prepend(em_emitter *emitter, const char *event, em_listener_fn *fn,
               void *data);
int em_prepend_once(em_emitter *emitter, const char *event, em_listener_fn *fn,
                    void *data);

/* Remove the most recently added listener with that fn and data; it is not
 * called any more, not even by an emit under way.  Returns 0, -EINVAL, or
 * -ENOENT if there is none. */
int em_off(em_emitter *emitter, const char *event, em_listener_fn *fn,
           void *data);

/* Call the listeners of the event in order, now.  Returns whether it had any.
 * 'error' without a listener prints its em_error and calls abort. */
bool em_emit(em_emitter *emitter, const char *event, void *arg);

/* Emit 'error' with an em_error made of code and the formatted message, which
 * is cut at 512 bytes. */
bool em_emit_error(em_emitter *emitter, int code, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

EM_END_DECLS

#endif
