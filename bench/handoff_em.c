/* SPDX-License-Identifier: MIT */
/* Handoff: libemitter's cluster. */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <emitter.h>

#include "handoff.h"

typedef struct server {
    clients clients;
    em_loop *loop;
    em_cluster *cluster;
    atomic_int left; /* clients */
} server;

/* Whatever nobody takes is closed. */
static void take(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
}

static int serve(em_loop *loop, em_worker *parent, void *data)
{
    int r = em_on(em_worker_emitter(parent), "connection", take, data);

    if (r == 0)
        r = em_worker_ready(parent);
    return r == 0 ? em_loop_run(loop, EM_RUN_DEFAULT) : 1;
}

static void stop(em_emitter *emitter, void *arg, void *data)
{
    (void)arg, (void)data;
    em_loop_stop(em_emitter_loop(emitter));
}

static void done(void *data)
{
    server *s = data;

    if (atomic_fetch_sub(&s->left, 1) == 1)
        em_loop_stop(s->loop);
}

static int start(server *s, const bench_run *run)
{
    em_worker_options worker = { .size = sizeof(worker), .main = serve };
    socklen_t size = sizeof(s->clients.server);
    int r;

    r = em_cluster_new(s->loop,
                       EM_OPTIONS(em_cluster_options, .listen = "127.0.0.1:0",
                                  .workers = (unsigned)run->parameter->size,
                                  .worker = &worker,
                                  .route = *(const em_route *)run->data),
                       &s->cluster);
    if (r == 0)
        r = em_cluster_address(s->cluster,
                               (struct sockaddr *)&s->clients.server, &size);
    if (r == 0)
        r = em_once(em_cluster_emitter(s->cluster), "ready", stop, NULL);
    return r == 0 ? em_loop_run(s->loop, EM_RUN_DEFAULT) : r;
}

int handoff_em_setup(bench_run *run)
{
    server *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return -ENOMEM;
    run->state = s;
    s->clients.done = done;
    s->clients.data = s;
    r = em_loop_new(NULL, &s->loop);
    if (r == 0)
        r = start(s, run);
    return r < 0 ? r : 0;
}

int handoff_em_run(bench_run *run)
{
    server *s = run->state;
    int r;

    s->left = CLIENTS;
    r = clients_start(&s->clients, run->count);
    if (r < 0)
        return r;
    r = em_loop_run(s->loop, EM_RUN_DEFAULT);
    return r < 0 ? r : clients_join(&s->clients);
}

int handoff_em_teardown(bench_run *run)
{
    server *s = run->state;

    em_loop_free(s->loop);
    free(s);
    return 0;
}
