/* SPDX-License-Identifier: MIT */
/* Frame: the head on the wire. */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "worker/frame.h"

/* Version 1 of it.  Unlikely at the start of anything else. */
#define MAGIC UINT32_C(0xe3177e01)

typedef struct wire {
    uint32_t magic;
    uint8_t type;
    uint8_t index;
    uint8_t count;
    uint8_t zero;
    uint64_t size;
} wire;

_Static_assert(sizeof(wire) == EM__FRAME_HEAD, "the head has no gaps");
_Static_assert(EM__FRAME_BATCH <= UINT8_MAX, "a count fits its field");

void em__frame_write_head(void *at, const em__head *head)
{
    wire out = { .magic = MAGIC,
                 .type = (uint8_t)head->type,
                 .index = (uint8_t)head->index,
                 .count = (uint8_t)head->count,
                 .size = head->size };

    memcpy(at, &out, sizeof(out));
}

/* Without a descriptor both numbers are 0. */
static int is_place(const wire *in)
{
    return in->count == 0
               ? in->index == 0
               : in->index < in->count && in->count <= EM__FRAME_BATCH;
}

int em__frame_read_head(const void *at, size_t limit, em__head *ret)
{
    wire in;

    memcpy(&in, at, sizeof(in));
    if (in.magic != MAGIC || in.type >= EM__FRAME_TYPES || in.zero != 0 ||
        !is_place(&in))
        return -EPROTO;
    if (in.size > limit)
        return -EMSGSIZE;
    *ret = (em__head){ .type = (em__frame_type)in.type,
                       .size = (size_t)in.size,
                       .index = in.index,
                       .count = in.count };
    return 0;
}
