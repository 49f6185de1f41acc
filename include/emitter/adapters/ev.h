/* SPDX-License-Identifier: MIT */
/* Adapter: a loop inside libev's. */

#ifndef EMITTER_ADAPTERS_EV_H
#define EMITTER_ADAPTERS_EV_H

#include <errno.h>
#include <stdlib.h>

#include <ev.h>

#include <emitter/loop.h>

typedef struct em_ev {
    ev_io io; /* first: libev hands out its address */
    struct ev_loop *ev;
    em_loop *loop;
    bool counted; /* keeps ev alive */
} em_ev;

static inline void em_ev_ready(struct ev_loop *ev, ev_io *io, int events)
{
    (void)ev, (void)events;
    (void)em_loop_turn(((em_ev *)io)->loop); /* may have ended the watcher */
}

static inline void em_ev_alive(em_loop *loop, bool alive, void *data)
{
    em_ev *mine = (em_ev *)data;

    (void)loop;
    if (alive && !mine->counted)
        ev_ref(mine->ev);
    else if (!alive && mine->counted)
        ev_unref(mine->ev);
    mine->counted = alive;
}

static inline void em_ev_detach(em_loop *loop, void *data)
{
    em_ev *mine = (em_ev *)data;

    em_ev_alive(loop, true, mine);
    ev_io_stop(mine->ev, &mine->io);
    free(mine);
}

/* Have ev run the loop, and stay alive exactly while it is, until em_detach or
 * em_loop_free.  On the thread that runs ev.  Returns 0, -EBUSY if a host has
 * the loop or inside its run, -ENOMEM, or the error of em_loop_fd. */
static inline int em_attach_ev(em_loop *loop, struct ev_loop *ev)
{
    em_host host = { sizeof(em_host), em_ev_alive, em_ev_detach };
    em_ev *mine;
    int fd = em_loop_fd(loop);
    int r;

    if (!ev)
        return -EINVAL;
    if (fd < 0)
        return fd;
    if (em_loop_is_attached(loop))
        return -EBUSY;
    mine = (em_ev *)calloc(1, sizeof(*mine));
    if (!mine)
        return -ENOMEM;
    mine->ev = ev;
    mine->loop = loop;
    mine->counted = true;
    ev_io_init(&mine->io, em_ev_ready, fd, EV_READ);
    ev_io_start(ev, &mine->io);
    r = em_loop_attach(loop, &host, mine);
    if (r < 0)
        em_ev_detach(loop, mine);
    return r;
}

#endif
