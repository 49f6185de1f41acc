/* SPDX-License-Identifier: MIT */
/* Nats: the floor of batons: libnats' own request and reply. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <nats/nats.h>

#include "nats.h"

enum { WAIT_MS = 5000 };

typedef struct request_user {
    natsConnection *caller, *server;
    natsSubscription *subscription;
} request_user;

static void on_request(natsConnection *nc, natsSubscription *subscription,
                       natsMsg *message, void *data)
{
    (void)subscription, (void)data;
    (void)natsConnection_Publish(nc, natsMsg_GetReply(message),
                                 natsMsg_GetData(message),
                                 natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
}

static int request_all(request_user *u, unsigned long count)
{
    static const char bytes[NATS_SIZE];
    natsMsg *message;
    unsigned long i;

    for (i = 0; i < count; i++) {
        if (natsConnection_Request(&message, u->caller, "bench", bytes,
                                   NATS_SIZE, WAIT_MS) != NATS_OK)
            return -EIO;
        natsMsg_Destroy(message);
    }
    return 0;
}

/* What is sent leaves at once, as ours does at the end of a turn. */
static natsStatus connect_both(request_user *u, const char *url)
{
    natsOptions *options;
    natsStatus s = natsOptions_Create(&options);

    if (s != NATS_OK)
        return s;
    s = natsOptions_SetURL(options, url);
    if (s == NATS_OK)
        s = natsOptions_SetSendAsap(options, true);
    if (s == NATS_OK)
        s = natsConnection_Connect(&u->server, options);
    if (s == NATS_OK)
        s = natsConnection_Connect(&u->caller, options);
    natsOptions_Destroy(options);
    if (s == NATS_OK)
        s = natsConnection_QueueSubscribe(&u->subscription, u->server, "bench",
                                          "group", on_request, NULL);
    if (s == NATS_OK)
        s = natsConnection_Flush(u->server);
    return s;
}

int nats_request_setup(bench_run *run)
{
    request_user *u = calloc(1, sizeof(*u));
    const char *url;
    int r = nats_start(&url);

    if (!u || r < 0)
        return u ? r : -ENOMEM;
    run->state = u;
    return connect_both(u, url) == NATS_OK ? request_all(u, 1) : -EIO;
}

int nats_request_run(bench_run *run)
{
    return request_all(run->state, run->count);
}

int nats_request_teardown(bench_run *run)
{
    request_user *u = run->state;

    natsSubscription_Destroy(u->subscription);
    natsConnection_Destroy(u->caller);
    natsConnection_Destroy(u->server);
    free(u);
    nats_stop();
    return 0;
}
