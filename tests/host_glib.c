/* SPDX-License-Identifier: MIT */
/* Host: GLib, which ends when a hook tells it to. */

#include <config.h>

#include <check.h>

#include <emitter/adapters/glib.h>

#include "host.h"

static GMainContext *context;
static GMainLoop *main_loop;

static void open_host(void)
{
    context = g_main_context_new();
    main_loop = g_main_loop_new(context, FALSE);
}

static int attach(em_loop *loop)
{
    return em_attach_glib(loop, context);
}

static void quit(em_loop *loop, bool alive, void *data)
{
    (void)loop, (void)data;
    if (!alive)
        g_main_loop_quit(main_loop);
}

static void run(em_loop *loop)
{
    if (!em_loop_alive(loop))
        return;
    ck_assert_int_eq(em_loop_set_alive_hook(loop, quit, NULL), 0);
    g_main_loop_run(main_loop);
}

static void close_host(void)
{
    g_main_loop_unref(main_loop);
    g_main_context_unref(context);
}

const host host_glib = { "GLib", NULL, open_host, attach, run, close_host };
