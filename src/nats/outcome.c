/* SPDX-License-Identifier: MIT */
/* Outcome: what becomes of a delivery: a result or a dead letter, on its way to
 * where it is safe.
 *
 * It is sent again until somebody says that it has it: a stream, or the caller
 * that a result is handed to.  One that does not say so at once may be away,
 * and then the result is stored like any other.
 *
 * Results carry no id by which JetStream would store them once: one that is
 * there twice does no harm, but one that JetStream has lost, and still knows
 * the id of, could not be stored again. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/durable.h"

enum { STORE_MS = 1000 }; /* until it is tried again */

typedef em__nats_delivery delivery;

static uint64_t now(const delivery *d)
{
    return em_loop_now(d->queue->nats->loop);
}

static void store(delivery *d)
{
    d->asked_at = now(d);
    (void)em__nats_offer(d->queue->nats, d->out);
}

static const char *reply_subject(const delivery *d, char room[EM__JS_INBOX])
{
    (void)snprintf(room, EM__JS_INBOX, "%s.store.%llu", d->queue->inbox,
                   (unsigned long long)d->node.key);
    return room;
}

static int make_result(delivery *d, int status, const em_nats_bytes *bytes)
{
    em__nats_frame frame = { .kind = EM__NATS_RESULT,
                             .status = status,
                             .data = bytes->data,
                             .size = bytes->size };
    char room[EM__JS_INBOX];

    return em__js_new_message(d->queue->nats, &frame, d->result,
                              reply_subject(d, room), &d->out);
}

static void hand_over(delivery *d)
{
    d->handed = true;
    d->asked_at = now(d);
    em__nats_hand_over(
        d->queue, d->hand,
        &(em__nats_hand){ d->call, d->node.key, natsMsg_GetData(d->out),
                          (size_t)natsMsg_GetDataLength(d->out) });
}

/* Its caller has not said that it has it, and may be away. */
static void store_instead(delivery *d)
{
    d->handed = false;
    store(d);
}

/* Without memory for it the job comes again. */
void em__nats_delivery_result(delivery *d, int status,
                              const em_nats_bytes *bytes)
{
    size_t largest = atomic_load(&d->queue->nats->largest);
    int r;

    if (!d->result) {
        em__nats_delivery_finish(d, true);
        return;
    }
    if (bytes->size > largest || largest - bytes->size < EM__NATS_AROUND)
        r = make_result(d, -EMSGSIZE, &(em_nats_bytes){ .size = 0 });
    else
        r = make_result(d, status, bytes);
    if (r < 0)
        em__nats_delivery_finish(d, false);
    else if (d->hand)
        hand_over(d);
    else
        store(d);
}

static int make_dead_letter(delivery *d)
{
    em__nats_queue *q = d->queue;
    const char *job = natsMsg_GetSubject(d->letter);
    char *subject = em__js_print("%s.dead.%s", q->stream,
                                 job + strlen(q->stream) + strlen(".job."));
    char room[EM__JS_INBOX];
    natsStatus s = NATS_NO_MEMORY;

    if (subject)
        s = natsMsg_Create(&d->out, subject, reply_subject(d, room),
                           natsMsg_GetData(d->letter),
                           natsMsg_GetDataLength(d->letter));
    free(subject);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(d->out, EM__NATS_ID, d->id);
    return em__nats_errno(s);
}

void em__nats_delivery_bury(delivery *d)
{
    d->dead = true;
    if (make_dead_letter(d) < 0)
        em__nats_delivery_finish(d, false);
    else
        store(d);
}

static void buried(delivery *d)
{
    em_nats *nats = d->queue->nats;
    char *id = strdup(d->id);

    d->buried = true;
    natsMsg_Destroy(d->out);
    d->out = NULL;
    em__nats_delivery_result(d, -ECONNABORTED, &(em_nats_bytes){ .size = 0 });
    em__nats_error(nats, -ECONNABORTED, "a job was given up", id);
    free(id);
}

static void stored(delivery *d)
{
    em_nats *nats = d->queue->nats;
    natsMsg *result = d->out;

    d->out = NULL;
    em__nats_delivery_finish(d, true);
    em__nats_tasks_hear(nats, result); /* the last, since it calls users */
    natsMsg_Destroy(result);
}

void em__nats_delivery_answered(em__nats_queue *q, uint64_t number,
                                natsMsg *message)
{
    em__nats_node *node = em__nats_table_first(&q->table, number);
    delivery *d = node ? em__container(node, delivery, node) : NULL;
    em__js_answer answer;

    if (!d || !d->out)
        return;
    em__js_read_answer(message, &answer);
    if (answer.error == -EHOSTUNREACH)
        em__nats_queue_unready(q);
    if (answer.error < 0)
        return; /* the tick tries again */
    if (d->dead && !d->buried)
        buried(d);
    else
        stored(d);
}

void em__nats_delivery_confirmed(em__nats_queue *q, uint64_t number)
{
    em__nats_node *node = em__nats_table_first(&q->table, number);
    delivery *d = node ? em__container(node, delivery, node) : NULL;

    if (d && d->out && (!d->dead || d->buried))
        stored(d);
}

/* --- again --- */

void em__nats_delivery_remind(delivery *d, bool again)
{
    if (!again && d->asked_at + STORE_MS > now(d))
        return;
    if (d->handed)
        store_instead(d);
    else
        store(d);
}

void em__nats_deliveries_unheard(em__nats_queue *q)
{
    em__list *node;

    for (node = q->deliveries.next; node != &q->deliveries; node = node->next) {
        if (em__container(node, delivery, link)->handed)
            store_instead(em__container(node, delivery, link));
    }
}
