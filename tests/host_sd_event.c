/* SPDX-License-Identifier: MIT */
/* Host: sd-event, turn by turn for as long as our loop is alive. */

#include <config.h>

#include <check.h>

#include <emitter/adapters/sd-event.h>

#include "host.h"

static sd_event *event;
static bool ended;

static void open_host(void)
{
    ck_assert_int_ge(sd_event_new(&event), 0);
}

static int attach(em_loop *loop)
{
    ck_assert_int_eq(em_attach_sd_event(loop, NULL), -EINVAL);
    return em_attach_sd_event(loop, event);
}

static void end(em_loop *loop, bool alive, void *data)
{
    (void)loop, (void)data;
    ended = !alive;
}

static void run(em_loop *loop)
{
    ended = !em_loop_alive(loop);
    ck_assert_int_eq(em_loop_set_alive_hook(loop, end, NULL), 0);
    while (!ended)
        ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
}

static void close_host(void)
{
    event = sd_event_unref(event);
}

const host host_sd_event = { "sd-event", NULL, open_host,
                             attach,     run,  close_host };
