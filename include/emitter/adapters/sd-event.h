/* SPDX-License-Identifier: MIT */
/* Adapter: a loop inside sd-event's (systemd 243 or later).
 *
 * An sd_event runs until it is told to exit.  To end with the loop, exit in a
 * hook of em_loop_set_alive_hook, or call sd_event_run while em_loop_alive. */

#ifndef EMITTER_ADAPTERS_SD_EVENT_H
#define EMITTER_ADAPTERS_SD_EVENT_H

#include <errno.h>
#include <sys/epoll.h>

#include <systemd/sd-event.h>

#include <emitter/loop.h>

static inline int em_sd_event_ready(sd_event_source *source, int fd,
                                    uint32_t events, void *data)
{
    (void)source, (void)fd, (void)events;
    (void)em_loop_turn((em_loop *)data);
    return 0;
}

static inline void em_sd_event_detach(em_loop *loop, void *data)
{
    (void)loop;
    (void)sd_event_source_disable_unref((sd_event_source *)data);
}

/* Have event run the loop until em_detach or em_loop_free.  On the thread that
 * runs it.  Returns 0, -EBUSY if a host has the loop or inside its run, or the
 * error of em_loop_fd or sd-event. */
static inline int em_attach_sd_event(em_loop *loop, sd_event *event)
{
    em_host host = { sizeof(em_host), NULL, em_sd_event_detach };
    sd_event_source *source;
    int fd = em_loop_fd(loop);
    int r;

    if (!event)
        return -EINVAL;
    if (fd < 0)
        return fd;
    if (em_loop_is_attached(loop))
        return -EBUSY;
    r = sd_event_add_io(event, &source, fd, EPOLLIN, em_sd_event_ready, loop);
    if (r < 0)
        return r;
    r = em_loop_attach(loop, &host, source);
    if (r < 0)
        em_sd_event_detach(loop, source);
    return r;
}

#endif
