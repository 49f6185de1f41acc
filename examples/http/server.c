/* SPDX-License-Identifier: MIT */
/* Server: see server.h. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "server.h"

enum {
    LINGER_MS = 2000,
    DRAIN_IDLE_MS = 1000, /* what comes meanwhile is still answered */
    SWEEP_MAX_MS = 1000,
    SWEEP_MIN_MS = 10
};

/* --- time --- */

const char *server_date(struct server *server)
{
    time_t now = time(NULL);
    struct tm when;

    if (now != server->date_of) {
        server->date_of = now;
        (void)strftime(server->date, sizeof(server->date),
                       "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &when));
    }
    return server->date;
}

static void time_out(struct server *server, enum phase phase, uint64_t now)
{
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&server->waiting[phase])) &&
           connection->since + server->patience[phase] <= now)
        connection_time_out(connection);
}

/* The figures of the loop and of the pool go to the board now and then. */
static void tell_figures(struct server *server)
{
    struct figures *mine = server->figures;
    em_loop_counts loop = { .size = sizeof(loop) };
    em_pool_counts pool = { .size = sizeof(pool) };

    (void)em_loop_metrics(server->loop, &loop);
    atomic_store(&mine->loop_turns, loop.turns);
    atomic_store(&mine->loop_idle_us, loop.idle_us);
    atomic_store(&mine->loop_longest_us, loop.longest_us);
    if (em_pool_stats(em_pool_default(), &pool) < 0)
        return;
    atomic_store(&mine->pool_threads, pool.threads);
    atomic_store(&mine->pool_queued, pool.queued);
    atomic_store(&mine->pool_running, pool.running);
    atomic_store(&mine->pool_done, pool.done);
}

static void on_sweep(em_source *source, void *data)
{
    struct server *server = data;
    uint64_t now = em_loop_now(server->loop);
    int phase;

    (void)source;
    for (phase = 0; phase < PHASES; phase++)
        if (phase != PHASE_ANSWER) /* who makes it has a time-out of his own */
            time_out(server, (enum phase)phase, now);
    tell_figures(server);
}

static uint64_t sweep_period(const struct server *server)
{
    uint64_t period = SWEEP_MAX_MS * 4;
    int phase;

    for (phase = 0; phase < PHASES; phase++)
        if (server->patience[phase] < period)
            period = server->patience[phase];
    return period / 4 > SWEEP_MIN_MS ? period / 4 : SWEEP_MIN_MS;
}

/* --- connections --- */

static void on_connection(em_emitter *emitter, void *arg, void *data)
{
    struct server *server = data;

    (void)emitter;
    server->open++;
    figure_add(&server->figures->accepted, 1);
    atomic_store(&server->figures->open, server->open);
    connection_start(server, arg);
}

/* Nothing else keeps the loop alive then but a log that is being written. */
static void end(struct server *server)
{
    em_source_remove(server->sweep);
    server->sweep = NULL;
    log_flush(&server->log);
    em_worker_free(server->parent);
    server->parent = NULL;
}

void server_closed(struct server *server)
{
    server->open--;
    if (server->starved)
        (void)em_source_set_events(server->listener, EM_READABLE);
    server->starved = false;
    atomic_store(&server->figures->open, server->open);
    if (server->options->route == EM_ROUTE_LEAST_BUSY && server->parent)
        (void)em_worker_done(server->parent);
    if (server->draining && server->open == 0)
        end(server);
}

void server_drain(struct server *server)
{
    if (server->draining)
        return;
    server->draining = true;
    server->starved = false;
    em_source_remove(server->listener);
    server->listener = NULL;
    if (server->patience[PHASE_IDLE] > DRAIN_IDLE_MS)
        server->patience[PHASE_IDLE] = DRAIN_IDLE_MS;
    if (server->open == 0)
        end(server);
}

static void on_stop(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    server_drain(data);
}

/* --- life --- */

static void set_patience(struct server *server)
{
    const struct options *options = server->options;
    int phase;

    for (phase = 0; phase < PHASES; phase++)
        TAILQ_INIT(&server->waiting[phase]);
    server->patience[PHASE_IDLE] = options->idle_ms;
    server->patience[PHASE_HEAD] = options->header_ms;
    server->patience[PHASE_BODY] = options->body_ms;
    server->patience[PHASE_ANSWER] = UINT64_MAX / 2;
    server->patience[PHASE_SEND] = options->body_ms;
    server->patience[PHASE_LINGER] = LINGER_MS;
}

static int listen_to_parent(struct server *server)
{
    em_emitter *parent = em_worker_emitter(server->parent);
    int r;

    r = em_forward(parent, "connection", &server->emitter);
    if (r == 0)
        r = em_on(&server->emitter, "connection", on_connection, server);
    if (r == 0)
        r = em_on(parent, "stop", on_stop, server);
    if (r == 0)
        r = em_on(parent, "disconnect", on_stop, server);
    return r;
}

static int start_sweep(struct server *server)
{
    uint64_t period = sweep_period(server);
    int r = em_loop_add_timer(server->loop, period, period, on_sweep, server,
                              &server->sweep);

    if (r == 0)
        em_source_unref(server->sweep);
    return r;
}

int server_start(struct server *server, em_loop *loop, em_worker *parent,
                 const struct options *options, struct board *board)
{
    int r;

    *server = (struct server){ .loop = loop,
                               .parent = parent,
                               .options = options,
                               .board = board,
                               .log.fd = -1,
                               .streams = options->proxy != NULL };
    server->figures = board_take(board, em_worker_slot(parent));
    em_emitter_init(&server->emitter, loop, NULL);
    set_patience(server);
    server->request = em_intern("request");
    if (!server->request)
        return -ENOMEM;
    r = em_emitter_set_name(&server->emitter, "server");
    if (r == 0)
        r = listen_to_parent(server);
    return r < 0 ? r : start_sweep(server);
}

void server_free(struct server *server)
{
    struct exchange *exchange;
    struct connection *connection;
    int phase;

    for (phase = 0; phase < PHASES; phase++)
        while ((connection = TAILQ_FIRST(&server->waiting[phase])))
            connection_close(connection);
    while ((exchange = server->spare)) {
        server->spare = exchange->next;
        free(exchange);
    }
    log_free(&server->log);
    em_source_remove(server->sweep);
    em_name_unref(server->request);
    em_unref(&server->emitter);
}
