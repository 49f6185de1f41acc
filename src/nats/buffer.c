/* SPDX-License-Identifier: MIT */
/* Buffer: bytes that an encoder appends. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nats/internal.h"

static int grow(em_nats_buffer *buffer, size_t size)
{
    size_t room = buffer->room ? buffer->room : 256;
    char *bytes;

    if (size > SIZE_MAX / 4 - buffer->used)
        return -ENOMEM;
    while (room - buffer->used < size)
        room *= 2;
    bytes = realloc(buffer->bytes, room);
    if (!bytes)
        return -ENOMEM;
    buffer->bytes = bytes;
    buffer->room = room;
    return 0;
}

int em_nats_append(em_nats_buffer *buffer, const void *data, size_t size)
{
    int r;

    if (!buffer || (!data && size > 0))
        return -EINVAL;
    if (buffer->room - buffer->used < size) {
        r = grow(buffer, size);
        if (r < 0)
            return r;
    }
    if (size > 0)
        memcpy(buffer->bytes + buffer->used, data, size);
    buffer->used += size;
    return 0;
}

void em__nats_buffer_free(em_nats_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (em_nats_buffer){ .bytes = NULL };
}
