/* SPDX-License-Identifier: MIT */
/* Nats durable: the floor: libnats alone.  One connection publishes to a work
 * queue and waits for JetStream's acknowledgements; another, on a thread, pulls
 * and acknowledges.  With results it also publishes one for each message to
 * another stream, and acknowledges when that is stored. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <nats/nats.h>

#include "nats.h"

enum { BATCH = 256 };

typedef struct floor_user {
    natsConnection *out, *in;
    jsCtx *js_out, *js_in;
    natsSubscription *queue;
    unsigned long count, sent;
    bool results;
} floor_user;

static natsStatus publish(jsCtx *js, const char *subject, unsigned long number)
{
    static const char bytes[NATS_SIZE];
    jsPubOptions options;
    char id[32];

    (void)jsPubOptions_Init(&options);
    (void)snprintf(id, sizeof(id), "%lu", number);
    options.MsgId = id;
    return js_PublishAsync(js, subject, bytes, NATS_SIZE, &options);
}

static natsStatus store_results(floor_user *u, unsigned long from, int count)
{
    natsStatus s = NATS_OK;
    int i;

    for (i = 0; s == NATS_OK && i < count; i++)
        s = publish(u->js_in, "result.one", from + (unsigned long)i);
    return s == NATS_OK ? js_PublishAsyncComplete(u->js_in, NULL) : s;
}

static void *consume(void *data)
{
    floor_user *u = data;
    unsigned long done = 0;
    natsMsgList list = { NULL, 0 };
    natsStatus s = NATS_OK;
    int i;

    while (s == NATS_OK && done < u->count) {
        s = natsSubscription_Fetch(&list, u->queue, BATCH, 5000, NULL);
        if (s == NATS_OK && u->results)
            s = store_results(u, u->sent + done, list.Count);
        for (i = 0; s == NATS_OK && i < list.Count; i++)
            s = natsMsg_Ack(list.Msgs[i], NULL);
        done += (unsigned long)list.Count;
        natsMsgList_Destroy(&list);
    }
    return s == NATS_OK ? NULL : data;
}

static int run(floor_user *u, unsigned long count)
{
    natsStatus s = NATS_OK;
    unsigned long i;
    pthread_t thread;
    void *failed;

    u->count = count;
    if (pthread_create(&thread, NULL, consume, u) != 0)
        return -EAGAIN;
    for (i = 0; s == NATS_OK && i < count; i++)
        s = publish(u->js_out, "job.one", u->sent + i);
    if (s == NATS_OK)
        s = js_PublishAsyncComplete(u->js_out, NULL);
    (void)pthread_join(thread, &failed);
    u->sent += count;
    return s == NATS_OK && !failed ? 0 : -EIO;
}

static natsStatus add_stream(jsCtx *js, const char *name, const char *subject,
                             jsRetentionPolicy retention)
{
    jsStreamConfig config;

    (void)jsStreamConfig_Init(&config);
    config.Name = name;
    config.Subjects = &subject;
    config.SubjectsLen = 1;
    config.Retention = retention;
    return js_AddStream(NULL, js, &config, NULL, NULL);
}

static natsStatus connect_both(floor_user *u, const char *url)
{
    natsStatus s = natsConnection_ConnectTo(&u->in, url);

    if (s == NATS_OK)
        s = natsConnection_ConnectTo(&u->out, url);
    if (s == NATS_OK)
        s = natsConnection_JetStream(&u->js_in, u->in, NULL);
    if (s == NATS_OK)
        s = natsConnection_JetStream(&u->js_out, u->out, NULL);
    if (s == NATS_OK)
        s = add_stream(u->js_in, "JOBS", "job.>", js_WorkQueuePolicy);
    if (s == NATS_OK)
        s = add_stream(u->js_in, "RESULTS", "result.>", js_LimitsPolicy);
    if (s == NATS_OK)
        s = js_PullSubscribe(&u->queue, u->js_in, "job.>", "worker", NULL, NULL,
                             NULL);
    return s;
}

static int setup(bench_run *b, bool results)
{
    floor_user *u = calloc(1, sizeof(*u));
    const char *url;
    int r = nats_start_durable(&url);

    if (!u || r < 0)
        return u ? r : -ENOMEM;
    b->state = u;
    u->results = results;
    return connect_both(u, url) == NATS_OK ? run(u, 1) : -EIO;
}

int nats_durable_floor_setup(bench_run *b)
{
    return setup(b, false);
}

int nats_durable_results_setup(bench_run *b)
{
    return setup(b, true);
}

int nats_durable_floor_run(bench_run *b)
{
    return run(b->state, b->count);
}

int nats_durable_floor_teardown(bench_run *b)
{
    floor_user *u = b->state;

    natsSubscription_Destroy(u->queue);
    jsCtx_Destroy(u->js_in);
    jsCtx_Destroy(u->js_out);
    natsConnection_Destroy(u->in);
    natsConnection_Destroy(u->out);
    free(u);
    nats_stop();
    return 0;
}
