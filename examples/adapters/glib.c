/* SPDX-License-Identifier: MIT */
/* A baton and a timer of ours inside a program of GLib's. */

#include <stdio.h>

#include <emitter.h>
#include <emitter/adapters/glib.h>

static int work(em_baton *baton, void *data)
{
    (void)baton;
    return *(int *)data + 2; /* on a pool thread */
}

static void after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    printf("baton: %d\n", status); /* on GLib's thread */
}

static void tick(em_source *timer, void *data)
{
    (void)timer;
    printf("timer: %s\n", (const char *)data);
}

/* A GMainLoop runs until it is told to quit. */
static void quit(em_loop *loop, bool alive, void *data)
{
    (void)loop;
    if (!alive)
        g_main_loop_quit(data);
}

int main(void)
{
    em_loop *loop = em_loop_default();
    GMainLoop *glib = g_main_loop_new(NULL, FALSE);
    int count = 40;

    if (!loop || em_attach_glib(loop, NULL) < 0 ||
        em_loop_add_timer(loop, 10, 0, tick, "ten ms", NULL) < 0 ||
        em_baton_run(loop, work, after, &count) < 0 ||
        em_loop_set_alive_hook(loop, quit, glib) < 0) {
        (void)fprintf(stderr, "glib: the loops cannot begin\n");
        return 1;
    }
    g_main_loop_run(glib);
    em_loop_free(loop);
    g_main_loop_unref(glib);
    return 0;
}
