/* SPDX-License-Identifier: MIT */
/* Nats: an event exported and imported. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <emitter.h>
#include <emitter/nats.h>

#include "nats.h"

enum { A_TURN = 512, QUEUED = 1 << 20 };

typedef struct em_user {
    em_loop *loop;
    em_nats *out, *in;
    em_emitter *from, *to;
    unsigned long sent, came, count;
    bool warm;
    int error;
} em_user;

static void on_event(em_emitter *emitter, void *arg, void *data)
{
    em_user *u = data;

    (void)emitter, (void)arg;
    if (++u->came == u->count)
        em_loop_stop(u->loop);
}

static void on_warm(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    ((em_user *)data)->warm = true;
}

static int connect_both(em_user *u)
{
    const char *url;
    int r = nats_start(&url);

    if (r == 0)
        r = nats_connect(u->loop, url, &u->error, &u->in);
    if (r == 0)
        r = em_emitter_new(u->loop, &u->from);
    if (r == 0)
        r = em_emitter_new(u->loop, &u->to);
    if (r == 0)
        r = em_on(u->to, "event", on_event, u);
    if (r == 0)
        r = em_on(u->to, "warm", on_warm, u);
    if (r == 0)
        r = em_nats_import(u->in, "bench", u->to, "event", NULL);
    if (r == 0)
        r = em_nats_import(u->in, "warm", u->to, "warm", NULL);
    if (r == 0)
        r = nats_connect(u->loop, url, &u->error, &u->out);
    if (r == 0)
        r = em_nats_export(u->out, u->from, "event", "bench", NULL);
    return r;
}

static void send_some(em_loop *loop, void *data)
{
    static char bytes[NATS_SIZE];
    em_user *u = data;
    int i;

    for (i = 0; i < A_TURN && u->sent < u->count; i++) {
        if (em_nats_queued(u->out) > QUEUED)
            break;
        (void)em_emit(u->from, "event",
                      &(em_nats_bytes){ bytes, NATS_SIZE, NULL });
        u->sent++;
    }
    if (u->sent < u->count)
        (void)em_loop_post(loop, send_some, u);
}

static int deliver(em_user *u, unsigned long count)
{
    u->sent = u->came = 0;
    u->count = count;
    send_some(u->loop, u);
    (void)em_loop_run(u->loop, EM_RUN_DEFAULT);
    return u->error < 0 || u->came == count ? u->error : -EIO;
}

/* Until the server knows the later of both subscriptions. */
static int warm_up(em_user *u)
{
    while (!u->warm && u->error == 0) {
        (void)em_nats_publish(u->out, "warm", NULL, 0);
        (void)em_loop_run(u->loop, EM_RUN_ONCE);
    }
    return u->error;
}

int nats_em_setup(bench_run *run)
{
    em_user *u = calloc(1, sizeof(*u));
    int r;

    if (!u)
        return -ENOMEM;
    run->state = u;
    r = em_loop_new(NULL, &u->loop);
    if (r == 0)
        r = connect_both(u);
    return r < 0 ? r : warm_up(u);
}

int nats_em_run(bench_run *run)
{
    return deliver(run->state, run->count);
}

int nats_em_teardown(bench_run *run)
{
    em_user *u = run->state;

    em_unref(u->from);
    em_unref(u->to);
    em_nats_free(u->in);
    em_nats_free(u->out);
    em_loop_free(u->loop);
    free(u);
    nats_stop();
    return 0;
}
