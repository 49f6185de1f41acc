/* SPDX-License-Identifier: MIT */
/* Adapter: a loop inside libuv's, and so inside Node.js. */

#ifndef EMITTER_ADAPTERS_UV_H
#define EMITTER_ADAPTERS_UV_H

#include <errno.h>
#include <stdlib.h>

#include <uv.h>

#include <emitter/loop.h>

static inline void em_uv_ready(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    (void)em_loop_turn((em_loop *)poll->data); /* may have ended the handle */
}

static inline void em_uv_alive(em_loop *loop, bool alive, void *data)
{
    (void)loop;
    if (alive)
        uv_ref((uv_handle_t *)data);
    else
        uv_unref((uv_handle_t *)data);
}

static inline void em_uv_closed(uv_handle_t *handle)
{
    free(handle);
}

static inline void em_uv_detach(em_loop *loop, void *data)
{
    (void)loop;
    uv_close((uv_handle_t *)data, em_uv_closed);
}

/* Have uv run the loop, and stay alive exactly while it is, until em_detach or
 * em_loop_free.  On the thread that runs uv, which must take one more turn
 * after that before uv_loop_close.  Returns 0, -EBUSY if a host has the loop or
 * inside its run, or the error of em_loop_fd or libuv. */
static inline int em_attach_uv(em_loop *loop, uv_loop_t *uv)
{
    em_host host = { sizeof(em_host), em_uv_alive, em_uv_detach };
    uv_poll_t *poll;
    int fd = em_loop_fd(loop);
    int r;

    if (!uv)
        return -EINVAL;
    if (fd < 0)
        return fd;
    if (em_loop_is_attached(loop))
        return -EBUSY;
    poll = (uv_poll_t *)malloc(sizeof(*poll));
    if (!poll)
        return -ENOMEM;
    r = uv_poll_init(uv, poll, fd);
    if (r < 0) {
        free(poll);
        return r;
    }
    poll->data = loop;
    r = uv_poll_start(poll, UV_READABLE, em_uv_ready);
    if (r == 0)
        r = em_loop_attach(loop, &host, poll);
    if (r < 0)
        uv_close((uv_handle_t *)poll, em_uv_closed);
    return r;
}

#endif
