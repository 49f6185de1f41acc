/* SPDX-License-Identifier: MIT */
/* Outbox: frames that wait to be sent. */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/outbox.h"

enum { CHUNK = 16 * 1024, TICKETS = 16 };

/* Whole frames one after the other; one that is longer than a chunk has one of
 * its own. */
typedef struct em__chunk {
    struct em__chunk *next;
    size_t room, end;
    size_t sent; /* of the first chunk */
    _Alignas(EM__FRAME_HEAD) unsigned char bytes[];
} em__chunk;

/* A descriptor and the frame that it goes with. */
typedef struct em__ticket {
    int fd;
    em__head head;
    unsigned char *frame;
    uint64_t position;
} em__ticket;

/* --- memory --- */

static em__chunk *new_chunk(em__outbox *outbox, size_t span)
{
    size_t room = CHUNK - sizeof(em__chunk);
    em__chunk *chunk = outbox->spare;

    if (span <= room && chunk) {
        outbox->spare = NULL;
    } else {
        room = span > room ? span : room;
        chunk = em__malloc(sizeof(*chunk) + room);
        if (!chunk)
            return NULL;
        em__expect_all(chunk, sizeof(*chunk) + room);
        chunk->room = room;
    }
    chunk->next = NULL;
    chunk->end = chunk->sent = 0;
    return chunk;
}

/* One is kept, so that a message now and then costs no allocation. */
static void drop_first_chunk(em__outbox *outbox)
{
    em__chunk *chunk = outbox->first;

    outbox->first = chunk->next;
    if (!outbox->first)
        outbox->last = NULL;
    if (!outbox->spare && chunk->room == CHUNK - sizeof(*chunk))
        outbox->spare = chunk;
    else
        em__free(chunk);
}

/* The chunk that has room for that much. */
static em__chunk *find_chunk(em__outbox *outbox, size_t span)
{
    em__chunk *chunk = outbox->last;

    if (chunk && chunk->room - chunk->end >= span)
        return chunk;
    chunk = new_chunk(outbox, span);
    if (!chunk)
        return NULL;
    if (outbox->last)
        outbox->last->next = chunk;
    else
        outbox->first = chunk;
    outbox->last = chunk;
    return chunk;
}

static int reserve_ticket(em__outbox *outbox)
{
    size_t count = outbox->ticket_end - outbox->ticket_first;
    size_t room = outbox->ticket_room ? 2 * outbox->ticket_room : TICKETS;
    em__ticket *tickets = outbox->tickets;

    if (outbox->ticket_end < outbox->ticket_room)
        return 0;
    if (count > outbox->ticket_room / 2 || !tickets) {
        tickets = em__realloc(tickets, room * sizeof(*tickets));
        if (!tickets)
            return -ENOMEM;
        outbox->tickets = tickets;
        outbox->ticket_room = room;
    }
    memmove(tickets, tickets + outbox->ticket_first, count * sizeof(*tickets));
    outbox->ticket_first = 0;
    outbox->ticket_end = count;
    return 0;
}

static void drop_ticket(em__outbox *outbox)
{
    (void)close(outbox->tickets[outbox->ticket_first++].fd);
    if (outbox->ticket_first == outbox->ticket_end)
        outbox->ticket_first = outbox->ticket_end = 0;
}

void em__outbox_clear(em__outbox *outbox)
{
    while (outbox->ticket_first < outbox->ticket_end)
        drop_ticket(outbox);
    while (outbox->first)
        drop_first_chunk(outbox);
    em__free(outbox->spare);
    em__free(outbox->tickets);
    *outbox = (em__outbox){ .first = NULL };
}

void em__outbox_disown(em__outbox *outbox)
{
    outbox->ticket_first = outbox->ticket_end = 0;
}

/* --- in --- */

int em__outbox_add(em__outbox *outbox, em__frame_type type, const void *data,
                   size_t size, int fd)
{
    em__head head = { .type = type, .size = size };
    size_t span = em__frame_span(size);
    unsigned char *at;
    em__chunk *chunk;

    if (fd >= 0 && reserve_ticket(outbox) < 0)
        return -ENOMEM;
    chunk = find_chunk(outbox, span);
    if (!chunk)
        return -ENOMEM;
    at = chunk->bytes + chunk->end;
    if (fd >= 0)
        outbox->tickets[outbox->ticket_end++] =
            (em__ticket){ fd, head, at, outbox->end };
    em__frame_write_head(at, &head);
    if (size > 0)
        memcpy(at + EM__FRAME_HEAD, data, size);
    memset(at + EM__FRAME_HEAD + size, 0, em__frame_padding(size));
    chunk->end += span;
    outbox->end += span;
    return 0;
}

/* --- out --- */

/* The next one that has no place yet; NULL: none. */
static em__ticket *next_ticket(em__outbox *outbox, size_t after)
{
    size_t i = outbox->ticket_first + after;

    return i < outbox->ticket_end ? &outbox->tickets[i] : NULL;
}

/* Only if its first frame is next. */
static void pack_descriptors(em__outbox *outbox, unsigned max,
                             em__parcel *parcel)
{
    em__ticket *ticket = next_ticket(outbox, 0);
    unsigned i;

    parcel->fd_count = 0;
    if (!ticket || ticket->position != outbox->sent)
        return;
    while (parcel->fd_count < max &&
           (ticket = next_ticket(outbox, parcel->fd_count)))
        parcel->fds[parcel->fd_count++] = ticket->fd;
    for (i = 0; i < parcel->fd_count; i++) {
        ticket = next_ticket(outbox, i);
        assert(ticket); /* as a moment ago */
        ticket->head.index = i;
        ticket->head.count = parcel->fd_count;
        em__frame_write_head(ticket->frame, &ticket->head);
    }
}

void em__outbox_pack(em__outbox *outbox, unsigned max_fds, em__parcel *parcel)
{
    const em__ticket *stop;
    em__chunk *chunk = outbox->first;
    size_t left, part, i;

    pack_descriptors(outbox, max_fds, parcel);
    stop = next_ticket(outbox, parcel->fd_count);
    left = (size_t)((stop ? stop->position : outbox->end) - outbox->sent);
    for (i = 0; i < EM__OUTBOX_PARTS && left > 0; i++, chunk = chunk->next) {
        part = chunk->end - chunk->sent;
        if (part > left)
            part = left;
        parcel->parts[i].iov_base = chunk->bytes + chunk->sent;
        parcel->parts[i].iov_len = part;
        left -= part;
    }
    parcel->part_count = i;
}

void em__outbox_took(em__outbox *outbox, const em__parcel *parcel, size_t size)
{
    unsigned i;
    size_t part;

    for (i = 0; i < parcel->fd_count; i++)
        drop_ticket(outbox);
    outbox->sent += size;
    while (size > 0) {
        part = outbox->first->end - outbox->first->sent;
        if (part > size) {
            outbox->first->sent += size;
            return;
        }
        drop_first_chunk(outbox);
        size -= part;
    }
}

bool em__outbox_withdraw(em__outbox *outbox)
{
    em__ticket *ticket = next_ticket(outbox, 0);
    em__head head;

    if (!ticket || ticket->position != outbox->sent)
        return false;
    head = (em__head){ .type = EM__FRAME_VOID, .size = ticket->head.size };
    em__frame_write_head(ticket->frame, &head);
    drop_ticket(outbox);
    return true;
}
