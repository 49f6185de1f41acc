/* SPDX-License-Identifier: MIT */
/* Queue: a durable service: its streams, its consumer, and its pulls.
 *
 * All who serve a subject share one consumer, which gives each job to one of
 * them.
 *
 * Two pulls take turns, so that what is freed while one is under way is asked
 * for by the other.  Each has a subscription of its own: a job comes with its
 * own subject, and only by the subscription is it known who asked for it. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/durable.h"
#include "nats/job.h"

enum {
    PULL_MS = 2000, /* an idle pull; then it is made anew */
    LATE_MS = 1500, /* after which its end is lost */
    STEP_MS = 1000, /* until a step is tried again */
    TICK_MAX_MS = 500,
    LIMIT = 64,
    ATTEMPTS = 5,
    ACK_MS = 10000,
    KEEP_MS = 600000
};

static uint64_t now(const em__nats_queue *q)
{
    return em_loop_now(q->nats->loop);
}

bool em__nats_queue_is_ending(const em__nats_queue *q)
{
    return q->gone || q->service->unserved ||
           q->nats->state >= EM__NATS_CLOSING;
}

static void free_queue(em__nats_queue *q)
{
    em__nats_table_free(&q->table);
    em__nats_buffer_free(&q->handing);
    free(q->pulls[0].inbox);
    free(q->pulls[1].inbox);
    free(q->stream);
    free(q->subject);
    free(q->consumer);
    free(q->inbox);
    free(q);
}

/* A listener of the connection may end it, and with it the queue, while the
 * queue is at work. */
void em__nats_queue_left(em__nats_queue *q)
{
    if (--q->inside == 0 && q->freed)
        free_queue(q);
}

/* --- answers --- */

static void on_unheard(em__nats_sub *sub)
{
    em__nats_queue *q = sub->data;
    em__js_answer answer = { .error = -EHOSTUNREACH,
                             .what = "no JetStream answers" };

    q->inside++;
    if (q->step < EM__NATS_STEP_READY)
        em__nats_queue_refused(q, &answer);
    else
        em__nats_queue_unready(q);
    em__nats_queue_left(q);
}

void em__nats_queue_unready(em__nats_queue *q)
{
    if (q->step < EM__NATS_STEP_READY)
        return;
    q->step = EM__NATS_STEP_JOBS;
    q->unready = now(q);
    q->asked_at = now(q); /* in a while: a leader may be elected just now */
}

static void on_answer(em__nats_sub *sub, natsMsg *message)
{
    em__nats_queue *q = sub->data;
    const char *subject = natsMsg_GetSubject(message);
    const char *token = strrchr(subject, '.');
    uint64_t number = strtoull(token + 1, NULL, 10);

    q->inside++;
    if (strstr(subject, ".hand."))
        em__nats_hands_confirmed(q, message);
    else if (strstr(subject, ".sweep."))
        em__nats_queue_swept(q, number, message);
    else if (!strstr(subject, ".step."))
        em__nats_delivery_answered(q, number, message);
    else if (number == q->round && q->step < EM__NATS_STEP_READY)
        em__nats_queue_stepped(q, message);
    em__nats_queue_left(q);
}

/* --- pulls --- */

/* Those of a server that dies outlive it, and nats-server 2.9.10 loses count of
 * a job's deliveries where it finds only such ones.  So they end before what it
 * had is delivered again. */
static void pull(em__nats_queue *q, em__nats_pull *p, unsigned count)
{
    p->wanted = count;
    p->until = now(q) + q->pull_ms + LATE_MS;
    em__js_ask(
        q->nats,
        em__js_print("$JS.API.CONSUMER.MSG.NEXT.%s.%s", q->stream, q->consumer),
        p->inbox,
        em__js_print("{\"batch\":%u,\"expires\":%llu}", count,
                     (unsigned long long)q->pull_ms * EM__JS_MS));
}

static void pull_some(em__nats_queue *q, unsigned least)
{
    unsigned taken = q->count + q->pulls[0].wanted + q->pulls[1].wanted;
    int i;

    if (q->step < EM__NATS_STEP_READY || em__nats_queue_is_ending(q) ||
        taken >= q->limit || q->limit - taken < least ||
        !em_nats_is_connected(q->nats))
        return;
    for (i = 0; i < 2; i++) {
        if (q->pulls[i].wanted == 0) {
            pull(q, &q->pulls[i], q->limit - taken);
            return;
        }
    }
}

/* Each pull costs as much as a job, so it is for several; the tick asks for
 * what is less. */
void em__nats_queue_pull(em__nats_queue *q)
{
    pull_some(q, q->limit / 4);
}

/* 408 is the end of an idle one; anything else says that the consumer or its
 * stream is not there, or not now. */
static void on_pulled(em__nats_sub *sub, natsMsg *message)
{
    em__nats_pull *p = sub->data;
    em__nats_queue *q = p->queue;
    int status = em__js_status(message);

    q->inside++;
    if (status != 0) {
        p->wanted = 0;
        if (status != 408 && status != 404)
            em__nats_queue_unready(q);
    } else if (natsMsg_GetReply(message)) {
        p->wanted -= p->wanted > 0;
        em__nats_deliver_job(q, sub, message);
    }
    em__nats_queue_pull(q);
    em__nats_queue_left(q);
}

static void on_hand_unheard(em__nats_sub *sub)
{
    em__nats_deliveries_unheard(sub->data);
}

static void on_pull_unheard(em__nats_sub *sub)
{
    em__nats_pull *p = sub->data;

    p->wanted = 0;
    em__nats_queue_unready(p->queue);
}

/* One whose end is overdue was lost, with its server or its consumer. */
static void end_late_pulls(em__nats_queue *q)
{
    int i;

    for (i = 0; i < 2; i++) {
        if (q->pulls[i].wanted == 0 || now(q) < q->pulls[i].until)
            continue;
        q->pulls[i].wanted = 0;
        em__nats_queue_unready(q);
    }
}

/* --- time --- */

static void on_tick(em_source *timer, void *data)
{
    em__nats_queue *q = data;

    (void)timer;
    q->inside++;
    end_late_pulls(q);
    if (em_nats_is_connected(q->nats)) {
        if (q->step < EM__NATS_STEP_READY && q->asked_at + STEP_MS <= now(q))
            em__nats_queue_step(q);
        em__nats_deliveries_tick(q, false);
        pull_some(q, 1);
        em__nats_queue_sweep(q);
    }
    em__nats_service_left(q->service); /* it may have been the last */
    em__nats_queue_left(q);
}

void em__nats_queue_attached(em__nats_queue *q)
{
    q->pulls[0].wanted = q->pulls[1].wanted = 0;
    q->step = EM__NATS_STEP_JOBS;
    q->unready = now(q);
    em__nats_queue_step(q);
    em__nats_deliveries_tick(q, true);
}

/* --- life --- */

bool em__nats_queue_is_idle(const em__nats_queue *q)
{
    return q->count == 0 && q->pulls[0].wanted + q->pulls[1].wanted == 0;
}

static void forget_tick(void *data)
{
    ((em__nats_queue *)data)->tick = NULL;
}

void em__nats_queue_leave(em__nats_queue *q)
{
    int i;

    em__nats_deliveries_leave(q);
    for (i = 0; i < 2; i++) {
        em__nats_unsubscribe(q->pulls[i].sub);
        q->pulls[i].sub = NULL;
        q->pulls[i].wanted = 0;
    }
    em__nats_unsubscribe(q->answers);
    em__nats_unsubscribe(q->hands);
    q->answers = q->hands = NULL;
    em_source_set_free(q->tick, NULL); /* which may come later than we go */
    em_source_remove(q->tick);
    q->tick = NULL;
    q->gone = true;
}

void em__nats_queue_free(em__nats_queue *q)
{
    if (!q)
        return;
    em__nats_queue_leave(q);
    q->freed = true;
    q->inside++;
    em__nats_queue_left(q);
}

void em__nats_durable_attached(em_nats *nats)
{
    em__list *node;

    for (node = nats->services.next; node != &nats->services;
         node = node->next) {
        em_nats_service *service = em__container(node, em_nats_service, link);

        if (service->queue)
            em__nats_queue_attached(service->queue);
    }
    em__nats_tasks_attached(nats);
}

static char *consumer_name(const char *subject)
{
    em_nats_buffer buffer = { .bytes = NULL };
    int r = em__js_append_name(&buffer, subject);

    if (r == 0)
        r = em_nats_append(&buffer, "", 1);
    if (r == 0)
        return buffer.bytes;
    em__nats_buffer_free(&buffer);
    return NULL;
}

static int set_names(em__nats_queue *q, const em_nats_serve_options *o)
{
    int i;

    q->stream = strdup(o->stream);
    q->subject = em__js_print("%s.job.%s", o->stream, o->subject);
    q->consumer = consumer_name(o->subject);
    q->inbox = em__js_new_inbox();
    if (!q->stream || !q->subject || !q->consumer || !q->inbox)
        return -ENOMEM;
    for (i = 0; i < 2; i++) {
        q->pulls[i].queue = q;
        q->pulls[i].inbox = em__js_print("%s.pull%d", q->inbox, i);
        if (!q->pulls[i].inbox)
            return -ENOMEM;
    }
    return 0;
}

static int subscribe(em__nats_queue *q)
{
    char *subject = em__js_print("%s.*.*", q->inbox);
    char *hands = em__js_print("%s.hand.to.*", q->inbox);
    int i, r = subject && hands ? 0 : -ENOMEM;

    if (r == 0)
        r = em__nats_subscribe(q->nats, subject, NULL, on_answer, q,
                               &q->answers);
    if (r == 0)
        q->answers->unheard = on_unheard;
    if (r == 0)
        r = em__nats_subscribe(q->nats, hands, NULL, on_answer, q, &q->hands);
    if (r == 0)
        q->hands->unheard = on_hand_unheard;
    for (i = 0; r == 0 && i < 2; i++) {
        r = em__nats_subscribe(q->nats, q->pulls[i].inbox, NULL, on_pulled,
                               &q->pulls[i], &q->pulls[i].sub);
        if (r == 0)
            q->pulls[i].sub->unheard = on_pull_unheard;
    }
    free(hands);
    free(subject);
    return r;
}

static int start_ticking(em__nats_queue *q)
{
    uint64_t every = q->ack_ms / 3;
    int r;

    every = every < TICK_MAX_MS ? every : TICK_MAX_MS;
    r = em_loop_add_timer(q->nats->loop, every, every ? every : 1, on_tick, q,
                          &q->tick);
    if (r < 0)
        return r;
    em_source_set_free(q->tick, forget_tick);
    em_source_unref(q->tick); /* the connection decides */
    return 0;
}

int em__nats_queue_new(em_nats_service *service, const em_nats_serve_options *o)
{
    em__nats_queue *q = calloc(1, sizeof(*q));
    int r;

    if (!q)
        return -ENOMEM;
    q->nats = service->nats;
    q->service = service;
    q->replicas = o->replicas ? o->replicas : 1;
    q->attempts = o->attempts ? o->attempts : ATTEMPTS;
    q->limit = o->limit ? o->limit : LIMIT;
    q->ack_ms = o->ack_ms ? o->ack_ms : ACK_MS;
    q->keep_ms = o->keep_ms ? o->keep_ms : KEEP_MS;
    q->pull_ms = q->ack_ms / 2 < PULL_MS ? (q->ack_ms + 1) / 2 : PULL_MS;
    em__list_init(&q->deliveries);
    r = set_names(q, o);
    if (r == 0)
        r = subscribe(q);
    if (r == 0)
        r = start_ticking(q);
    if (r < 0) {
        em__nats_queue_free(q);
        return r;
    }
    service->queue = q;
    if (em_nats_is_connected(q->nats))
        em__nats_queue_attached(q);
    return 0;
}
