/* SPDX-License-Identifier: MIT */
/* Worker: see worker.h. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "listener.h"
#include "number.h"
#include "server.h"
#include "status.h"
#include "worker.h"

static void on_request(em_emitter *emitter, void *arg, void *data)
{
    struct exchange *exchange = arg;
    const struct span *path = &exchange->head.path;

    (void)emitter, (void)data;
    if (path->size > 2 && path->at[1] == '_' && status_answer(exchange))
        return;
    number_answer(exchange);
}

/* The terminal's signals are the master's business. */
static void ignore_signals(void)
{
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
}

static int start(struct server *server, em_loop *loop, em_worker *parent,
                 const struct setting *setting)
{
    int r =
        server_start(server, loop, parent, &setting->options, setting->board);

    if (r == 0)
        r = log_open(&server->log, loop, setting->log, server->figures);
    if (r == 0)
        r = em_on(&server->emitter, "request", on_request, server);
    if (r == 0 && setting->listeners)
        r = listener_accept(server, setting->listeners[em_worker_slot(parent)],
                            &server->listener);
    return r < 0 ? r : em_worker_ready(parent);
}

int worker_main(em_loop *loop, em_worker *parent, void *data)
{
    struct server server;
    int r;

    ignore_signals();
    r = start(&server, loop, parent, data);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT);
    if (r < 0)
        fprintf(stderr, "server: worker: %s\n", em_strerror(r));
    server_free(&server);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
