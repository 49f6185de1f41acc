/* SPDX-License-Identifier: MIT */
/* Frame: what goes over a channel: a head, the data, and zeros up to the next
 * multiple of a head's size, so that a frame which is read to an aligned
 * address has its data and its successor at aligned addresses too.
 *
 * Both ends are on one machine, hence in its byte order, but need not be the
 * same program: fields are of fixed size and the head tells its version.
 *
 * Descriptors travel beside the bytes: the first frame of a batch has index 0,
 * and with its first byte come the descriptors of all `count` frames of the
 * batch.  After a receiver could take only some of them (unix(7): it gets the
 * first ones), index and count tell which frames lost theirs. */

#ifndef EM_WORKER_FRAME_H
#define EM_WORKER_FRAME_H

#include <stddef.h>

enum {
    EM__FRAME_HEAD = 16, /* bytes of a head, and what frames are aligned to */
    EM__FRAME_BATCH = 64 /* descriptors at once, at most */
};

typedef enum em__frame_type {
    EM__FRAME_VOID,    /* withdrawn by its sender: the receiver passes it by */
    EM__FRAME_MESSAGE, /* the user's */
    EM__FRAME_ONLINE,  /* the rest is between a worker and its parent */
    EM__FRAME_READY,
    EM__FRAME_DONE,
    EM__FRAME_STOP,
    EM__FRAME_LISTEN,  /* with a listening socket */
    EM__FRAME_HANDOFF, /* with the socket that connections come through */
    EM__FRAME_TYPES
} em__frame_type;

/* As it is received. */
typedef struct em__frame {
    em__frame_type type;
    const void *data;
    size_t size;
    int fd; /* -1: none; who keeps it sets -1 */
} em__frame;

typedef struct em__head {
    em__frame_type type;
    size_t size;    /* of the data */
    unsigned index; /* of its descriptor in the batch, */
    unsigned count; /* which has so many; 0: the frame has none */
} em__head;

/* How many zeros follow data of that size, and how long the frame is.  The size
 * is at most EM__FRAME_LIMIT. */
#define EM__FRAME_LIMIT (SIZE_MAX / 4)

static inline size_t em__frame_padding(size_t size)
{
    return -size % EM__FRAME_HEAD;
}

static inline size_t em__frame_span(size_t size)
{
    return EM__FRAME_HEAD + size + em__frame_padding(size);
}

void em__frame_write_head(void *at, const em__head *head);

/* Returns 0, -EPROTO if it is no head, or -EMSGSIZE if the data is longer than
 * limit. */
int em__frame_read_head(const void *at, size_t limit, em__head *ret);

#endif
