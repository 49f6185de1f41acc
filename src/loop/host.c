/* SPDX-License-Identifier: MIT */
/* Host: a loop inside somebody else's.
 *
 * The host polls our descriptor and takes turns.  It stays alive exactly while
 * we are, so it is told of each change; inside a turn it does not look, so what
 * changed there is told when the turn is over.  What another thread does, a
 * post or a baton, is not told: it wakes the host, and the turn that follows
 * tells what it led to. */

#include <config.h>

#include <errno.h>

#include "base/alloc.h"
#include "base/options.h"
#include "loop/internal.h"

bool em_loop_is_attached(em_loop *loop)
{
    return loop && em__host_is_attached(loop);
}

bool em__host_is_attached(const em_loop *loop)
{
    return loop->host && loop->host->detach;
}

static void tell(em_loop *loop, em_alive_fn *fn, void *data)
{
    if (!fn)
        return;
    loop->host->telling++;
    fn(loop, loop->host->told, data);
    loop->host->telling--;
}

bool em__host_is_told(const em_loop *loop)
{
    return loop->host && loop->host->telling > 0;
}

/* Either may change the loop's liveness, which tells both again.  A forked
 * child has neither: it may not call into what is the parent's. */
void em__host_alive_changed(em_loop *loop)
{
    em__host *host = loop->host;

    if (!host || loop->running || loop->closing || em__loop_is_forked(loop) ||
        em_loop_alive(loop) == host->told)
        return;
    host->told = !host->told;
    tell(loop, host->alive, host->data);
    tell(loop, host->hook, host->hook_data);
}

void em__host_call_back(em_loop *loop)
{
    if (em__host_is_attached(loop) && loop->host->alive)
        loop->host->alive(loop, true, loop->host->data);
    em__poller_wake(&loop->poller);
}

/* It is kept until the loop ends: whoever leaves may come again. */
static int watch_alive(em_loop *loop)
{
    if (!loop->host)
        loop->host = em__calloc(1, sizeof(*loop->host));
    if (!loop->host)
        return -ENOMEM;
    if (!loop->host->hook && !loop->host->detach)
        loop->host->told = em_loop_alive(loop);
    return 0;
}

int em_loop_set_alive_hook(em_loop *loop, em_alive_fn *fn, void *data)
{
    int r = em__loop_check(loop);

    if (r < 0)
        return r;
    r = watch_alive(loop);
    if (r < 0)
        return r;
    loop->host->hook = fn;
    loop->host->hook_data = data;
    return 0;
}

static int attach(em_loop *loop, const em_host *host, void *data)
{
    int r = em_loop_fd(loop);

    if (r < 0)
        return r;
    r = watch_alive(loop);
    if (r < 0)
        return r;
    loop->host->alive = host->alive;
    loop->host->detach = host->detach;
    loop->host->data = data;
    tell(loop, host->alive, data);
    return 0;
}

int em_loop_attach(em_loop *loop, const em_host *host, void *data)
{
    em_host given;
    int r = em__options_read(host, &given, sizeof(given));

    if (r < 0)
        return r;
    r = em__loop_check(loop);
    if (r < 0)
        return r;
    if (!given.detach)
        return -EINVAL;
    if (em__host_is_attached(loop) || loop->running)
        return -EBUSY;
    return attach(loop, &given, data);
}

/* What hears of no further change is told of the last one. */
void em__host_end(em_loop *loop)
{
    em__host *host = loop->host;

    em_detach(loop);
    if (!host || !host->told || em__loop_is_forked(loop))
        return;
    host->told = false;
    tell(loop, host->hook, host->hook_data);
}

int em_loop_turn(em_loop *loop)
{
    if (!em_loop_is_attached(loop))
        return -EINVAL;
    return em__loop_run(loop, EM_RUN_NOWAIT);
}

void em_detach(em_loop *loop)
{
    void (*detach)(em_loop *, void *);

    if (!em_loop_is_attached(loop) || em__loop_is_forked(loop))
        return;
    detach = loop->host->detach;
    loop->host->alive = NULL;
    loop->host->detach = NULL;
    detach(loop, loop->host->data);
}
