/* SPDX-License-Identifier: MIT */
/* Worker: see worker.h. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"
#include "listener.h"
#include "number.h"
#include "relay.h"
#include "server.h"
#include "status.h"
#include "worker.h"

struct worker {
    struct server server;
    struct proxy proxy;
    struct files files;
    bool failed;
};

static void on_request(em_emitter *emitter, void *arg, void *data)
{
    struct exchange *exchange = arg;
    struct worker *worker = data;
    const struct span *path = &exchange->head.path;

    (void)emitter;
    if (path->size > 2 && path->at[1] == '_' && status_answer(exchange))
        return;
    if (worker->proxy.upstreams)
        proxy_request(&worker->proxy, exchange);
    else if (worker->files.root >= 0)
        files_request(&worker->files, exchange);
    else
        number_answer(exchange);
}

/* No further connections come, or not all: the master starts another worker
 * when this one has answered those it has. */
static void on_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;
    struct worker *worker = data;

    (void)emitter;
    fprintf(stderr, "server: worker: %s\n", error->message);
    worker->failed = true;
    server_drain(&worker->server);
}

/* The terminal's signals are the master's business. */
static void ignore_signals(void)
{
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
}

static int start_answering(struct worker *worker, struct setting *setting)
{
    int r = 0;

    if (setting->options.proxy)
        r = proxy_start(&worker->proxy, &worker->server, &setting->upstreams);
    if (setting->options.root)
        r = files_start(&worker->files, setting->options.root);
    return r < 0
               ? r
               : em_on(&worker->server.emitter, "request", on_request, worker);
}

static int start(struct worker *worker, em_loop *loop, em_worker *parent,
                 struct setting *setting)
{
    struct server *server = &worker->server;
    int r =
        server_start(server, loop, parent, &setting->options, setting->board);

    if (r == 0)
        r = em_on(em_worker_emitter(parent), "error", on_error, worker);
    if (r == 0)
        r = log_open(&server->log, loop, setting->log, server->figures);
    if (r == 0)
        r = start_answering(worker, setting);
    if (r == 0 && setting->listeners)
        r = listener_accept(server, setting->listeners[em_worker_slot(parent)],
                            &server->listener);
    return r < 0 ? r : em_worker_ready(parent);
}

int worker_main(em_loop *loop, em_worker *parent, void *data)
{
    struct worker worker = { .files.root = -1 };
    int r;

    ignore_signals();
    r = start(&worker, loop, parent, data);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT);
    if (r < 0)
        fprintf(stderr, "server: worker: %s\n", em_strerror(r));
    server_free(&worker.server);
    proxy_free(&worker.proxy);
    files_free(&worker.files);
    return r < 0 || worker.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
