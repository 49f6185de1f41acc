/* SPDX-License-Identifier: MIT */
/* Emit: GLib's signals, by their number, which is the fastest way. */

#include <config.h>

#include <errno.h>
#include <glib-object.h>
#include <malloc.h>
#include <stdlib.h>

#include "emit.h"

typedef struct thing {
    GObject parent;
} thing;

typedef struct thingClass {
    GObjectClass parent;
} thingClass;

static GType thing_get_type(void);
G_DEFINE_TYPE(thing, thing, G_TYPE_OBJECT)

static void *volatile seen[LISTENERS];
static guint signal_id;

static void thing_class_init(thingClass *class)
{
    (void)class;
    signal_id = g_signal_new(EVENT, thing_get_type(), G_SIGNAL_RUN_LAST, 0,
                             NULL, NULL, g_cclosure_marshal_VOID__POINTER,
                             G_TYPE_NONE, 1, G_TYPE_POINTER);
}

static void thing_init(thing *self)
{
    (void)self;
}

#define DEFINE(n)                                                  \
    static void listener##n(thing *self, void *arg, gpointer data) \
    {                                                              \
        (void)self, (void)data;                                    \
        seen[n] = arg;                                             \
    }
TEN(DEFINE)

#define NAME(n) G_CALLBACK(listener##n),

static gulong connect_one(thing *object, unsigned long i)
{
    const GCallback listeners[] = { TEN(NAME) };

    return g_signal_connect(object, EVENT, listeners[i], NULL);
}

static thing *make(unsigned long listeners)
{
    thing *object = g_object_new(thing_get_type(), NULL);
    unsigned long i;

    for (i = 0; i < listeners; i++)
        (void)connect_one(object, i);
    return object;
}

int emit_glib_setup(bench_run *run)
{
    run->state = make(run->parameter->size);
    return 0;
}

int emit_glib(bench_run *run)
{
    unsigned long i;

    for (i = 0; i < run->count; i++)
        g_signal_emit(run->state, signal_id, 0, run);
    return 0;
}

int emit_glib_on_off(bench_run *run)
{
    unsigned long i;

    for (i = 0; i < run->count; i++)
        g_signal_handler_disconnect(run->state,
                                    connect_one(run->state, LISTENERS - 1));
    return 0;
}

int emit_glib_teardown(bench_run *run)
{
    g_object_unref(run->state);
    return 0;
}

int emit_glib_memory(bench_run *run)
{
    thing **objects = calloc(run->count, sizeof(*objects));
    size_t before;
    unsigned long i;

    if (!objects)
        return -ENOMEM;
    g_object_unref(make(1));
    before = mallinfo2().uordblks;
    for (i = 0; i < run->count; i++)
        objects[i] = make(run->parameter->size);
    run->value = (double)(mallinfo2().uordblks - before) / (double)run->count;
    for (i = 0; i < run->count; i++)
        g_object_unref(objects[i]);
    free(objects);
    return 0;
}
