/* SPDX-License-Identifier: MIT */
/* Adapter: a loop inside libevent's (2.1 or later).
 *
 * libevent has no events that do not keep its loop running, but for its own,
 * which carry a flag of its public struct.  Without it an event that must not
 * count would have to be taken off, and another thread's post, or an
 * unreferenced source, would go unnoticed while the host runs for its own
 * reasons. */

#ifndef EMITTER_ADAPTERS_EVENT_H
#define EMITTER_ADAPTERS_EVENT_H

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <emitter/loop.h>

static inline void em_event_ready(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    (void)em_loop_turn((em_loop *)data); /* may have ended the event */
}

/* The flag is read when the event is added and deleted. */
static inline void em_event_alive(em_loop *loop, bool alive, void *data)
{
    struct event *event = (struct event *)data;
    short *flags = &event->ev_evcallback.evcb_flags;

    (void)loop;
    (void)event_del(event);
    *flags =
        (short)(alive ? *flags & ~EVLIST_INTERNAL : *flags | EVLIST_INTERNAL);
    (void)event_add(event, NULL);
}

static inline void em_event_detach(em_loop *loop, void *data)
{
    (void)loop;
    (void)event_del((struct event *)data);
    free(data);
}

/* Have base run the loop, and stay alive exactly while it is, until em_detach
 * or em_loop_free.  On the thread that runs base.  Returns 0, -EBUSY if a host
 * has the loop or inside its run, -ENOMEM, -EIO if libevent refused, or the
 * error of em_loop_fd. */
static inline int em_attach_event(em_loop *loop, struct event_base *base)
{
    em_host host = { sizeof(em_host), em_event_alive, em_event_detach };
    struct event *event;
    int fd = em_loop_fd(loop);
    int r;

    if (!base)
        return -EINVAL;
    if (fd < 0)
        return fd;
    if (em_loop_is_attached(loop))
        return -EBUSY;
    event = (struct event *)calloc(1, sizeof(*event));
    if (!event)
        return -ENOMEM;
    if (event_assign(event, base, fd, EV_READ | EV_PERSIST, em_event_ready,
                     loop) < 0 ||
        event_add(event, NULL) < 0) {
        free(event);
        return -EIO;
    }
    r = em_loop_attach(loop, &host, event);
    if (r < 0)
        em_event_detach(loop, event);
    return r;
}

#endif
