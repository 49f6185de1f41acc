/* SPDX-License-Identifier: MIT */
/* Inbox: frames out of what was received. */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/inbox.h"

enum { GROWTH = 4 }; /* of a body, each time it is full */

/* Descriptors that came together. */
typedef struct batch {
    int fds[EM__FRAME_BATCH];
    unsigned received; /* of them */
    unsigned count;    /* sent, as the first frame tells; 0: not known yet */
    unsigned next;     /* to be given to its frame */
    bool truncated;
    bool present;
} batch;

struct em__inbox {
    size_t limit;
    size_t start, end; /* of what is in the buffer and not found yet */
    size_t skip;       /* bytes still to come that nobody wants */
    batch using, arrived;
    unsigned char *body; /* of a frame that is longer than the buffer */
    size_t filled, room; /* of it; its span without the head is: */
    size_t whole;
    em__frame frame; /* that the body is for */
    bool given;      /* and was given to the caller */
    _Alignas(EM__FRAME_HEAD) unsigned char buffer[];
};

static const em__frame no_frame = { .fd = -1 };

static void close_one(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static void close_batch(batch *it)
{
    if (it->present)
        for (; it->next < it->received; it->next++)
            close_one(it->fds[it->next]);
    it->present = false;
}

int em__inbox_new(size_t limit, em__inbox **ret)
{
    em__inbox *inbox = em__malloc(sizeof(*inbox) + EM__INBOX_BUFFER);

    if (!inbox)
        return -ENOMEM;
    *inbox = (em__inbox){ .limit = limit, .frame = no_frame };
    *ret = inbox;
    return 0;
}

static void drop_body(em__inbox *inbox)
{
    if (!inbox->given)
        close_one(inbox->frame.fd);
    em__free(inbox->body);
    inbox->body = NULL;
    inbox->frame = no_frame;
    inbox->given = false;
}

void em__inbox_free(em__inbox *inbox)
{
    if (!inbox)
        return;
    close_batch(&inbox->using);
    close_batch(&inbox->arrived);
    drop_body(inbox);
    em__free(inbox);
}

void em__inbox_disown(em__inbox *inbox)
{
    inbox->using.present = inbox->arrived.present = false;
    inbox->frame.fd = -1;
}

bool em__inbox_is_between(const em__inbox *inbox)
{
    return inbox->start == inbox->end && inbox->skip == 0 &&
           (!inbox->body || inbox->given);
}

/* --- bytes --- */

/* A frame that is not longer than the buffer has room in it once it begins at
 * its start; the head is a multiple of the alignment, and so is every span.
 * What is to be passed by leaves the frame after it at such an address. */
static void move_to_start(em__inbox *inbox)
{
    if (inbox->skip > 0) {
        inbox->start = inbox->end = em__frame_padding(inbox->skip);
        return;
    }
    if (inbox->start > 0 && inbox->end > inbox->start)
        memmove(inbox->buffer, inbox->buffer + inbox->start,
                inbox->end - inbox->start);
    inbox->end -= inbox->start;
    inbox->start = 0;
}

size_t em__inbox_room(em__inbox *inbox, struct iovec room[EM__INBOX_ROOMS],
                      size_t *total)
{
    size_t n = 0;

    *total = 0;
    move_to_start(inbox);
    if (inbox->body && !inbox->given) {
        *total = inbox->room - inbox->filled;
        room[n++] = (struct iovec){ inbox->body + inbox->filled, *total };
        if (inbox->room < inbox->whole)
            return n;
    }
    room[n].iov_base = inbox->buffer + inbox->end;
    room[n].iov_len = EM__INBOX_BUFFER - inbox->end;
    *total += room[n].iov_len;
    return n + 1;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void count_bytes(em__inbox *inbox, size_t size)
{
    size_t part = 0;

    if (inbox->body && !inbox->given) {
        part = least(size, inbox->room - inbox->filled);
        inbox->filled += part;
    }
    inbox->end += size - part;
}

/* --- descriptors --- */

int em__inbox_add(em__inbox *inbox, size_t size, const int *fds, size_t count,
                  bool truncated)
{
    batch *into = inbox->using.present ? &inbox->arrived : &inbox->using;
    batch fresh = { .truncated = truncated, .present = true };

    count_bytes(inbox, size);
    if (count == 0 && !truncated)
        return 0;
    for (; fresh.received < count && fresh.received < EM__FRAME_BATCH;
         fresh.received++)
        fresh.fds[fresh.received] = fds[fresh.received];
    if (count > EM__FRAME_BATCH || into->present) {
        close_batch(&fresh);
        for (; count > EM__FRAME_BATCH; count--)
            close_one(fds[count - 1]);
        return -EPROTO;
    }
    *into = fresh;
    return 0;
}

/* The first frame of a batch tells how many there are: all of them came, or it
 * was truncated and some did not. */
static int begin_batch(batch *it, const em__head *head)
{
    bool all = it->received == head->count;

    if (!it->present || head->index != 0 || it->count != 0 ||
        it->received > head->count || all == it->truncated)
        return -EPROTO;
    it->count = head->count;
    return 0;
}

/* What a frame with that head gets; -1: it has none, or it was lost. */
static int take_descriptor(em__inbox *inbox, const em__head *head, int *ret)
{
    batch *it = &inbox->using;

    *ret = -1;
    if (head->count == 0)
        return 0;
    if ((!it->present || it->count == 0) && begin_batch(it, head) < 0)
        return -EPROTO;
    if (head->index != it->next || head->count != it->count)
        return -EPROTO;
    if (it->next < it->received)
        *ret = it->fds[it->next];
    if (++it->next == it->count) {
        inbox->using = inbox->arrived;
        inbox->arrived.present = false;
    }
    return 0;
}

/* All that came was looked at; so every frame of the batch before the one that
 * came last must have been there. */
static int rest(const em__inbox *inbox)
{
    return inbox->arrived.present ? -EPROTO : EM__INBOX_EMPTY;
}

/* --- frames --- */

static void pass_by(em__inbox *inbox)
{
    size_t part = least(inbox->skip, inbox->end - inbox->start);

    inbox->skip -= part;
    inbox->start += part;
}

/* Make the body hold GROWTH times what there is of it. */
static int grow_body(em__inbox *inbox, size_t have)
{
    size_t room = inbox->whole;
    unsigned char *body;

    if (have < room / GROWTH)
        room = have * GROWTH;
    body = em__realloc(inbox->body, room);
    if (!body)
        return -ENOMEM;
    if (room == inbox->whole)
        em__expect_all(body, room);
    inbox->body = body;
    inbox->room = room;
    return 0;
}

static int give_up_body(em__inbox *inbox)
{
    inbox->skip = inbox->whole - inbox->filled;
    drop_body(inbox);
    return EM__INBOX_NO_MEMORY;
}

/* The head of a long frame was found, and all that is in the buffer is of it.
 */
static int begin_body(em__inbox *inbox, const em__frame *frame)
{
    size_t have = inbox->end - inbox->start;

    inbox->frame = *frame;
    inbox->whole = em__frame_span(frame->size) - EM__FRAME_HEAD;
    inbox->filled = have;
    if (grow_body(inbox, have > EM__INBOX_BUFFER / GROWTH
                             ? have
                             : EM__INBOX_BUFFER / GROWTH) < 0) {
        inbox->start = inbox->end;
        return give_up_body(inbox);
    }
    memcpy(inbox->body, inbox->buffer + inbox->start, have);
    inbox->start = inbox->end;
    return EM__INBOX_EMPTY;
}

/* The body's frame, if it is complete. */
static int look_at_body(em__inbox *inbox, em__frame *ret)
{
    if (inbox->filled == inbox->whole) {
        inbox->frame.data = inbox->body;
        *ret = inbox->frame;
        inbox->given = true;
        return EM__INBOX_FRAME;
    }
    if (inbox->filled == inbox->room && grow_body(inbox, inbox->filled) < 0)
        return give_up_body(inbox);
    return rest(inbox);
}

/* The frame whose head is at the start of the buffer, and is complete or longer
 * than the buffer. */
static int take(em__inbox *inbox, const em__head *head, em__frame *ret)
{
    size_t span = em__frame_span(head->size);
    em__frame frame = { .type = head->type, .size = head->size };
    int r = take_descriptor(inbox, head, &frame.fd);

    if (r < 0)
        return r;
    inbox->start += EM__FRAME_HEAD;
    frame.data = inbox->buffer + inbox->start;
    if (frame.type == EM__FRAME_VOID || (head->count > 0 && frame.fd < 0)) {
        close_one(frame.fd);
        inbox->skip = span - EM__FRAME_HEAD;
        return frame.type == EM__FRAME_VOID ? EM__INBOX_EMPTY
                                            : EM__INBOX_NO_DESCRIPTOR;
    }
    if (span > EM__INBOX_BUFFER)
        return begin_body(inbox, &frame);
    inbox->start += span - EM__FRAME_HEAD;
    *ret = frame;
    return EM__INBOX_FRAME;
}

int em__inbox_next(em__inbox *inbox, em__frame *ret)
{
    em__head head;
    size_t span, have;
    int r = EM__INBOX_EMPTY;

    if (inbox->given)
        drop_body(inbox);
    while (r == EM__INBOX_EMPTY) {
        if (inbox->body)
            return look_at_body(inbox, ret);
        pass_by(inbox);
        have = inbox->end - inbox->start;
        if (have < EM__FRAME_HEAD)
            return rest(inbox);
        r = em__frame_read_head(inbox->buffer + inbox->start, inbox->limit,
                                &head);
        if (r < 0)
            return r;
        span = em__frame_span(head.size);
        if (span > have && span <= EM__INBOX_BUFFER)
            return rest(inbox);
        r = take(inbox, &head, ret);
    }
    return r;
}
