/* SPDX-License-Identifier: MIT */
/* Channel: messages and descriptors, both ways, over one stream socket.
 *
 * Sends queue, and a flush at the end of the turn sends them together; past
 * FLUSH_AT it does not wait for that.  A socket that is full is waited for by
 * its readiness; what the system has too little of (memory, descriptors in
 * flight) has none, and is tried again after a while.
 *
 * Its memory stays while a call is on the stack or the flush is on its way, so
 * every callback may close it.  A source that the loop took along when it was
 * freed is forgotten, so a channel may outlive its loop. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/list.h"
#include "loop/loop.h"
#include "worker/channel.h"
#include "worker/wire.h"

enum {
    FLUSH_AT = 64 * 1024,     /* bytes queued */
    RECEIVE_MAX = 256 * 1024, /* bytes a turn, lest others starve */
    RETRY_MAX_MS = 64         /* from 1, doubled each time */
};

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
    unsigned busy;    /* calls on the stack, which end with leave() */
    bool flushing;    /* the flush is on its way */
    bool receiving;   /* on the stack */
    bool full;        /* the socket is: wait for it to be writable */
    bool broken;      /* nobody receives what we send */
    bool refused;     /* a send, so that drained must be called */
    bool alone;       /* the next descriptor goes alone */
    bool ended;       /* closed was called, or is being */
    bool gone;        /* em__channel_close was called */
};

/* --- life --- */

static void enter(em__channel *channel)
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

static void leave(em__channel *channel)
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

static void fail(em__channel *channel, int error)
{
    end(channel);
    channel->calls->closed(channel, error, channel->data);
}

static bool is_over(const em__channel *channel)
{
    return channel->ended || channel->gone;
}

/* --- waiting --- */

static void retry_later(em__channel *channel)
{
    if (channel->retry_ms < RETRY_MAX_MS)
        channel->retry_ms = channel->retry_ms ? 2 * channel->retry_ms : 1;
    (void)em_source_set_timer(channel->retry, channel->retry_ms, 0);
}

/* A poller that refuses is asked again later. */
static void update_events(em__channel *channel)
{
    unsigned events = EM_READABLE;

    if (channel->full)
        events |= EM_WRITABLE;
    events &= ~channel->resting;
    if (channel->source && em_source_set_events(channel->source, events) < 0)
        retry_later(channel);
}

static void rest(em__channel *channel, unsigned direction)
{
    channel->resting |= direction;
    update_events(channel);
    retry_later(channel);
}

static void schedule(em__channel *channel)
{
    if (channel->flushing || !channel->source)
        return;
    channel->flushing = true;
    em__loop_defer(channel->loop, &channel->flush);
}

/* --- sending --- */

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
        update_events(channel);
        return 0;
    case -EPIPE:
    case -ECONNRESET:
        channel->broken = true;
        em__outbox_clear(&channel->outbox);
        return 0;
    case -ENOBUFS:
    case -ENOMEM:
    case -ETOOMANYREFS: /* sent by this user, and not received yet */
        rest(channel, EM_WRITABLE);
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
static void flush(em__channel *channel)
{
    int r;

    while ((r = push(channel)) < 0) {
        if (!em__outbox_withdraw(&channel->outbox)) {
            fail(channel, r);
            return;
        }
        channel->calls->lost(channel, r, channel->data);
        if (is_over(channel))
            return;
    }
    if (!channel->refused ||
        em__outbox_size(&channel->outbox) > channel->limit / 2)
        return;
    channel->refused = false;
    channel->calls->drained(channel, channel->data);
}

static void deliver_flush(em_loop *loop, em__mail *mail, em__delivery how)
{
    em__channel *channel = em__container(mail, em__channel, flush);

    (void)loop;
    channel->flushing = false;
    enter(channel);
    if (how != EM__FORKED && !is_over(channel))
        flush(channel);
    leave(channel);
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
    if (is_over(channel) || channel->broken)
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
    if (!channel || is_over(channel) || em__loop_is_forked(channel->loop))
        return;
    while (!channel->broken && em__outbox_size(&channel->outbox) > 0) {
        if (push(channel) < 0 && !em__outbox_withdraw(&channel->outbox))
            return;
        wait_to_send(channel);
    }
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

static void deliver_all(em__channel *channel)
{
    em__frame frame;
    int r = 1;

    while (r > 0 && !is_over(channel)) {
        r = em__inbox_next(channel->inbox, &frame);
        if (r > 0)
            deliver(channel, (em__inbox_find)r, &frame);
        else if (r < 0)
            fail(channel, r);
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
        fail(channel, em__inbox_is_between(channel->inbox) ? 0 : -ECONNRESET);
        return;
    case -ENOBUFS:
    case -ENOMEM:
        rest(channel, EM_READABLE);
        return;
    default:
        fail(channel, error);
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
    while ((more || to_the_end) && total < most && !is_over(channel)) {
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
    if (!channel || channel->receiving || is_over(channel) ||
        em__loop_is_forked(channel->loop))
        return;
    enter(channel);
    /* No more than that: the socket may have come to somebody who lives. */
    receive(channel, em__wire_pending(channel->fd) + 1, true);
    leave(channel);
}

/* --- what the loop calls --- */

static void on_event(em_source *source, int fd, unsigned events, void *data)
{
    em__channel *channel = data;

    (void)source, (void)fd;
    enter(channel);
    if (events & EM_WRITABLE && channel->full) {
        channel->full = false;
        flush(channel);
        if (!is_over(channel) && !channel->full)
            update_events(channel);
    }
    if (events & ~(unsigned)EM_WRITABLE && !is_over(channel))
        receive(channel, RECEIVE_MAX, false);
    leave(channel);
}

static void on_retry(em_source *source, void *data)
{
    em__channel *channel = data;

    (void)source;
    enter(channel);
    channel->resting = 0;
    update_events(channel);
    flush(channel);
    leave(channel);
}

/* --- making and closing --- */

static int start(em__channel *channel, int fd)
{
    int r = em__wire_check(fd);

    if (r >= 0)
        r = em__inbox_new(channel->limit, &channel->inbox);
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
    channel->flush.deliver = deliver_flush;
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

void em__channel_close(em__channel *channel)
{
    if (!channel || channel->gone)
        return;
    if (channel->source && !channel->ended &&
        !em__loop_is_forked(channel->loop))
        (void)push(channel);
    channel->gone = true;
    if (!channel->ended)
        end(channel);
    release(channel);
}
