/* SPDX-License-Identifier: MIT */
/* Host: libev. */

#include <config.h>

#include <check.h>

#include <emitter/adapters/ev.h>

#include "host.h"

static struct ev_loop *ev;

static void open_host(void)
{
    ev = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(ev);
}

static int attach(em_loop *loop)
{
    ck_assert_int_eq(em_attach_ev(loop, NULL), -EINVAL);
    return em_attach_ev(loop, ev);
}

static void run(em_loop *loop)
{
    (void)loop;
    (void)ev_run(ev, 0);
}

static void close_host(void)
{
    ev_loop_destroy(ev);
}

const host host_ev = { "libev", NULL, open_host, attach, run, close_host };
