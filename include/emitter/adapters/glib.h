/* SPDX-License-Identifier: MIT */
/* Adapter: a loop inside GLib's (2.36 or later).
 *
 * A GMainLoop runs until it is told to quit.  To end with the loop, quit in a
 * hook of em_loop_set_alive_hook, or iterate the context while em_loop_alive.
 */

#ifndef EMITTER_ADAPTERS_GLIB_H
#define EMITTER_ADAPTERS_GLIB_H

#include <errno.h>

#include <glib-unix.h>
#include <glib.h>

#include <emitter/loop.h>

typedef struct em_glib {
    GSource source; /* first: GLib allocates it */
    em_loop *loop;
} em_glib;

static inline gboolean em_glib_ready(GSource *source, GSourceFunc fn,
                                     gpointer data)
{
    (void)fn, (void)data;
    (void)em_loop_turn(((em_glib *)source)->loop);
    return G_SOURCE_CONTINUE;
}

static inline void em_glib_detach(em_loop *loop, void *data)
{
    (void)loop;
    g_source_destroy((GSource *)data);
    g_source_unref((GSource *)data);
}

/* Have the context (NULL: the default one) run the loop until em_detach or
 * em_loop_free.  On the thread that runs it.  Returns 0, -EBUSY if a host has
 * the loop or inside its run, or the error of em_loop_fd. */
static inline int em_attach_glib(em_loop *loop, GMainContext *context)
{
    static GSourceFuncs functions = { NULL, NULL, em_glib_ready,
                                      NULL, NULL, NULL };
    em_host host = { sizeof(em_host), NULL, em_glib_detach };
    GSource *source;
    int fd = em_loop_fd(loop);
    int r;

    if (fd < 0)
        return fd;
    if (em_loop_is_attached(loop))
        return -EBUSY;
    source = g_source_new(&functions, sizeof(em_glib));
    ((em_glib *)source)->loop = loop;
    (void)g_source_add_unix_fd(source, fd, G_IO_IN);
    (void)g_source_attach(source, context);
    r = em_loop_attach(loop, &host, source);
    if (r < 0)
        em_glib_detach(loop, source);
    return r;
}

#endif
