/* SPDX-License-Identifier: MIT */
/* Outbox: frames that wait to be sent, laid out as they go out, so that many
 * of them and their descriptors ride one call.  It sends nothing itself.
 *
 * Descriptors go with the first byte of a call, even if it takes no more than
 * that byte.  So a call that has some begins with the frame of the first one,
 * and goes no further than to the next frame that has one and found no place.
 * Before that frame comes its turn all that was sent with the former ones is
 * out, which keeps what a receiver must hold to two batches. */

#ifndef EM_WORKER_OUTBOX_H
#define EM_WORKER_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "worker/frame.h"

enum { EM__OUTBOX_PARTS = 16 }; /* of memory in a call */

typedef struct em__outbox {
    struct em__chunk *first, *last;
    struct em__chunk *spare;    /* one that was used up, or NULL */
    uint64_t sent, end;         /* positions in all that ever went through */
    struct em__ticket *tickets; /* of the frames with descriptors, in order */
    size_t ticket_first, ticket_end, ticket_room;
} em__outbox;

/* What one call is to send. */
typedef struct em__parcel {
    struct iovec parts[EM__OUTBOX_PARTS];
    size_t part_count;
    int fds[EM__FRAME_BATCH];
    unsigned fd_count;
} em__parcel;

/* All zeros is an empty one.  Closes the descriptors that were not sent. */
void em__outbox_clear(em__outbox *outbox);

/* Forget its descriptors, whose numbers may be somebody else's by now. */
void em__outbox_disown(em__outbox *outbox);

/* Put a frame in; its descriptor is the outbox's on success.  Returns 0 or
 * -ENOMEM. */
int em__outbox_add(em__outbox *outbox, em__frame_type type, const void *data,
                   size_t size, int fd);

static inline size_t em__outbox_size(const em__outbox *outbox)
{
    return (size_t)(outbox->end - outbox->sent);
}

/* Fill the parcel, of an outbox that is not empty, with at most so many
 * descriptors. */
void em__outbox_pack(em__outbox *outbox, unsigned max_fds, em__parcel *parcel);

/* The call took so many bytes of it, at least one. */
void em__outbox_took(em__outbox *outbox, const em__parcel *parcel, size_t size);

/* Withdraw the frame that is next if it has a descriptor, which cannot be sent;
 * false: it has none. */
bool em__outbox_withdraw(em__outbox *outbox);

#endif
