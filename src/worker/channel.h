/* SPDX-License-Identifier: MIT */
/* Channel: messages and descriptors, both ways, over one stream socket.
 *
 * Messages arrive whole, in order, each with its descriptor or not at all.  The
 * other end may be hostile: whatever it sends costs no more than the limit in
 * memory and a batch of descriptors, and ends the channel at worst.
 *
 * A channel belongs to the owner of its loop, which it keeps alive until it has
 * closed.  It is the same between two processes and between two threads. */

#ifndef EM_WORKER_CHANNEL_H
#define EM_WORKER_CHANNEL_H

#include <emitter/loop.h>

#include "worker/frame.h"

typedef struct em__channel em__channel;

/* Called by the loop, and by em__channel_drain, never by a send or a close.
 * Each may do anything with the channel, close it too. */
typedef struct em__channel_calls {
    /* The data is aligned for any type and valid until the call returns, also
     * if that closes the channel.  A descriptor left in the frame is closed. */
    void (*receive)(em__channel *channel, em__frame *frame, void *data);

    /* A send was refused with -EAGAIN, and now half of the limit is free. */
    void (*drained)(em__channel *channel, void *data);

    /* One message was dropped whole, and the channel goes on: -EMFILE, its
     * descriptor could not be received; -ENOMEM, nor could its data; else its
     * descriptor could not be sent (-EBADF: closed since). */
    void (*lost)(em__channel *channel, int error, void *data);

    /* The channel ended; the last call.  0: the other end closed it or died;
     * -ECONNRESET: in the middle of a message; -EPROTO: it sent garbage;
     * -EMSGSIZE: a message over the limit; or what the system said. */
    void (*closed)(em__channel *channel, int error, void *data);
} em__channel_calls;

/* Make a channel of one end, which becomes its own.  A message has at most
 * limit bytes, and so have all that wait to be sent together, heads and all, if
 * they are more than one; the other end has the same limit.  Returns 0,
 * -EINVAL, -ENOMEM, -ENOTSOCK, -EPROTOTYPE if it is no stream of the local
 * domain, or what em_loop_add_fd says; fd is then still the caller's. */
int em__channel_open(em_loop *loop, int fd, size_t limit,
                     const em__channel_calls *calls, void *data,
                     em__channel **ret);

/* Let go of the descriptor, which is the caller's again, after which the
 * channel can only be closed: for who opened it and then cannot use it. */
void em__channel_give_back(em__channel *channel);

/* Send a copy of the data and, unless fd is -1, the descriptor, which is the
 * channel's on success and is closed once it is sent.  Returns 0; -EAGAIN: the
 * queue is full, drained will be called; -EPIPE: nobody receives any more;
 * -EMSGSIZE, -EBADF, -ENOMEM, -EINVAL, -ECHILD; -ESHUTDOWN: the loop is gone.
 */
int em__channel_send(em__channel *channel, em__frame_type type,
                     const void *data, size_t size, int fd);

/* Send what the socket takes of that now, for who will not run the loop soon.
 * Calls nothing. */
void em__channel_hurry(em__channel *channel);

/* Wait until all that was sent is the system's, or nobody receives any more;
 * for an end that is about to go.  Calls nothing. */
void em__channel_flush(em__channel *channel);

/* The other end is dead: receive now what it had sent, and then its end.  Does
 * nothing inside receive, which is followed by the rest anyway. */
void em__channel_drain(em__channel *channel);

/* Send what can be sent without waiting, and end without a call.  The channel
 * is gone, and so are the descriptors that it still had.  In a forked child,
 * where the other end is the parent's, nothing is sent.  NULL is ignored. */
void em__channel_close(em__channel *channel);

#endif
