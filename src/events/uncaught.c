/* SPDX-License-Identifier: MIT */
/* Uncaught: the 'error' event that cannot be ignored. */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/core.h"
#include "events/lock.h"
#include "events/name.h"
#include "events/thread.h"
#include "events/uncaught.h"

enum { MESSAGE_SIZE = 512 };

static const char unspecified[] = "unspecified error";

static struct {
    em_uncaught_fn *fn;
    void *data;
} hook; /* under the layer's lock */

static void print_and_abort(em_emitter *emitter, const em_error *error,
                            void *data)
{
    (void)emitter, (void)data;
    (void)fprintf(stderr, "emitter: unhandled 'error' event: %s (%d)%s%s\n",
                  error->message, error->code, error->origin ? " from " : "",
                  error->origin ? error->origin : "");
    abort();
}

void em_set_uncaught(em_uncaught_fn *fn, void *data)
{
    em__lock();
    hook.fn = fn;
    hook.data = data;
    em__unlock();
}

static void call_hook(em_emitter *emitter, const em_error *error)
{
    em_uncaught_fn *fn;
    void *data;

    em__lock();
    fn = hook.fn ? hook.fn : print_and_abort;
    data = hook.data;
    em__unlock();
    fn(emitter, error, data);
}

/* The emitter's name, held because a listener may give it another one. */
static const char *hold_name(em_emitter *emitter)
{
    const em__core *core = em__private(emitter)->core;
    const char *name = core && core->extra ? core->extra->name : NULL;

    if (name)
        em__name_hold_again(name);
    return name;
}

static void release_name(const char *name)
{
    if (name)
        em__name_release(name);
}

bool em__uncaught(em_emitter *emitter, const char *event, const em_error *error)
{
    em_error complete = { 0, unspecified, NULL };
    const char *name;

    if (strcmp(event, "error") != 0 || em__dying(emitter))
        return false;
    name = hold_name(emitter);
    if (error)
        complete = *error;
    if (!complete.message)
        complete.message = unspecified;
    if (!complete.origin)
        complete.origin = name;
    call_hook(emitter, &complete);
    release_name(name);
    return false;
}

bool em_emit_error(em_emitter *emitter, int code, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    em_error error = { .code = code, .message = message };
    const char *name;
    va_list arguments;
    bool heard;

    if (!emitter || !format)
        return false;
    EM__CHECK_THREAD(emitter);
    va_start(arguments, format);
    if (vsnprintf(message, sizeof(message), format, arguments) < 0)
        message[0] = '\0';
    va_end(arguments);
    name = hold_name(emitter);
    error.origin = name;
    heard = em_emit(emitter, "error", &error);
    release_name(name);
    return heard;
}
