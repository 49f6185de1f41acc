/* SPDX-License-Identifier: MIT */
/* Delivery: a job that a server pulled, from there to its acknowledgement.
 *
 * While it runs, or its result is being stored, the consumer is told so before
 * it gives the job to somebody else.  Should it do so all the same, because
 * the loop or the network was held up, and give it to us, then the delivery
 * goes on and acknowledges the later one.
 *
 * One that was delivered too often is not run: it is stored as a dead letter,
 * then -ECONNABORTED is stored as its result, then it is acknowledged. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/durable.h"
#include "nats/job.h"

typedef em__nats_delivery delivery;

static uint64_t now(const delivery *d)
{
    return em_loop_now(d->queue->nats->loop);
}

/* Words of acknowledgement; one that is lost has the job come again. */
static void say(em__nats_queue *q, const char *ack, const char *word)
{
    (void)em__nats_answer(q->nats, ack, NULL, word, strlen(word));
}

/* Somebody else may have it, once our own pulls are over. */
static void give_back(em__nats_queue *q, const char *ack)
{
    char word[64];

    (void)snprintf(word, sizeof(word), "-NAK {\"delay\":%llu000000}",
                   (unsigned long long)(q->pull_ms + q->pull_ms / 4));
    say(q, ack, word);
}

static void free_delivery(delivery *d)
{
    em__nats_table_remove(&d->queue->table, &d->node);
    em__list_remove(&d->link);
    d->queue->count--;
    natsMsg_Destroy(d->out);
    natsMsg_Destroy(d->letter);
    free(d->renewed);
    free(d);
}

void em__nats_delivery_finish(delivery *d, bool done)
{
    em__nats_queue *q = d->queue;

    if (done)
        say(q, d->ack, "+ACK");
    else
        give_back(q, d->ack);
    free_delivery(d);
    em__nats_queue_pull(q);
}

/* --- running --- */

/* Never ran, since its pool ends: somebody else may have it. */
static void on_end(em__nats_job *job, int status)
{
    delivery *d = job->context;
    em_nats_bytes bytes = em__nats_job_result(job);

    if (!d) /* given back */
        return;
    d->job = NULL;
    if (status == -ESHUTDOWN)
        em__nats_delivery_finish(d, false);
    else
        em__nats_delivery_result(d, status, &bytes);
}

static const em__nats_job_kind durable_kind = { .end = on_end };

static int make_job(delivery *d, const em__nats_letter *letter,
                    em__nats_job **ret)
{
    em__nats_queue *q = d->queue;
    const char *subject = natsMsg_GetSubject(d->letter);
    em_nats_job given = { .data = letter->data,
                          .size = letter->size,
                          .subject =
                              subject + strlen(q->stream) + strlen(".job."),
                          .id = d->id,
                          .attempt = d->times };
    int r = em__nats_job_new(q->service, &durable_kind, &given, NULL, ret);

    if (r == 0)
        (*ret)->context = d;
    return r;
}

static int read_letter(natsMsg *message, em__nats_letter *ret)
{
    return em__nats_letter_read(natsMsg_GetData(message),
                                (size_t)natsMsg_GetDataLength(message), ret);
}

/* A pool that takes none now may take it later, on a tick. */
static void try_to_run(delivery *d)
{
    em__nats_letter letter;
    em__nats_job *job;

    if (read_letter(d->letter, &letter) < 0) {
        em__nats_delivery_bury(d);
        return;
    }
    if (make_job(d, &letter, &job) < 0)
        return;
    d->job = job;
    if (em__nats_job_start(job) < 0) {
        d->job = NULL;
        em__nats_job_free(job);
    }
}

/* --- coming --- */

/* It was thought to be lost; it is not. */
static void renew(delivery *d, const char *ack)
{
    char *own = strdup(ack);

    if (!own)
        return;
    free(d->renewed);
    d->ack = d->renewed = own;
    d->told_at = now(d);
    say(d->queue, ack, "+WPI");
}

/* Results go where results go, whoever asks. */
static const char *result_subject(const em__nats_queue *q, const char *subject)
{
    size_t length = strlen(q->stream);

    return em__nats_is_subject(subject, false) &&
                   strncmp(subject, q->stream, length) == 0 &&
                   strncmp(subject + length, ".result.", 8) == 0
               ? subject
               : NULL;
}

/* To no subject but a caller's own. */
static const char *hand_subject(const char *subject)
{
    return em__nats_is_subject(subject, false) &&
                   strncmp(subject, "_INBOX.", 7) == 0 &&
                   strlen(subject) < EM__JS_INBOX
               ? subject
               : NULL;
}

/* Takes the message, also one that is no letter, which is buried then. */
static delivery *new_delivery(em__nats_queue *q, natsMsg *message,
                              uint64_t sequence, unsigned times)
{
    em__nats_letter letter = { "", "", "", NULL, 0 };
    bool bad = read_letter(message, &letter) < 0;
    const char *id = bad || !*letter.id ? natsMsg_GetReply(message) : letter.id;
    size_t length = strlen(id) + 1;
    delivery *d = calloc(1, sizeof(*d) + length);

    if (!d)
        return NULL;
    d->ack = natsMsg_GetReply(message);
    memcpy(d->id, id, length);
    d->queue = q;
    d->letter = message;
    d->result = result_subject(q, letter.result);
    d->hand = d->result ? hand_subject(letter.hand) : NULL;
    d->call = d->result ? em__js_last_number(d->result) : 0;
    d->times = times;
    d->told_at = now(d);
    if (em__nats_table_add(&q->table, &d->node, sequence) < 0) {
        free(d);
        return NULL;
    }
    em__list_append(&q->deliveries, &d->link);
    q->count++;
    return d;
}

/* One that is here already came again because it was thought to be lost, or
 * because nats-server 2.9.10 gives a job twice where it found only pulls of
 * clients that have gone. */
void em__nats_deliver_job(em__nats_queue *q, em__nats_sub *sub,
                          natsMsg *message)
{
    const char *ack = natsMsg_GetReply(message);
    em__nats_node *node;
    delivery *d;
    uint64_t sequence;
    unsigned times;

    if (!em__js_read_ack(ack, &times, &sequence))
        return;
    node = em__nats_table_first(&q->table, sequence);
    if (node) {
        renew(em__container(node, delivery, node), ack);
        return;
    }
    if (em__nats_queue_is_ending(q)) {
        give_back(q, ack);
        return;
    }
    d = new_delivery(q, message, sequence, times);
    if (!d)
        return; /* it comes again */
    sub->keeps = true;
    if (times > q->attempts)
        em__nats_delivery_bury(d);
    else
        try_to_run(d);
}

/* --- time --- */

static void tick(delivery *d, bool again)
{
    em__nats_queue *q = d->queue;

    if (again || d->told_at + q->ack_ms / 3 <= now(d)) {
        d->told_at = now(d);
        say(q, d->ack, "+WPI");
    }
    if (d->out)
        em__nats_delivery_remind(d, again);
    else if (!d->job)
        try_to_run(d);
}

void em__nats_deliveries_tick(em__nats_queue *q, bool again)
{
    em__list *node, *after;

    em__list_each_safe(&q->deliveries, node, after)
        tick(em__container(node, delivery, link), again);
}

/* --- the end --- */

void em__nats_deliveries_leave(em__nats_queue *q)
{
    em__list *node, *after;

    em__list_each_safe(&q->deliveries, node, after) {
        delivery *d = em__container(node, delivery, link);

        give_back(q, d->ack);
        if (d->job)
            d->job->context = NULL;
        free_delivery(d);
    }
}
