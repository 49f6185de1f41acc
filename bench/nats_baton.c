/* SPDX-License-Identifier: MIT */
/* Nats: batons served on one connection and run from another, one after the
 * other. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <emitter.h>
#include <emitter/nats.h>

#include "nats.h"

typedef struct baton_user {
    em_loop *loop;
    em_nats *caller, *server;
    unsigned long came, count;
    int error;
} baton_user;

static int work(em_baton *baton, void *data)
{
    em_nats_job *job = data;

    (void)baton;
    return em_nats_append(job->result, job->data, job->size);
}

static void call(baton_user *u);

static void after(em_nats_call *c, int status, const em_nats_bytes *result,
                  void *data)
{
    baton_user *u = data;

    (void)c;
    if (status == 0 && result->size == NATS_SIZE)
        u->came++;
    else if (status != -EHOSTUNREACH || u->count > 1) /* not subscribed yet */
        u->error = status < 0 ? status : -EIO;
    if (u->error == 0 && u->came < u->count)
        call(u);
    else
        em_loop_stop(u->loop);
}

static void call(baton_user *u)
{
    static const char bytes[NATS_SIZE];
    int r = em_nats_run(u->caller,
                        EM_OPTIONS(em_nats_run_options, .subject = "bench",
                                   .payload = bytes, .payload_size = NATS_SIZE,
                                   .after = after, .data = u),
                        NULL);

    if (r < 0) {
        u->error = r;
        em_loop_stop(u->loop);
    }
}

static int call_all(baton_user *u, unsigned long count)
{
    u->came = 0;
    u->count = count;
    call(u);
    (void)em_loop_run(u->loop, EM_RUN_DEFAULT);
    return u->error;
}

int nats_baton_setup(bench_run *run)
{
    baton_user *u = calloc(1, sizeof(*u));
    const char *url;
    int r;

    if (!u)
        return -ENOMEM;
    run->state = u;
    r = em_loop_new(NULL, &u->loop);
    if (r == 0)
        r = nats_start(&url);
    if (r == 0)
        r = nats_connect(u->loop, url, &u->error, &u->server);
    if (r == 0)
        r = em_nats_serve(
            u->server,
            EM_OPTIONS(em_nats_serve_options, .subject = "bench", .work = work),
            NULL);
    if (r == 0)
        r = nats_connect(u->loop, url, &u->error, &u->caller);
    return r < 0 ? r : call_all(u, 1);
}

int nats_baton_run(bench_run *run)
{
    return call_all(run->state, run->count);
}

int nats_baton_teardown(bench_run *run)
{
    baton_user *u = run->state;

    em_nats_free(u->caller);
    em_nats_free(u->server);
    em_loop_free(u->loop);
    free(u);
    nats_stop();
    return 0;
}
