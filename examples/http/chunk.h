/* SPDX-License-Identifier: MIT */
/* Chunk: the chunked transfer coding, read strictly (RFC 9112, section 7.1). */

#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "head.h"

struct chunk {
    uint64_t left; /* of this chunk's data; its size while that is read */
    unsigned state;
    unsigned extra; /* bytes of extensions and trailers so far */
    unsigned digits;
    bool done; /* the body has ended */
};

/* Read on, at most to the end of one run of data, which *data tells (size 0:
 * none).  Returns how many bytes that took, -EBADMSG for what is no chunk, or
 * -EMSGSIZE for one that nobody means.  A zeroed struct is a new body. */
long chunk_read(struct chunk *chunk, const char *at, size_t size,
                struct span *data);

#endif
