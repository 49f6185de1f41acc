/* SPDX-License-Identifier: MIT */
/* Nats durable: jobs run elsewhere, whose results come back.  Both connections
 * are on one loop. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <emitter.h>
#include <emitter/nats.h>

#include "nats.h"

enum { LIMIT = 1024, UNDER_WAY = 4096 };

typedef struct em_user {
    em_loop *loop;
    em_nats *out, *in;
    unsigned long sent, came, count;
    int error;
} em_user;

static int work(em_baton *baton, void *data)
{
    em_nats_job *job = data;

    (void)baton;
    return em_nats_append(job->result, job->data, job->size);
}

static void submit(em_user *u);

static void after(em_nats_call *call, int status, const em_nats_bytes *result,
                  void *data)
{
    em_user *u = data;

    (void)call;
    if (status < 0 || result->size != NATS_SIZE)
        u->error = status < 0 ? status : -EIO;
    if (++u->came == u->count || u->error < 0)
        em_loop_stop(u->loop);
    else
        submit(u);
}

static void submit(em_user *u)
{
    static const char bytes[NATS_SIZE];

    while (u->error == 0 && u->sent < u->count &&
           u->sent - u->came < UNDER_WAY) {
        u->error = em_nats_run(
            u->out,
            EM_OPTIONS(em_nats_run_options, .subject = "one", .payload = bytes,
                       .payload_size = NATS_SIZE, .after = after, .data = u,
                       .stream = "BENCH"),
            NULL);
        u->sent++;
    }
}

static int run(em_user *u, unsigned long count)
{
    u->sent = u->came = 0;
    u->count = count;
    submit(u);
    if (u->error == 0)
        (void)em_loop_run(u->loop, EM_RUN_DEFAULT);
    return u->error;
}

int nats_durable_em_setup(bench_run *b)
{
    em_user *u = calloc(1, sizeof(*u));
    const char *url;
    int r = nats_start_durable(&url);

    if (!u || r < 0)
        return u ? r : -ENOMEM;
    b->state = u;
    r = em_loop_new(NULL, &u->loop);
    if (r == 0)
        r = nats_connect(u->loop, url, &u->error, &u->in);
    if (r == 0)
        r = nats_connect(u->loop, url, &u->error, &u->out);
    if (r == 0)
        r = em_nats_serve(u->in,
                          EM_OPTIONS(em_nats_serve_options, .subject = "one",
                                     .work = work, .limit = LIMIT,
                                     .stream = "BENCH"),
                          NULL);
    return r < 0 ? r : run(u, 1);
}

int nats_durable_em_run(bench_run *b)
{
    return run(b->state, b->count);
}

int nats_durable_em_teardown(bench_run *b)
{
    em_user *u = b->state;

    em_nats_free(u->in);
    em_nats_free(u->out);
    (void)em_loop_run(u->loop, EM_RUN_DEFAULT);
    em_loop_free(u->loop);
    free(u);
    nats_stop();
    return 0;
}
