/* SPDX-License-Identifier: MIT */
/* Halves: what the files of a channel share: channel.c, its life and what it
 * receives, and sender.c, what it sends. */

#ifndef EM_WORKER_HALVES_H
#define EM_WORKER_HALVES_H

#include "loop/loop.h"
#include "worker/channel.h"
#include "worker/inbox.h"
#include "worker/outbox.h"

struct em__channel {
    em__mail flush;
    em_loop *loop;
    em_source *source; /* of the socket; NULL: the loop is gone, or we ended */
    em_source *retry;
    const em__channel_calls *calls;
    void *data;
    em__inbox *inbox;
    em__outbox outbox;
    size_t limit;
    uint64_t retry_ms;
    int fd;
    unsigned resting; /* EM_READABLE, EM_WRITABLE: not before the retry */
    unsigned hurried; /* how often, since the last flush */
    unsigned busy;    /* calls on the stack, which end with leave() */
    bool flushing;    /* the flush is on its way */
    bool receiving;   /* on the stack */
    bool draining;    /* the other end is dead */
    bool behind;      /* frames were received and not delivered yet */
    bool full;        /* the socket is: wait for it to be writable */
    bool broken;      /* nobody receives what we send */
    bool refused;     /* a send, so that drained must be called */
    bool alone;       /* the next descriptor goes alone */
    bool ended;       /* closed was called, or is being */
    bool gone;        /* em__channel_close was called */
};

/* --- channel.c --- */

/* Around whatever may call back and then uses the channel again; its memory may
 * be gone after the second. */
void em__channel_enter(em__channel *channel);
void em__channel_leave(em__channel *channel);

/* It ended, or was closed: nothing is called any more. */
static inline bool em__channel_is_over(const em__channel *channel)
{
    return channel->ended || channel->gone;
}

/* End it, and tell. */
void em__channel_fail(em__channel *channel, int error);

/* Do nothing in that direction (EM_READABLE, EM_WRITABLE) for a while. */
void em__channel_rest(em__channel *channel, unsigned direction);

/* What is waited for may have changed. */
void em__channel_update_events(em__channel *channel);

/* --- sender.c --- */

/* What the mail at the end of the turn does. */
em__deliver_fn em__sender_deliver;

/* Send what the socket takes, and call drained and lost where due. */
void em__sender_flush(em__channel *channel);

/* Send what the socket takes, and call nothing. */
void em__sender_push(em__channel *channel);

#endif
