/* SPDX-License-Identifier: MIT */
/* Nats: the floor: libnats alone, with the threads that it brings. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <nats/nats.h>

#include "nats.h"

typedef struct floor_user {
    natsConnection *out, *in;
    natsSubscription *subscription;
    pthread_mutex_t lock;
    pthread_cond_t all;
    unsigned long came, count;
} floor_user;

static void on_message(natsConnection *nc, natsSubscription *subscription,
                       natsMsg *message, void *data)
{
    floor_user *u = data;

    (void)nc, (void)subscription;
    natsMsg_Destroy(message);
    (void)pthread_mutex_lock(&u->lock);
    if (++u->came == u->count)
        (void)pthread_cond_signal(&u->all);
    (void)pthread_mutex_unlock(&u->lock);
}

static int deliver(floor_user *u, unsigned long count)
{
    static const char bytes[NATS_SIZE];
    natsStatus s = NATS_OK;
    unsigned long i;

    u->came = 0;
    u->count = count;
    for (i = 0; s == NATS_OK && i < count; i++)
        s = natsConnection_Publish(u->out, "bench", bytes, NATS_SIZE);
    if (s != NATS_OK)
        return -EIO;
    (void)pthread_mutex_lock(&u->lock);
    while (u->came < count)
        (void)pthread_cond_wait(&u->all, &u->lock);
    (void)pthread_mutex_unlock(&u->lock);
    return 0;
}

static natsStatus connect_both(floor_user *u, const char *url)
{
    natsStatus s = natsConnection_ConnectTo(&u->in, url);

    if (s == NATS_OK)
        s = natsConnection_ConnectTo(&u->out, url);
    if (s == NATS_OK)
        s = natsConnection_Subscribe(&u->subscription, u->in, "bench",
                                     on_message, u);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(u->subscription, -1, -1);
    if (s == NATS_OK)
        s = natsConnection_Flush(u->in);
    return s;
}

int nats_floor_setup(bench_run *run)
{
    floor_user *u = calloc(1, sizeof(*u));
    const char *url;
    int r = nats_start(&url);

    if (!u || r < 0)
        return u ? r : -ENOMEM;
    run->state = u;
    (void)pthread_mutex_init(&u->lock, NULL);
    (void)pthread_cond_init(&u->all, NULL);
    return connect_both(u, url) == NATS_OK ? deliver(u, 1) : -EIO;
}

int nats_floor_run(bench_run *run)
{
    return deliver(run->state, run->count);
}

int nats_floor_teardown(bench_run *run)
{
    floor_user *u = run->state;

    natsSubscription_Destroy(u->subscription);
    natsConnection_Destroy(u->in);
    natsConnection_Destroy(u->out);
    free(u);
    nats_stop();
    return 0;
}
