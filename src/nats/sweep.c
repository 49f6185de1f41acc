/* SPDX-License-Identifier: MIT */
/* Sweep: remove what was acknowledged and is in the queue all the same.
 *
 * A work queue removes a message when it is acknowledged.  In a cluster each
 * server does so for itself, and in nats-server 2.9.10 one that learnt of the
 * acknowledgements by a snapshot does not (its #3970): should it lead then, its
 * messages stay for ever, though nobody gets them again.  So every server of a
 * subject looks from time to time for messages below the number up to which
 * the consumer has all acknowledgements, and deletes them, one by one.
 *
 * Where one of those deliveries that it waits for is of a message that is gone,
 * it waits on, until the first message in the queue is behind that.  Hence a
 * sweep that found something is soon followed by another.
 *
 * To purge them would be one request, but the server forgets thereby what is
 * delivered and not acknowledged yet, and it would not come again.
 *
 * Only where the stream is one of our own making: who made it to keep what was
 * acknowledged wants it kept. */

#include <config.h>

#include <stdlib.h>

#include "nats/durable.h"

enum {
    EVERY_MS = 30000,
    AGAIN_MS = 5000 /* after one that found something */
};

static uint64_t now(const em__nats_queue *q)
{
    return em_loop_now(q->nats->loop);
}

static void ask(em__nats_queue *q, em__nats_sweep what, char *subject,
                char *body)
{
    char *reply = em__js_print("%s.sweep.%u", q->inbox, ++q->swept);

    q->sweep = what;
    em__js_ask(q->nats, subject, reply, body);
    free(reply);
}

static void ask_floor(em__nats_queue *q)
{
    ask(q, EM__NATS_SWEEP_FLOOR,
        em__js_print("$JS.API.CONSUMER.INFO.%s.%s", q->stream, q->consumer),
        em__js_print("{}"));
}

static void ask_next(em__nats_queue *q)
{
    ask(q, EM__NATS_SWEEP_NEXT,
        em__js_print("$JS.API.STREAM.MSG.GET.%s", q->stream),
        em__js_print("{\"seq\":%llu,\"next_by_subj\":\"%s\"}",
                     (unsigned long long)q->next, q->subject));
}

static void ask_delete(em__nats_queue *q)
{
    ask(q, EM__NATS_SWEEP_DELETE,
        em__js_print("$JS.API.STREAM.MSG.DELETE.%s", q->stream),
        em__js_print("{\"seq\":%llu,\"no_erase\":true}",
                     (unsigned long long)q->next));
}

/* With nothing to be acknowledged, all that was delivered is. */
static void on_floor(em__nats_queue *q, natsMsg *message)
{
    bool all = em__js_number(message, NULL, "num_ack_pending") == 0;

    q->floor =
        em__js_number(message, all ? "delivered" : "ack_floor", "stream_seq");
    q->next = 1;
    if (q->floor > 0)
        ask_next(q);
}

static void on_next(em__nats_queue *q, natsMsg *message)
{
    uint64_t number = em__js_number(message, "message", "seq");

    if (number < q->next || number > q->floor)
        return;
    q->next = number;
    if (!em__nats_table_first(&q->table, number)) {
        ask_delete(q);
        return;
    }
    q->next++; /* the acknowledgement is on its way */
    ask_next(q);
}

/* Whatever ends a sweep, the next one begins anew. */
void em__nats_queue_swept(em__nats_queue *q, uint64_t number, natsMsg *message)
{
    em__js_answer answer;

    if (number != q->swept || em__nats_queue_is_ending(q))
        return;
    if (q->sweep == EM__NATS_SWEEP_DELETE) { /* by us, or by another server */
        q->sweep_at = now(q) + AGAIN_MS;
        q->next++;
        ask_next(q);
        return;
    }
    em__js_read_answer(message, &answer);
    if (answer.error < 0)
        return;
    if (q->sweep == EM__NATS_SWEEP_FLOOR)
        on_floor(q, message);
    else
        on_next(q, message);
}

void em__nats_queue_sweep(em__nats_queue *q)
{
    if (!q->own || q->step < EM__NATS_STEP_READY ||
        em__nats_queue_is_ending(q) || now(q) < q->sweep_at)
        return;
    q->sweep_at = now(q) + EVERY_MS;
    ask_floor(q);
}
