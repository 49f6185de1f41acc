/* SPDX-License-Identifier: MIT */
/* Hand: results on their way to their callers, without a stream.
 *
 * Those that come out in one turn of the loop for one caller go in one message,
 * and the caller confirms them with one: a message costs each of three programs
 * about as much as the rest of a small job does.
 *
 * Each has two numbers of 64 bits and one of 32, the lowest byte first: that of
 * the call, that of the delivery, and how long the result is, which follows. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "nats/durable.h"

enum {
    NUMBER = 8,
    LENGTH = 4,
    HEAD = 2 * NUMBER + LENGTH,
    FULL = 32 * 1024 /* from this much on what follows goes by itself */
};

/* --- what is in a message --- */

static void put(unsigned char *bytes, uint64_t number, int size)
{
    int i;

    for (i = 0; i < size; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
}

static uint64_t get(const unsigned char *bytes, int size)
{
    uint64_t number = 0;
    int i;

    for (i = 0; i < size; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

int em__nats_hand_append(em_nats_buffer *buffer, const em__nats_hand *hand)
{
    size_t used = buffer->used;
    unsigned char head[HEAD];
    int r;

    put(head, hand->call, NUMBER);
    put(head + NUMBER, hand->delivery, NUMBER);
    put(head + NUMBER + NUMBER, hand->size, LENGTH);
    r = em_nats_append(buffer, head, sizeof(head));
    if (r == 0)
        r = em_nats_append(buffer, hand->result, hand->size);
    if (r < 0)
        buffer->used = used;
    return r;
}

static void skip(em_nats_bytes *rest, size_t size)
{
    rest->data = (const char *)rest->data + size;
    rest->size -= size;
}

bool em__nats_hand_take(em_nats_bytes *rest, em__nats_hand *ret)
{
    const unsigned char *head = rest->data;
    em__nats_hand hand;

    if (rest->size < HEAD)
        return false;
    hand.call = get(head, NUMBER);
    hand.delivery = get(head + NUMBER, NUMBER);
    hand.size = get(head + NUMBER + NUMBER, LENGTH);
    hand.result = head + HEAD;
    if (rest->size - HEAD < hand.size)
        return false;
    skip(rest, HEAD + hand.size);
    *ret = hand;
    return true;
}

/* Of this kind; else there is nothing in it. */
static em_nats_bytes data_of(natsMsg *message, em__nats_kind kind)
{
    em__nats_frame frame;

    if (em__nats_frame_read(natsMsg_GetData(message),
                            (size_t)natsMsg_GetDataLength(message),
                            &frame) < 0 ||
        frame.kind != kind)
        return (em_nats_bytes){ "", 0, NULL };
    return (em_nats_bytes){ frame.data, frame.size, NULL };
}

static int begin(em_nats_buffer *buffer, em__nats_kind kind)
{
    const em__nats_frame frame = { .kind = kind };
    unsigned char head[EM__NATS_HEAD];

    buffer->used = 0;
    return em_nats_append(buffer, head, em__nats_frame_head(&frame, head));
}

/* --- the side of a server --- */

/* What does not leave is stored, a second later. */
static void flush(em__nats_queue *q)
{
    char reply[EM__JS_INBOX];

    if (q->handing.used == 0)
        return;
    (void)snprintf(reply, sizeof(reply), "%s.hand.to.all", q->inbox);
    if (em_nats_is_connected(q->nats))
        (void)em__nats_answer(q->nats, q->hand_to, reply, q->handing.bytes,
                              q->handing.used);
    q->handing.used = 0;
}

static void flush_deferred(em_loop *loop, void *data)
{
    em__nats_queue *q = data;

    (void)loop;
    q->hand_deferred = false;
    if (!q->gone)
        flush(q);
    em__nats_queue_left(q);
}

static void defer(em__nats_queue *q)
{
    if (q->hand_deferred)
        return;
    if (em_loop_defer(q->nats->loop, flush_deferred, q) < 0) {
        flush(q);
        return;
    }
    q->hand_deferred = true;
    q->inside++;
}

void em__nats_hand_over(em__nats_queue *q, const char *to,
                        const em__nats_hand *hand)
{
    if (strcmp(q->hand_to, to) != 0 || q->handing.used + hand->size > FULL)
        flush(q);
    if (q->handing.used == 0) {
        (void)snprintf(q->hand_to, sizeof(q->hand_to), "%s", to);
        if (begin(&q->handing, EM__NATS_HANDS) < 0)
            return;
    }
    if (em__nats_hand_append(&q->handing, hand) == 0)
        defer(q);
}

/* A listener may end the queue meanwhile, which then has no deliveries. */
void em__nats_hands_confirmed(em__nats_queue *q, natsMsg *message)
{
    em_nats_bytes rest = data_of(message, EM__NATS_HAVE);

    for (; rest.size >= NUMBER; skip(&rest, NUMBER))
        em__nats_delivery_confirmed(q, get(rest.data, NUMBER));
}

/* --- the side of a caller --- */

static int append_numbers(em_nats_buffer *buffer, em_nats_bytes rest)
{
    unsigned char number[NUMBER];
    em__nats_hand hand;
    int r = 0;

    while (r == 0 && em__nats_hand_take(&rest, &hand)) {
        put(number, hand.delivery, NUMBER);
        r = em_nats_append(buffer, number, sizeof(number));
    }
    return r;
}

/* Their server may forget them, also where the call has ended meanwhile. */
static void confirm(em_nats *nats, const char *reply, em_nats_bytes hands)
{
    em_nats_buffer *b = &nats->scratch;

    if (em__nats_is_subject(reply, false) && begin(b, EM__NATS_HAVE) == 0 &&
        append_numbers(b, hands) == 0)
        (void)em__nats_answer(nats, reply, NULL, b->bytes, b->used);
}

/* First, since what comes of them may end the connection. */
void em__nats_hands_taken(em_nats *nats, natsMsg *message)
{
    em_nats_bytes rest = data_of(message, EM__NATS_HANDS);
    em__nats_hand hand;

    confirm(nats, natsMsg_GetReply(message), rest);
    while (em__nats_hand_take(&rest, &hand))
        em__nats_task_handed(nats, &hand);
}
