/* SPDX-License-Identifier: MIT */
/* Uncaught: the 'error' event that cannot be ignored. */

#include <config.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "events/core.h"
#include "events/uncaught.h"

enum { MESSAGE_SIZE = 512 };

static void print_and_abort(em_emitter *emitter, const em_error *error,
                            void *data)
{
    (void)emitter, (void)data;
    (void)fprintf(stderr, "emitter: unhandled 'error' event: %s (%d)%s%s\n",
                  error->message, error->code, error->origin ? " from " : "",
                  error->origin ? error->origin : "");
    abort();
}

static const char *name_of(em_emitter *emitter)
{
    const em__core *core = em__private(emitter)->core;

    return core && core->extra ? core->extra->name : NULL;
}

void em__uncaught(em_emitter *emitter, const em_error *error)
{
    em_error complete = { 0, "unspecified error", name_of(emitter) };

    if (em__dying(emitter))
        return;
    if (error)
        complete = *error;
    if (!complete.message)
        complete.message = "unspecified error";
    print_and_abort(emitter, &complete, NULL);
}

bool em_emit_error(em_emitter *emitter, int code, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    em_error error = { .code = code, .message = message };
    va_list arguments;

    if (!emitter || !format)
        return false;
    va_start(arguments, format);
    if (vsnprintf(message, sizeof(message), format, arguments) < 0)
        message[0] = '\0';
    va_end(arguments);
    error.origin = name_of(emitter);
    return em_emit(emitter, "error", &error);
}
