/* SPDX-License-Identifier: MIT */
/* Letter: a durable job as its stream has it.
 *
 * A frame whose data begins with three strings, each with its 0: where the
 * result is stored, where it is handed to, and the job's id.  They are no
 * headers, since libnats makes a table of what headers a message has, with a
 * dozen allocations.  A RUN is a job as well, of somebody who wants no result
 * and may have no more than a shell. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "nats/durable.h"

static int append_string(em_nats_buffer *buffer, const char *string)
{
    return em_nats_append(buffer, string, strlen(string) + 1);
}

int em__nats_letter_append(em_nats_buffer *buffer,
                           const em__nats_letter *letter)
{
    const em__nats_frame frame = { .kind = EM__NATS_LETTER };
    unsigned char head[EM__NATS_HEAD];
    int r = em_nats_append(buffer, head, em__nats_frame_head(&frame, head));

    if (r == 0)
        r = append_string(buffer, letter->result);
    if (r == 0)
        r = append_string(buffer, letter->hand);
    if (r == 0)
        r = append_string(buffer, letter->id);
    return r == 0 ? em_nats_append(buffer, letter->data, letter->size) : r;
}

/* Cut it off what is left. */
static const char *read_string(em__nats_letter *rest)
{
    const char *string = rest->data;
    const char *end = memchr(string, '\0', rest->size);
    size_t length;

    if (!end)
        return NULL;
    length = (size_t)(end - string) + 1;
    rest->data = end + 1;
    rest->size -= length;
    return string;
}

int em__nats_letter_read(const void *bytes, size_t size, em__nats_letter *ret)
{
    em__nats_letter letter = { "", "", "", NULL, 0 };
    em__nats_frame frame;
    int r = em__nats_frame_read(bytes, size, &frame);

    if (r < 0)
        return r;
    letter.data = frame.data;
    letter.size = frame.size;
    if (frame.kind == EM__NATS_LETTER) {
        letter.result = read_string(&letter);
        letter.hand = letter.result ? read_string(&letter) : NULL;
        letter.id = letter.hand ? read_string(&letter) : NULL;
        if (!letter.id || (*letter.id && !em__nats_is_id(letter.id)))
            return -EBADMSG;
    } else if (frame.kind != EM__NATS_RUN) {
        return -EBADMSG;
    }
    *ret = letter;
    return 0;
}
