/* SPDX-License-Identifier: MIT */
/* Host: libuv. */

#include <config.h>

#include <check.h>

#include <emitter/adapters/uv.h>

#include "host.h"

static uv_loop_t uv;

/* libuv opens descriptors with its first loop and keeps them. */
static void prepare(void)
{
    (void)uv_loop_init(&uv);
    (void)uv_loop_close(&uv);
}

static void open_host(void)
{
    ck_assert_int_eq(uv_loop_init(&uv), 0);
}

static int attach(em_loop *loop)
{
    ck_assert_int_eq(em_attach_uv(loop, NULL), -EINVAL);
    return em_attach_uv(loop, &uv);
}

static void run(em_loop *loop)
{
    (void)loop;
    (void)uv_run(&uv, UV_RUN_DEFAULT);
}

static void close_host(void)
{
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&uv), 0);
}

const host host_uv = { "libuv", prepare, open_host, attach, run, close_host };
