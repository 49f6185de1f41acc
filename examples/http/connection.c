/* SPDX-License-Identifier: MIT */
/* Connection: see connection.h. */

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "connection.h"

/* --- waiting --- */

static void wait_in(struct connection *connection, enum phase phase)
{
    struct server *server = connection->server;

    TAILQ_REMOVE(&server->waiting[connection->phase], connection, entry);
    TAILQ_INSERT_TAIL(&server->waiting[phase], connection, entry);
    connection->phase = (uint8_t)phase;
    connection->since = em_loop_now(server->loop);
}

static void on_ready(em_source *source, int fd, unsigned events, void *data);

/* Answers to pipelined requests must not wait for acknowledgements. */
static int watch(struct connection *connection, unsigned events)
{
    int on = 1;

    connection->events = (uint8_t)events;
    if (connection->source)
        return em_source_set_events(connection->source, events);
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return em_loop_add_fd(connection->server->loop, connection->fd, events,
                          on_ready, connection, &connection->source);
}

static bool await(struct connection *connection, enum phase phase,
                  unsigned events)
{
    wait_in(connection, phase);
    return (connection->source && connection->events == events) ||
           watch(connection, events) == 0;
}

/* --- the end --- */

static void give_back(struct connection *connection)
{
    if (connection->exchange)
        exchange_give_back(connection->server, connection->exchange);
    connection->exchange = NULL;
}

/* A connection on the stack goes when it comes back there. */
void connection_close(struct connection *connection)
{
    struct server *server = connection->server;

    if (connection->running) {
        connection->closing = true;
        return;
    }
    give_back(connection);
    em_source_remove(connection->source);
    (void)close(connection->fd);
    TAILQ_REMOVE(&server->waiting[connection->phase], connection, entry);
    free(connection);
    server_closed(server);
}

static bool linger(struct connection *connection)
{
    give_back(connection);
    return await(connection, PHASE_LINGER, EM_READABLE);
}

static bool discard(struct connection *connection)
{
    char bytes[4096];
    ssize_t n = recv(connection->fd, bytes, sizeof(bytes), 0);

    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* --- requests --- */

static void emit_request(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    struct server *server = connection->server;

    exchange->emitted = true;
    exchange->number = board_next(server->board);
    if (!em_emit(&server->emitter, server->request, exchange))
        answer_status(exchange, HTTP_STATUS_NOT_FOUND, NULL);
}

/* The request goes to whoever answers it: when it is complete, or, to who
 * passes it on, when its head is. */
static void hand_on(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;

    if (exchange->emitted)
        return;
    if (exchange->stage == STAGE_BODY && exchange->head.expects &&
        exchange->start == exchange->end) {
        exchange->head.expects = false;
        answer_continue(exchange);
    }
    if (exchange->stage == STAGE_ANSWER || connection->server->streams)
        emit_request(connection);
}

static bool is_answered(const struct exchange *exchange)
{
    return exchange->answered &&
           (exchange->stage == STAGE_ANSWER || exchange->last);
}

static void finish_request(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    struct server *server = connection->server;

    connection->used = true;
    if (connection->phase == PHASE_HEAD)
        wait_in(connection, PHASE_ANSWER); /* the next has its own time */
    if (server->log.fd >= 0)
        log_request(&server->log, connection);
    if (!exchange->last)
        exchange_next(exchange);
}

/* All but short answers leave before the next request is looked at. */
static bool must_flush(const struct exchange *exchange)
{
    return exchange->tail || exchange->file >= 0 ||
           exchange_room(exchange) < OUT_ROOM;
}

static void refuse(struct exchange *exchange, unsigned status)
{
    if (exchange->answered || exchange->status)
        exchange->answered = exchange->last = exchange->refused = true;
    else
        answer_refusal(exchange, status);
}

/* What there is to do when all that came has been used, as far as it can. */
enum verdict { CLOSE, WAIT, READ };

static enum verdict flush(struct connection *connection)
{
    int r = exchange_flush(connection->exchange, connection->fd);

    if (r < 0)
        return CLOSE;
    if (r == 0)
        return await(connection, PHASE_SEND, EM_WRITABLE) ? WAIT : CLOSE;
    return READ;
}

/* Everything was sent, and nothing will be read any more.  Closing while the
 * peer still sends would reset the connection, and take the answer from it (RFC
 * 9112, section 9.6); so it is shut down first, which makes the last of the
 * answer leave, and lingers where more is known to come. */
static enum verdict end(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;

    if (shutdown(connection->fd, SHUT_WR) < 0)
        return CLOSE;
    if (!exchange->refused && exchange->start == exchange->end &&
        exchange->stage != STAGE_BODY)
        return CLOSE;
    return linger(connection) ? WAIT : CLOSE;
}

static enum verdict rest(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    enum verdict verdict = flush(connection);

    if (verdict != READ)
        return verdict;
    if (exchange->answered && exchange->last)
        return end(connection);
    if (exchange->on_room)
        exchange->on_room(exchange);
    if (exchange->stage == STAGE_ANSWER || exchange->start < exchange->end)
        if (exchange->stage != STAGE_HEAD) {
            wait_in(connection, PHASE_ANSWER);
            return WAIT;
        }
    return READ;
}

/* Use what came, and answer it. */
static enum verdict advance(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    enum verdict verdict;
    int r = 1;

    while (r > 0 && !connection->closing) {
        connection->again = false;
        if (must_flush(exchange) && (verdict = flush(connection)) != READ)
            return verdict;
        if (is_answered(exchange)) {
            finish_request(connection);
            if (exchange->last)
                break;
        }
        r = exchange_parse(exchange);
        if (r == 1)
            hand_on(connection);
        else if (r > 1)
            refuse(exchange, (unsigned)r);
    }
    return connection->closing ? CLOSE : rest(connection);
}

static enum verdict run(struct connection *connection)
{
    enum verdict verdict;

    connection->running = true;
    do
        verdict = advance(connection);
    while (verdict != CLOSE && connection->again && connection->exchange);
    connection->running = false;
    return connection->closing ? CLOSE : verdict;
}

/* --- reading --- */

static void settle(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    enum phase phase = connection->used ? PHASE_IDLE : PHASE_HEAD;

    if (exchange->stage == STAGE_BODY)
        phase = PHASE_BODY;
    else if (exchange->start < exchange->end)
        phase = PHASE_HEAD;
    else
        give_back(connection);
    if (phase != PHASE_HEAD || connection->phase != PHASE_HEAD)
        wait_in(connection, phase);
    if (!(connection->source && connection->events == EM_READABLE) &&
        watch(connection, EM_READABLE) < 0)
        connection_close(connection);
}

void connection_run(struct connection *connection)
{
    enum verdict verdict;

    if (connection->running) {
        connection->again = true;
        return;
    }
    verdict = run(connection);
    if (verdict == CLOSE)
        connection_close(connection);
    else if (verdict == READ)
        settle(connection);
}

/* Returns whether the socket may have more. */
static enum verdict read_once(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    size_t room = exchange->in_size - exchange->end;
    enum verdict verdict;
    ssize_t n;

    n = recv(connection->fd, exchange->in + exchange->end, room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        settle(connection);
        return WAIT;
    }
    if (n <= 0)
        return CLOSE;
    exchange->end += (size_t)n;
    verdict = run(connection);
    if (verdict != READ || (size_t)n == room)
        return verdict;
    settle(connection);
    return WAIT;
}

static void read_all(struct connection *connection)
{
    enum verdict verdict = READ;

    while (verdict == READ) {
        if (!connection->exchange)
            connection->exchange =
                exchange_take(connection->server, connection);
        verdict = connection->exchange ? read_once(connection) : CLOSE;
    }
    if (verdict == CLOSE)
        connection_close(connection);
}

/* While the answer is made nothing is read; what comes then is only made to
 * wait when it does come, which spares most requests two system calls. */
static void on_ready(em_source *source, int fd, unsigned events, void *data)
{
    struct connection *connection = data;

    (void)source, (void)fd;
    if (connection->phase == PHASE_LINGER) {
        if (!discard(connection))
            connection_close(connection);
    } else if (connection->phase == PHASE_SEND) {
        connection_run(connection);
    } else if (connection->phase != PHASE_ANSWER) {
        read_all(connection);
    } else if (events & (EM_HANGUP | EM_ERROR) || watch(connection, 0) < 0) {
        connection_close(connection);
    }
}

/* --- beginning, and patience --- */

/* What the master has read to route by comes first. */
static bool take_bytes(struct connection *connection, const em_connection *from)
{
    struct exchange *exchange;

    if (from->size == 0)
        return true;
    exchange = exchange_take(connection->server, connection);
    connection->exchange = exchange;
    if (!exchange || from->size > exchange->in_size)
        return false;
    memcpy(exchange->in, from->data, from->size);
    exchange->end = from->size;
    connection_run(connection);
    return true;
}

void connection_start(struct server *server, em_connection *arrival)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection) {
        server_closed(server); /* who emitted it closes it */
        return;
    }
    connection->server = server;
    connection->fd = arrival->fd;
    connection->phase = PHASE_HEAD;
    connection->since = em_loop_now(server->loop);
    TAILQ_INSERT_TAIL(&server->waiting[PHASE_HEAD], connection, entry);
    peer_set(&connection->peer, arrival);
    arrival->fd = -1;
    if (arrival->size == 0)
        read_all(connection);
    else if (!take_bytes(connection, arrival))
        connection_close(connection);
}

/* Only a request of which a part has come is told why. */
void connection_time_out(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    bool can_tell =
        exchange && !exchange->status &&
        (connection->phase == PHASE_HEAD || connection->phase == PHASE_BODY);

    if (connection->phase != PHASE_IDLE && connection->phase != PHASE_LINGER)
        figure_add(&connection->server->figures->timed_out, 1);
    if (!can_tell) {
        connection_close(connection);
        return;
    }
    exchange->head.method = HTTP_GET;
    answer_refusal(exchange, HTTP_STATUS_REQUEST_TIMEOUT);
}
