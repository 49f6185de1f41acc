/* SPDX-License-Identifier: MIT */
/* Host: a loop of ours inside the one of a Node.js environment. */

#include "host.h"

#include <stdlib.h>

#include <emitter/adapters/uv.h>

struct host {
    em_loop *loop;
    uv_loop_t *uv;
    uv_idle_t last; /* to hear of the turn that closes handles */
    napi_async_cleanup_hook_handle hook;
    void (*stop)(void *data);
    void *data;
    bool ends;
};

em_loop *host_loop(struct host *host)
{
    return host->loop;
}

bool host_ends(const struct host *host)
{
    return host->ends;
}

static void closed(uv_handle_t *handle)
{
    struct host *host = handle->data;

    (void)napi_remove_async_cleanup_hook(host->hook);
    free(host);
}

/* The environment ends.  Freeing our loop closes its handle in libuv's, but
 * libuv is done with a closed handle only a turn later, and Node.js aborts if
 * one is left when it closes a worker's loop.  So the hook is an asynchronous
 * one, and it is over with the handle that is closed after that one. */
static void end(napi_async_cleanup_hook_handle hook, void *data)
{
    struct host *host = data;

    (void)hook;
    host->ends = true;
    host->stop(host->data);
    em_loop_free(host->loop);
    (void)uv_idle_init(host->uv, &host->last); /* cannot fail */
    host->last.data = host;
    uv_close((uv_handle_t *)&host->last, closed);
}

static bool attach(napi_env env, struct host *host)
{
    int r;

    if (!js_ok(env, napi_get_uv_event_loop(env, &host->uv)))
        return false;
    r = em_loop_new(EM_OPTIONS(em_loop_options, .poller = EM_POLLER_EPOLL),
                    &host->loop);
    if (r == 0)
        r = em_attach_uv(host->loop, host->uv);
    if (r < 0)
        (void)js_throw_errno(env, r);
    return r == 0;
}

struct host *host_new(napi_env env, void (*stop)(void *data), void *data)
{
    struct host *host = js_alloc(env, sizeof(*host));

    if (!host)
        return NULL;
    host->stop = stop;
    host->data = data;
    if (attach(env, host) &&
        js_ok(env, napi_add_async_cleanup_hook(env, end, host, &host->hook)))
        return host;
    em_loop_free(host->loop);
    free(host);
    return NULL;
}
