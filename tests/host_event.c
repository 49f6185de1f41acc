/* SPDX-License-Identifier: MIT */
/* Host: libevent. */

#include <config.h>

#include <check.h>

#include <emitter/adapters/event.h>

#include "host.h"

static struct event_base *base;

static void open_host(void)
{
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
}

static int attach(em_loop *loop)
{
    ck_assert_int_eq(em_attach_event(loop, NULL), -EINVAL);
    return em_attach_event(loop, base);
}

static void run(em_loop *loop)
{
    (void)loop;
    (void)event_base_dispatch(base);
}

static void close_host(void)
{
    event_base_free(base);
}

const host host_event = {
    "libevent", NULL, open_host, attach, run, close_host
};
