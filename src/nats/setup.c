/* SPDX-License-Identifier: MIT */
/* Setup: what a queue needs of JetStream, made step by step.
 *
 * Whatever of streams and consumer is missing is created; to create what is
 * there as it is to be changes nothing.  So there is one way only, when it
 * begins and whenever something seems to be wrong: to go through the steps
 * again. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nats/durable.h"

enum { PATIENCE_MS = 5000 }; /* until a step that is refused for now is told */

static uint64_t now(const em__nats_queue *q)
{
    return em_loop_now(q->nats->loop);
}

static char *stream_suffix(em__nats_step step)
{
    static char suffixes[][9] = { "", "-results", "-dead" };

    return suffixes[step];
}

static char *stream_body(const em__nats_queue *q)
{
    static const char *const kinds[] = { "job", "result", "dead" };
    const char *s = q->stream;
    bool results = q->step == EM__NATS_STEP_RESULTS;

    return em__js_print(
        "{\"name\":\"%s%s\",\"subjects\":[\"%s.%s.>\"],\"retention\":\"%s\","
        "\"storage\":\"file\",\"discard\":\"%s\",\"num_replicas\":%u,"
        "\"max_age\":%llu,\"allow_direct\":%s}",
        s, stream_suffix(q->step), s, kinds[q->step],
        q->step == EM__NATS_STEP_JOBS ? "workqueue" : "limits",
        q->step == EM__NATS_STEP_JOBS ? "new" : "old", q->replicas,
        results ? (unsigned long long)q->keep_ms * EM__JS_MS : 0,
        results ? "true" : "false");
}

static char *consumer_body(const em__nats_queue *q)
{
    return em__js_print(
        "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"%s\","
        "\"filter_subject\":\"%s\",\"ack_policy\":\"explicit\","
        "\"ack_wait\":%llu,\"max_deliver\":-1,\"deliver_policy\":\"all\","
        "\"replay_policy\":\"instant\",\"max_ack_pending\":-1}}",
        q->stream, q->consumer, q->subject,
        (unsigned long long)q->ack_ms * EM__JS_MS);
}

void em__nats_queue_step(em__nats_queue *q)
{
    char *reply = em__js_print("%s.step.%u", q->inbox, ++q->round);

    q->asked_at = now(q);
    if (q->step < EM__NATS_STEP_CONSUMER)
        em__js_ask(q->nats,
                   em__js_print("$JS.API.STREAM.CREATE.%s%s", q->stream,
                                stream_suffix(q->step)),
                   reply, stream_body(q));
    else
        em__js_ask(q->nats,
                   em__js_print("$JS.API.CONSUMER.DURABLE.CREATE.%s.%s",
                                q->stream, q->consumer),
                   reply, consumer_body(q));
    free(reply);
}

/* A cluster that elects a leader refuses for a while, and so does a server that
 * is making the very stream for somebody else. */
void em__nats_queue_refused(em__nats_queue *q, const em__js_answer *answer)
{
    bool passes = answer->error == -EAGAIN || answer->error == -EHOSTUNREACH ||
                  answer->code == EM__JS_OVERLAP;

    if (q->told == answer->error || em__nats_queue_is_ending(q) ||
        (passes && now(q) - q->unready < PATIENCE_MS))
        return;
    q->told = answer->error;
    em__nats_error(q->nats, answer->error, answer->what, q->stream);
}

void em__nats_queue_stepped(em__nats_queue *q, natsMsg *message)
{
    em__js_answer answer;

    em__js_read_answer(message, &answer);
    if (answer.error < 0 && answer.code != EM__JS_OTHER_CONFIGURATION) {
        em__nats_queue_refused(q, &answer); /* the tick tries again */
        return;
    }
    if (q->step == EM__NATS_STEP_JOBS)
        q->own = answer.error == 0;
    q->step++;
    if (q->step < EM__NATS_STEP_READY) {
        em__nats_queue_step(q);
        return;
    }
    q->told = 0;
    em__nats_queue_pull(q);
}
