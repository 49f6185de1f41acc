/* SPDX-License-Identifier: MIT */
/* Inbox: frames out of what was received, without receiving anything itself.
 *
 * Bytes go into the room that it offers, frames come out in place; a frame that
 * is longer than the buffer gets memory of its own, which grows as its bytes
 * come, so that announcing a size costs nothing.
 *
 * Descriptors come in batches, one for each call that sent some, and wait for
 * their frames.  A sender begins the next batch with a frame that follows the
 * last frame of the former, so more than the batch that is being used up and
 * the one that came with the latest bytes is garbage, and there is never more
 * to hold. */

#ifndef EM_WORKER_INBOX_H
#define EM_WORKER_INBOX_H

#include <stdbool.h>
#include <sys/uio.h>

#include "worker/frame.h"

enum {
    EM__INBOX_BUFFER = 64 * 1024, /* what is received at once, if it is small */
    EM__INBOX_ROOMS = 2
};

typedef struct em__inbox em__inbox;

/* What em__inbox_next found. */
typedef enum em__inbox_find {
    EM__INBOX_EMPTY, /* nothing that is complete */
    EM__INBOX_FRAME,
    EM__INBOX_NO_DESCRIPTOR, /* a frame without the one that it should have */
    EM__INBOX_NO_MEMORY      /* a frame that there was no memory for */
} em__inbox_find;

/* Returns 0 or -ENOMEM.  The limit is that of a message's data. */
int em__inbox_new(size_t limit, em__inbox **ret);

/* Closes the descriptors that no frame has taken.  NULL is ignored. */
void em__inbox_free(em__inbox *inbox);

/* Forget its descriptors, whose numbers may be somebody else's by now. */
void em__inbox_disown(em__inbox *inbox);

/* Where the next bytes go: how many places, and how much in all. */
size_t em__inbox_room(em__inbox *inbox, struct iovec room[EM__INBOX_ROOMS],
                      size_t *total);

/* So many bytes went there, and with them came these descriptors, which are the
 * inbox's now, always; `truncated`: and others that could not be received.
 * em__inbox_next is to be called until it finds nothing before more is added.
 * Returns 0 or -EPROTO. */
int em__inbox_add(em__inbox *inbox, size_t size, const int *fds, size_t count,
                  bool truncated);

/* The next frame, valid until the next call; its descriptor is the caller's.
 * Returns an em__inbox_find, -EPROTO or -EMSGSIZE, which ends it. */
int em__inbox_next(em__inbox *inbox, em__frame *ret);

/* Whether the last frame is complete, so that this may be the end. */
bool em__inbox_is_between(const em__inbox *inbox);

#endif
