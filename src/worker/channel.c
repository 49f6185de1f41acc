/* SPDX-License-Identifier: MIT */
/* Channel: messages and descriptors, both ways, over one stream socket.
 *
 * Its memory stays while a call is on the stack or the flush is on its way, so
 * every callback may close it.  A source that the loop took along when it was
 * freed is forgotten, so a channel may outlive its loop. */

#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/halves.h"
#include "worker/wire.h"

enum {
    RECEIVE_MAX = 256 * 1024, /* bytes a turn, lest others starve */
    RETRY_MAX_MS = 64         /* from 1, doubled each time */
};

/* --- life --- */

void em__channel_enter(em__channel *channel)
{
    channel->busy++;
}

static void release(em__channel *channel)
{
    if (channel->busy > 0 || channel->flushing || !channel->gone)
        return;
    em__inbox_free(channel->inbox);
    em__loop_release(channel->loop);
    em__free(channel);
}

void em__channel_leave(em__channel *channel)
{
    channel->busy--;
    release(channel);
}

static void forget_source(void *data)
{
    em__channel *channel = data;

    channel->source = NULL;
}

static void forget_retry(void *data)
{
    em__channel *channel = data;

    channel->retry = NULL;
}

static void remove_source(em_source *source)
{
    em_source_set_free(source, NULL);
    em_source_remove(source);
}

/* In a forked child the sources are the loop's, which forgets them. */
static void stop_watching(em__channel *channel)
{
    if (em__loop_is_forked(channel->loop))
        return;
    remove_source(channel->source);
    remove_source(channel->retry);
    channel->source = channel->retry = NULL;
}

/* In a worker that was forked, which has closed all that it inherited. */
static void disown(em__channel *channel)
{
    channel->fd = -1;
    em__outbox_disown(&channel->outbox);
    if (channel->inbox)
        em__inbox_disown(channel->inbox);
}

/* Give up all that the system knows of. */
static void end(em__channel *channel)
{
    channel->ended = true;
    stop_watching(channel);
    if (!em__loop_owns_descriptors(channel->loop))
        disown(channel);
    em__outbox_clear(&channel->outbox);
    if (channel->fd >= 0)
        (void)close(channel->fd);
    channel->fd = -1;
}

void em__channel_fail(em__channel *channel, int error)
{
    end(channel);
    channel->calls->closed(channel, error, channel->data);
}

/* --- waiting --- */

static void retry_later(em__channel *channel)
{
    if (channel->retry_ms < RETRY_MAX_MS)
        channel->retry_ms = channel->retry_ms ? 2 * channel->retry_ms : 1;
    (void)em_source_set_timer(channel->retry, channel->retry_ms, 0);
}

/* A poller that refuses is asked again later. */
void em__channel_update_events(em__channel *channel)
{
    unsigned events = EM_READABLE;

    if (channel->full)
        events |= EM_WRITABLE;
    events &= ~channel->resting;
    if (channel->source && em_source_set_events(channel->source, events) < 0)
        retry_later(channel);
}

void em__channel_rest(em__channel *channel, unsigned direction)
{
    channel->resting |= direction;
    em__channel_update_events(channel);
    retry_later(channel);
}

/* --- receiving --- */

static void deliver(em__channel *channel, em__inbox_find what, em__frame *frame)
{
    if (what != EM__INBOX_FRAME) {
        channel->calls->lost(channel,
                             what == EM__INBOX_NO_MEMORY ? -ENOMEM : -EMFILE,
                             channel->data);
        return;
    }
    channel->calls->receive(channel, frame, channel->data);
    if (frame->fd >= 0)
        (void)close(frame->fd);
}

/* A dead end is drained all the same: its end is told next. */
static bool halted(const em__channel *channel)
{
    return !channel->draining && em__loop_halted(channel->loop);
}

/* What a stop leaves is for the next run, which nothing else would call for. */
static void deliver_all(em__channel *channel)
{
    em__frame frame;
    int r = 1;

    channel->behind = false;
    while (r > 0 && !em__channel_is_over(channel)) {
        if (halted(channel)) {
            channel->behind = true;
            (void)em_source_set_timer(channel->retry, 0, 0);
            return;
        }
        r = em__inbox_next(channel->inbox, &frame);
        if (r > 0)
            deliver(channel, (em__inbox_find)r, &frame);
        else if (r < 0)
            em__channel_fail(channel, r);
    }
}

/* Nothing came: 0 is the end of the stream, and so is a reset, which says that
 * the other end closed before it had received all. */
static void cannot_receive(em__channel *channel, int error)
{
    switch (error) {
    case -EAGAIN:
        return;
    case 0:
    case -ECONNRESET:
        em__channel_fail(
            channel, em__inbox_is_between(channel->inbox) ? 0 : -ECONNRESET);
        return;
    case -ENOBUFS:
    case -ENOMEM:
        em__channel_rest(channel, EM_READABLE);
        return;
    default:
        em__channel_fail(channel, error);
    }
}

/* Until so many bytes came, or it seems that there are no more; `to_the_end`:
 * or it is certain. */
static void receive(em__channel *channel, size_t most, bool to_the_end)
{
    size_t total = 0;
    bool more = true;
    ssize_t n;

    channel->receiving = true;
    if (channel->behind)
        deliver_all(channel);
    while ((more || to_the_end) && total < most &&
           !em__channel_is_over(channel) && !halted(channel)) {
        n = em__wire_receive(channel->fd, channel->inbox, &more);
        if (n <= 0) {
            cannot_receive(channel, (int)n);
            break;
        }
        channel->retry_ms = 0;
        total += (size_t)n;
        deliver_all(channel);
    }
    channel->receiving = false;
}

void em__channel_drain(em__channel *channel)
{
    if (!channel || channel->receiving || em__channel_is_over(channel) ||
        em__loop_is_forked(channel->loop))
        return;
    em__channel_enter(channel);
    channel->draining = true;
    /* No more than that: the socket may have come to somebody who lives. */
    receive(channel, em__wire_pending(channel->fd) + 1, true);
    em__channel_leave(channel);
}

/* --- what the loop calls --- */

static void on_event(em_source *source, int fd, unsigned events, void *data)
{
    em__channel *channel = data;

    (void)source, (void)fd;
    em__channel_enter(channel);
    if (events & EM_WRITABLE && channel->full) {
        channel->full = false;
        em__sender_flush(channel);
        if (!em__channel_is_over(channel) && !channel->full)
            em__channel_update_events(channel);
    }
    if (events & ~(unsigned)EM_WRITABLE && !em__channel_is_over(channel))
        receive(channel, RECEIVE_MAX, false);
    em__channel_leave(channel);
}

static void on_retry(em_source *source, void *data)
{
    em__channel *channel = data;

    (void)source;
    em__channel_enter(channel);
    channel->resting = 0;
    em__channel_update_events(channel);
    if (channel->behind)
        receive(channel, 0, false); /* only what is here already */
    if (!em__channel_is_over(channel))
        em__sender_flush(channel);
    em__channel_leave(channel);
}

/* --- making and closing --- */

static int start(em__channel *channel, int fd)
{
    int r = em__inbox_new(channel->limit, &channel->inbox);

    if (r >= 0)
        r = em__wire_check(fd);
    if (r >= 0)
        r = em_loop_add_timer(channel->loop, UINT64_MAX, 0, on_retry, channel,
                              &channel->retry);
    if (r >= 0)
        r = em_loop_add_fd(channel->loop, fd, EM_READABLE, on_event, channel,
                           &channel->source);
    if (r < 0)
        return r;
    em_source_set_free(channel->source, forget_source);
    em_source_set_free(channel->retry, forget_retry);
    channel->fd = fd;
    return 0;
}

int em__channel_open(em_loop *loop, int fd, size_t limit,
                     const em__channel_calls *calls, void *data,
                     em__channel **ret)
{
    em__channel *channel;
    int r;

    if (!loop || limit == 0 || limit > EM__FRAME_LIMIT || !calls || !ret)
        return -EINVAL;
    channel = em__calloc(1, sizeof(*channel));
    if (!channel)
        return -ENOMEM;
    channel->flush.deliver = em__sender_deliver;
    channel->loop = em__loop_retain(loop);
    channel->limit = limit;
    channel->calls = calls;
    channel->data = data;
    channel->fd = -1;
    r = start(channel, fd);
    if (r < 0) {
        em__channel_close(channel);
        return r;
    }
    *ret = channel;
    return 0;
}

void em__channel_give_back(em__channel *channel)
{
    stop_watching(channel);
    channel->fd = -1;
}

void em__channel_close(em__channel *channel)
{
    if (!channel || channel->gone)
        return;
    if (channel->source && !channel->ended &&
        !em__loop_is_forked(channel->loop))
        em__sender_push(channel);
    channel->gone = true;
    if (!channel->ended)
        end(channel);
    release(channel);
}
