/* SPDX-License-Identifier: MIT */
/* Wire: a connection's bytes, in and out, as its loop finds the time.
 *
 * What one turn publishes is written together, before the loop waits: by a
 * defer, which spares two system calls that a wait for EM_WRITABLE would cost.
 * Only what the system did not take then is waited for. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "nats/link.h"

/* A source that outlived its descriptor's connection must not read: the bytes
 * are the handshake of the next, which another thread is waiting for. */
static bool may_call(const em_nats *nats)
{
    return nats->nc && nats->state < EM__NATS_ENDING &&
           em__nats_link_is_ready(nats->link);
}

static void read_bytes(em_nats *nats)
{
    em_nats *former = em__nats_enter(nats);

    natsConnection_ProcessReadEvent(nats->nc);
    em__nats_leave(former);
}

static void on_ready(em_source *source, int fd, unsigned events, void *data)
{
    em_nats *nats = ((em__nats_eye *)data)->nats;

    (void)source, (void)fd;
    if (!may_call(nats)) {
        em__nats_unwatch(nats);
        return;
    }
    (void)em_ref(&nats->emitter);
    if (events & ~(unsigned)EM_WRITABLE) {
        read_bytes(nats);
        em__nats_deliver(nats);
    }
    if (events & EM_WRITABLE)
        em__nats_flush(nats);
    em_unref(&nats->emitter);
}

/* The source is gone: it was removed, or its loop was freed. */
static void free_eye(void *data)
{
    em__nats_eye *eye = data;

    if (eye->nats)
        eye->nats->eye = NULL;
    (void)close(eye->fd);
    free(eye);
}

static int open_eye(em_nats *nats, int fd)
{
    em__nats_eye *eye = malloc(sizeof(*eye));
    int r;

    if (!eye)
        return -ENOMEM;
    *eye = (em__nats_eye){ .nats = nats, .fd = fd };
    r = em_loop_add_fd(nats->loop, fd, EM_READABLE, on_ready, eye,
                       &eye->source);
    if (r < 0) {
        free(eye);
        return r;
    }
    em_source_set_free(eye->source, free_eye);
    em_source_unref(eye->source); /* the connection decides, not the socket */
    nats->eye = eye;
    return 0;
}

/* Takes the descriptor. */
void em__nats_watch(em_nats *nats, int fd)
{
    int r;

    em__nats_unwatch(nats);
    if (!em__nats_link_is_writing(nats->link))
        em__nats_sent(nats); /* what the last one had is lost */
    r = open_eye(nats, fd);
    if (r < 0) {
        (void)close(fd);
        em__nats_error(nats, r, "the loop does not take the connection", NULL);
        em__nats_end(nats);
    }
}

void em__nats_unwatch(em_nats *nats)
{
    em__nats_eye *eye = nats->eye;

    if (!eye)
        return;
    nats->eye = NULL;
    eye->nats = NULL;
    em_source_remove(eye->source);
}

/* Wait for room only while there is something to write that was refused. */
static void set_events(em_nats *nats)
{
    bool wait = em__nats_link_is_writing(nats->link) && !nats->deferred;

    if (!nats->eye || nats->eye->waits == wait)
        return;
    nats->eye->waits = wait;
    (void)em_source_set_events(nats->eye->source,
                               wait ? EM_READABLE | EM_WRITABLE : EM_READABLE);
}

static void flush_deferred(em_loop *loop, void *data)
{
    em_nats *nats = data;

    (void)loop;
    nats->deferred = false;
    em__nats_flush(nats);
    em_unref(&nats->emitter);
}

/* Libnats has bytes. */
void em__nats_want_flush(em_nats *nats)
{
    if (nats->deferred)
        return;
    if (em_loop_defer(nats->loop, flush_deferred, nats) < 0) {
        set_events(nats);
        return;
    }
    nats->deferred = true;
    (void)em_ref(&nats->emitter);
}

void em__nats_flush(em_nats *nats)
{
    em_nats *former;

    if (!may_call(nats) || !em__nats_link_is_writing(nats->link))
        return;
    nats->unsent = 0;
    former = em__nats_enter(nats);
    natsConnection_ProcessWriteEvent(nats->nc);
    em__nats_leave(former);
    set_events(nats);
    if (!em__nats_link_is_writing(nats->link) &&
        nats->state == EM__NATS_CLOSING && em__list_empty(&nats->waiting))
        em__nats_end(nats);
}
