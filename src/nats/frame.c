/* SPDX-License-Identifier: MIT */
/* Frame: what callers and servers of batons send each other.
 *
 * A byte with the version, a byte with the kind, the kind's numbers in 32 bits
 * each, the lowest byte first, and the data, if the kind has any.  Anybody may
 * send anything, so what is no frame to the last byte is none. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "nats/frame.h"

enum { FORM = 1, BASE = 2, NUMBER = 4 };

/* What a kind has besides its name. */
static const struct {
    bool known, status, number, data;
} kinds[] = {
    [EM__NATS_RUN] = { .known = true, .data = true },
    [EM__NATS_RESULT] = { true, true, true, true },
    [EM__NATS_ITEM] = { .known = true, .number = true, .data = true },
    [EM__NATS_ASK] = { .known = true },
    [EM__NATS_HOLD] = { .known = true },
    [EM__NATS_GONE] = { .known = true },
    [EM__NATS_CANCEL] = { .known = true },
    [EM__NATS_LETTER] = { .known = true, .data = true },
    [EM__NATS_HANDS] = { .known = true, .data = true },
    [EM__NATS_HAVE] = { .known = true, .data = true },
};

static void write_number(unsigned char *bytes, uint32_t number)
{
    int i;

    for (i = 0; i < NUMBER; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
}

static uint32_t read_number(const unsigned char *bytes)
{
    uint32_t number = 0;
    int i;

    for (i = 0; i < NUMBER; i++)
        number |= (uint32_t)bytes[i] << (8 * i);
    return number;
}

size_t em__nats_frame_head(const em__nats_frame *frame,
                           unsigned char head[EM__NATS_HEAD])
{
    size_t used = BASE;

    head[0] = FORM;
    head[1] = (unsigned char)frame->kind;
    if (kinds[frame->kind].status) {
        write_number(head + used, (uint32_t)frame->status);
        used += NUMBER;
    }
    if (kinds[frame->kind].number) {
        write_number(head + used, frame->number);
        used += NUMBER;
    }
    return used;
}

static bool is_kind(unsigned char byte)
{
    return byte < sizeof(kinds) / sizeof(kinds[0]) && kinds[byte].known;
}

int em__nats_frame_read(const void *bytes, size_t size, em__nats_frame *ret)
{
    const unsigned char *at = bytes, *end;
    em__nats_frame frame = { .kind = EM__NATS_RUN };
    uint32_t numbers[2] = { 0 };
    int i, count;

    if (size < BASE || at[0] != FORM || !is_kind(at[1]))
        return -EBADMSG;
    end = at + size;
    frame.kind = (em__nats_kind)at[1];
    at += BASE;
    count = kinds[frame.kind].status + kinds[frame.kind].number;
    if (end - at < count * NUMBER)
        return -EBADMSG;
    for (i = 0; i < count; i++, at += NUMBER)
        numbers[i] = read_number(at);
    if (at < end && !kinds[frame.kind].data)
        return -EBADMSG;
    if (kinds[frame.kind].status)
        memcpy(&frame.status, &numbers[0], sizeof(frame.status));
    if (kinds[frame.kind].number)
        frame.number = numbers[count - 1];
    frame.data = at;
    frame.size = (size_t)(end - at);
    *ret = frame;
    return 0;
}

int em__nats_frame_send(em_nats *nats, const char *subject, const char *reply,
                        const em__nats_frame *frame, bool bounded)
{
    em_nats_buffer *scratch = &nats->scratch;
    unsigned char head[EM__NATS_HEAD];
    int r;

    scratch->used = 0;
    r = em_nats_append(scratch, head, em__nats_frame_head(frame, head));
    if (r == 0)
        r = em_nats_append(scratch, frame->data, frame->size);
    if (r < 0)
        return r;
    return bounded ? em__nats_send(nats, subject, reply, scratch->bytes,
                                   scratch->used)
                   : em__nats_answer(nats, subject, reply, scratch->bytes,
                                     scratch->used);
}
