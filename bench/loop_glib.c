/* SPDX-License-Identifier: MIT */
/* Loop: GLib. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <glib-unix.h>
#include <glib.h>

#include "loop.h"

typedef struct pipes {
    ring ring;
    GMainContext *context;
    bool done;
} pipes;

static pipes *running;

static gboolean step(gint fd, GIOCondition events, gpointer data)
{
    (void)fd, (void)events;
    if (ring_step(data))
        running->done = true;
    return G_SOURCE_CONTINUE;
}

int pipes_glib_setup(bench_run *run)
{
    pipes *p = calloc(1, sizeof(*p));
    unsigned long i;
    int r;

    run->state = running = p;
    if (!p)
        return -ENOMEM;
    p->context = g_main_context_new();
    r = ring_open(run, &p->ring);
    for (i = 0; i < p->ring.pipes && r == 0; i++) {
        GSource *source = g_unix_fd_source_new(p->ring.spots[i].in, G_IO_IN);

        g_source_set_callback(source, (GSourceFunc)(void (*)(void))step,
                              &p->ring.spots[i], NULL);
        (void)g_source_attach(source, p->context);
        g_source_unref(source);
    }
    return r;
}

int pipes_glib_run(bench_run *run)
{
    pipes *p = run->state;

    ring_start(&p->ring, run->count);
    p->done = false;
    while (!p->done)
        (void)g_main_context_iteration(p->context, TRUE);
    return 0;
}

int pipes_glib_teardown(bench_run *run)
{
    (void)run; /* the process ends here */
    return 0;
}

typedef struct receiver {
    GMainContext *context;
    unsigned long left;
} receiver;

static gboolean receive(gpointer data)
{
    ((receiver *)data)->left--;
    return G_SOURCE_REMOVE;
}

static void invoke(void *data)
{
    g_main_context_invoke(((receiver *)data)->context, receive, data);
}

/* Acquired, or the other thread would run what it posts itself. */
int posts_glib(bench_run *run)
{
    receiver mine = { g_main_context_new(), run->count };
    poster other = { .step = invoke, .data = &mine, .count = run->count };
    int r;

    if (!g_main_context_acquire(mine.context))
        return -EBUSY;
    r = poster_start(&other);
    if (r < 0)
        return r;
    while (mine.left > 0)
        (void)g_main_context_iteration(mine.context, TRUE);
    poster_join(&other);
    return 0;
}
