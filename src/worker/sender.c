/* SPDX-License-Identifier: MIT */
/* Sender: the half of a channel that sends.
 *
 * Sends queue, and a flush at the end of the turn sends them together; past
 * FLUSH_AT it does not wait for that.  A socket that is full is waited for by
 * its readiness; what the system has too little of (memory, descriptors in
 * flight) has none, and is tried again after a while. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "base/list.h"
#include "worker/halves.h"
#include "worker/wire.h"

enum {
    FLUSH_AT = 64 * 1024, /* bytes queued */
    HURRY_MAX = 16        /* from one flush to the next */
};

static void schedule(em__channel *channel)
{
    if (channel->flushing || !channel->source)
        return;
    channel->flushing = true;
    em__loop_defer(channel->loop, &channel->flush);
}

static bool can_send(const em__channel *channel)
{
    return !channel->full && !channel->broken &&
           !(channel->resting & EM_WRITABLE);
}

/* What it means that a call with so many descriptors failed: 0 if it was dealt
 * with, else the error, which is that of the frame that is next. */
static int cannot_send(em__channel *channel, int error, unsigned fd_count)
{
    switch (error) {
    case -EAGAIN:
        channel->full = true;
        em__channel_update_events(channel);
        return 0;
    case -EPIPE:
    case -ECONNRESET:
        channel->broken = true;
        em__outbox_clear(&channel->outbox);
        return 0;
    case -ENOBUFS:
    case -ENOMEM:
    case -ETOOMANYREFS: /* sent by this user, and not received yet */
        em__channel_rest(channel, EM_WRITABLE);
        return 0;
    default:
        channel->alone = true;
        return fd_count > 1 ? 0 : error;
    }
}

/* Send what the socket takes.  Returns 0 or the error of the frame that is
 * next. */
static int push(em__channel *channel)
{
    em__parcel parcel;
    ssize_t n;
    int r = 0;

    while (r == 0 && can_send(channel) &&
           em__outbox_size(&channel->outbox) > 0) {
        em__outbox_pack(&channel->outbox, channel->alone ? 1 : EM__FRAME_BATCH,
                        &parcel);
        n = em__wire_send(channel->fd, &parcel);
        if (n < 0) {
            r = cannot_send(channel, (int)n, parcel.fd_count);
            continue;
        }
        em__outbox_took(&channel->outbox, &parcel, (size_t)n);
        channel->alone = false;
        channel->retry_ms = 0;
    }
    return r;
}

/* The same, with the calls that it leads to. */
void em__sender_flush(em__channel *channel)
{
    int r;

    while ((r = push(channel)) < 0) {
        if (!em__outbox_withdraw(&channel->outbox)) {
            em__channel_fail(channel, r);
            return;
        }
        channel->calls->lost(channel, r, channel->data);
        if (em__channel_is_over(channel))
            return;
    }
    if (!channel->refused ||
        em__outbox_size(&channel->outbox) > channel->limit / 2)
        return;
    channel->refused = false;
    channel->calls->drained(channel, channel->data);
}

void em__sender_deliver(em_loop *loop, em__mail *mail, em__delivery how)
{
    em__channel *channel = em__container(mail, em__channel, flush);

    (void)loop;
    channel->flushing = false;
    channel->hurried = 0;
    em__channel_enter(channel);
    if (how != EM__FORKED && !em__channel_is_over(channel))
        em__sender_flush(channel);
    em__channel_leave(channel);
}

/* Inside a send, where nothing may be called: the flush does it. */
static void push_early(em__channel *channel)
{
    if (can_send(channel) && (push(channel) < 0 || channel->broken))
        schedule(channel);
}

static int check_send(const em__channel *channel, em__frame_type type,
                      const void *data, size_t size, int fd)
{
    if (!channel || type <= EM__FRAME_VOID || type >= EM__FRAME_TYPES ||
        (size > 0 && !data))
        return -EINVAL;
    if (em__loop_is_forked(channel->loop))
        return -ECHILD;
    if (em__channel_is_over(channel) || channel->broken)
        return -EPIPE;
    if (!channel->source)
        return -ESHUTDOWN;
    if (size > channel->limit)
        return -EMSGSIZE;
    return fd != -1 && fcntl(fd, F_GETFD) < 0 ? -EBADF : 0;
}

/* The limit is for what users send.  The rest are heads, of which each has
 * something to do with a message, a connection or the worker's state. */
static bool has_room(const em__channel *channel, em__frame_type type,
                     size_t size)
{
    size_t queued = em__outbox_size(&channel->outbox);

    return queued == 0 || type != EM__FRAME_MESSAGE ||
           queued + em__frame_span(size) <= channel->limit;
}

int em__channel_send(em__channel *channel, em__frame_type type,
                     const void *data, size_t size, int fd)
{
    int r = check_send(channel, type, data, size, fd);

    if (r < 0)
        return r;
    if (!has_room(channel, type, size))
        push_early(channel);
    if (channel->broken)
        return -EPIPE;
    if (!has_room(channel, type, size)) {
        channel->refused = true;
        return -EAGAIN;
    }
    r = em__outbox_add(&channel->outbox, type, data, size, fd);
    if (r < 0)
        return r;
    if (em__outbox_size(&channel->outbox) >= FLUSH_AT)
        push_early(channel);
    if (can_send(channel) && em__outbox_size(&channel->outbox) > 0)
        schedule(channel);
    return 0;
}

/* A flood is worth collecting, and will have its flush soon. */
void em__channel_hurry(em__channel *channel)
{
    if (channel->hurried == HURRY_MAX)
        return;
    channel->hurried++;
    push_early(channel);
}

/* A socket that is full tells when it is not; what the system has too little of
 * does not. */
static void wait_to_send(em__channel *channel)
{
    struct pollfd socket = { .fd = channel->fd, .events = POLLOUT };

    if (channel->resting & EM_WRITABLE)
        (void)poll(NULL, 0, (int)channel->retry_ms);
    else if (channel->full)
        (void)poll(&socket, 1, -1);
    channel->resting &= ~(unsigned)EM_WRITABLE;
    channel->full = false;
}

void em__channel_flush(em__channel *channel)
{
    if (!channel || em__channel_is_over(channel) ||
        em__loop_is_forked(channel->loop))
        return;
    while (!channel->broken && em__outbox_size(&channel->outbox) > 0) {
        if (push(channel) < 0 && !em__outbox_withdraw(&channel->outbox))
            return;
        wait_to_send(channel);
    }
}

void em__sender_push(em__channel *channel)
{
    (void)push(channel);
}
