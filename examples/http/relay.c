/* SPDX-License-Identifier: MIT */
/* Relay: see relay.h.
 *
 * What was sent stays in `out` until an answer begins, so that it can be sent
 * again to another upstream; a body that does not fit there ends that.  A
 * request that must not be done twice (a POST) is never sent on a connection
 * that was kept, which its other end may just have closed. */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "connection.h"
#include "relay.h"
#include "rewrite.h"

enum { RELAY_IN = 16384, RELAY_BODY = 16384, SPARES_MAX = 64, HEAD_MORE = 512 };

struct relay {
    TAILQ_ENTRY(relay) entry;
    struct relay *next; /* among the spare ones */
    struct proxy *proxy;
    struct exchange *exchange; /* NULL: it has ended */
    struct link *link;
    uint64_t since;
    unsigned tries;
    bool busy;     /* its pump is on the stack, and frees it */
    bool again;    /* and should go on */
    bool paused;   /* there is no room for more of the answer */
    bool complete; /* of the request: all is in out */
    bool whole;    /* and nothing was dropped from it */
    bool heard;    /* a byte of the answer came */
    bool has_head;
    bool to_end;  /* the answer ends with the connection */
    bool decodes; /* for a client that does not know chunks */
    size_t line, in_start, in_end;
    size_t out_start, out_end, out_size;
    uint64_t left;
    struct chunk chunk;
    struct head head;
    char in[RELAY_IN];
    char out[];
};

static void on_link(void *user, unsigned events);
static void pump(struct relay *relay);

/* --- life --- */

static struct relay *take(struct proxy *proxy)
{
    size_t size =
        (size_t)proxy->server->options->max_header + HEAD_MORE + RELAY_BODY;
    struct relay *relay = proxy->spare;

    if (relay)
        proxy->spare = relay->next;
    else
        relay = malloc(sizeof(*relay) + size);
    if (!relay)
        return NULL;
    memset(relay, 0, offsetof(struct relay, head));
    relay->proxy = proxy;
    relay->out_size = size;
    relay->whole = true;
    return relay;
}

static void put_back(struct relay *relay)
{
    relay->next = relay->proxy->spare;
    relay->proxy->spare = relay;
}

static void progress(struct relay *relay)
{
    struct proxy *proxy = relay->proxy;

    relay->since = em_loop_now(proxy->server->loop);
    TAILQ_REMOVE(&proxy->relays, relay, entry);
    TAILQ_INSERT_TAIL(&proxy->relays, relay, entry);
}

/* The exchange goes on without it. */
static void end(struct relay *relay)
{
    struct exchange *exchange = relay->exchange;

    exchange->on_body = NULL;
    exchange->body_room = NULL;
    exchange->on_abort = NULL;
    exchange->on_room = NULL;
    relay->exchange = NULL;
    if (relay->link)
        link_close(relay->link);
    relay->link = NULL;
    TAILQ_REMOVE(&relay->proxy->relays, relay, entry);
    if (!relay->busy)
        put_back(relay);
}

static void on_abort(struct exchange *exchange)
{
    end(exchange->by);
}

/* An answer that has begun can only be cut off. */
static void fail(struct relay *relay, unsigned status)
{
    struct exchange *exchange = relay->exchange;
    bool begun = relay->has_head;

    end(relay);
    if (exchange->stage == STAGE_BODY)
        exchange->last = true; /* what follows may be of any length */
    if (begun)
        connection_close(exchange->connection);
    else
        answer_status(exchange, status, NULL);
}

/* --- the request --- */

static bool can_repeat(const struct relay *relay)
{
    switch (relay->exchange->head.method) {
    case HTTP_GET:
    case HTTP_HEAD:
    case HTTP_OPTIONS:
    case HTTP_TRACE:
    case HTTP_PUT:
    case HTTP_DELETE:
        return relay->whole;
    default:
        return false;
    }
}

/* Returns 0 or -errno. */
static int send_out(struct relay *relay)
{
    ssize_t n;

    while (relay->out_start < relay->out_end) {
        n = send(relay->link->fd, relay->out + relay->out_start,
                 relay->out_end - relay->out_start, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return link_wait(relay->link, EM_READABLE | EM_WRITABLE);
        if (n < 0)
            return -errno;
        relay->out_start += (size_t)n;
    }
    return link_wait(relay->link, relay->paused ? 0 : EM_READABLE);
}

static int try_one(struct relay *relay)
{
    struct upstream *upstream = upstreams_next(relay->proxy->upstreams);
    bool fresh = !can_repeat(relay) || relay->tries > 0;
    int r = upstream_link(upstream, fresh, &relay->link);

    relay->tries++;
    if (r == 0) {
        relay->link->user = relay;
        relay->link->ready = on_link;
        relay->out_start = 0;
        r = send_out(relay);
    }
    if (r < 0 && !(relay->link && relay->link->used))
        upstream_failed(upstream);
    if (r < 0 && relay->link)
        link_close(relay->link);
    if (r < 0)
        relay->link = NULL;
    return r;
}

/* One more than there are upstreams: the first link may have been an old one.
 */
static void try_all(struct relay *relay)
{
    while (relay->tries <= relay->proxy->upstreams->count)
        if (try_one(relay) == 0)
            return;
    fail(relay, HTTP_STATUS_BAD_GATEWAY);
}

/* The link broke.  One that never came up has had nothing of the request. */
static void lose_link(struct relay *relay, bool connected)
{
    struct link *link = relay->link;
    bool again =
        !relay->heard && relay->whole && (!connected || can_repeat(relay));

    if (!link->used)
        upstream_failed(link->upstream);
    link_close(link);
    relay->link = NULL;
    if (again)
        try_all(relay);
    else
        fail(relay, HTTP_STATUS_BAD_GATEWAY);
}

static void on_body(struct exchange *exchange, const char *at, size_t size,
                    bool complete)
{
    struct relay *relay = exchange->by;
    int r;

    memcpy(relay->out + relay->out_end, at, size);
    relay->out_end += size;
    relay->complete = complete;
    progress(relay);
    r = relay->link ? send_out(relay) : 0;
    if (r < 0)
        lose_link(relay, true);
}

static size_t body_room(struct exchange *exchange)
{
    struct relay *relay = exchange->by;

    if (relay->out_end == relay->out_size &&
        relay->out_start == relay->out_end) {
        relay->out_start = relay->out_end = 0;
        relay->whole = false;
    }
    return relay->out_size - relay->out_end;
}

/* --- the answer --- */

/* The last of the answer is in the exchange's out. */
static void finish(struct relay *relay)
{
    struct exchange *exchange = relay->exchange;
    struct link *link = relay->link;

    if (link && relay->complete && relay->out_start == relay->out_end &&
        relay->in_start == relay->in_end && relay->head.keep_alive &&
        !relay->to_end) {
        relay->link = NULL;
        link_keep(link);
    }
    end(relay);
    if (exchange->stage == STAGE_BODY)
        exchange->last = true;
    answer_end(exchange);
}

static bool has_no_body(const struct relay *relay)
{
    unsigned status = relay->head.status;

    return relay->exchange->head.method == HTTP_HEAD || status == 204 ||
           status == 304;
}

static void decide_end(struct relay *relay)
{
    struct exchange *exchange = relay->exchange;

    relay->left = has_no_body(relay) ? 0 : relay->head.length;
    relay->to_end =
        !has_no_body(relay) && !relay->head.chunked && !relay->head.has_length;
    relay->decodes = relay->head.chunked && exchange->head.minor == 0;
    if (relay->to_end || relay->decodes || !exchange->head.keep_alive ||
        exchange->connection->server->draining || exchange->stage == STAGE_BODY)
        exchange->last = true;
}

static const char *last_lines(const struct exchange *exchange)
{
    if (exchange->last)
        return "Connection: close\r\n\r\n";
    return exchange->head.minor == 0 ? "Connection: keep-alive\r\n\r\n"
                                     : "\r\n";
}

/* Returns 1 if it was passed on, 0 if there is no room yet, -1 if it cannot
 * be. */
static int pass_head(struct relay *relay, size_t size)
{
    struct exchange *exchange = relay->exchange;
    size_t written;

    if (exchange_room(exchange) < size + HEAD_MORE)
        return size + HEAD_MORE > OUT_SIZE ? -1 : 0;
    decide_end(relay);
    written =
        rewrite_answer(&relay->head, relay->head.chunked && !relay->decodes,
                       last_lines(exchange), exchange->out + exchange->out_end,
                       exchange_room(exchange));
    exchange->out_end += written;
    exchange->status = relay->head.status;
    relay->in_start += size;
    relay->has_head = true;
    return written ? 1 : -1;
}

/* Informational answers are not passed on: 100 we have given ourselves. */
static int take_head(struct relay *relay)
{
    const char *at = relay->in + relay->in_start;
    long size = head_find(at, relay->in_end - relay->in_start, &relay->line);

    if (size == 0 && relay->in_start == 0 && relay->in_end == RELAY_IN)
        return -1;
    if (size <= 0)
        return size < 0 ? -1 : 2;
    if (head_parse_answer(&relay->head, at, (size_t)size) < 0 ||
        relay->head.status == 101)
        return -1;
    if (relay->head.status < 200) {
        relay->in_start += (size_t)size;
        relay->line = 0;
        return 1;
    }
    return pass_head(relay, (size_t)size);
}

static void put_out(struct relay *relay, const char *at, size_t size)
{
    struct exchange *exchange = relay->exchange;

    memcpy(exchange->out + exchange->out_end, at, size);
    exchange->out_end += size;
    exchange->sent += size;
}

/* Returns 1, or -1 for what is no chunk. */
static int pass_chunks(struct relay *relay, size_t size)
{
    const char *at;
    struct span data;
    long n;

    while (size > 0 && !relay->chunk.done) {
        at = relay->in + relay->in_start;
        n = chunk_read(&relay->chunk, at, size, &data);
        if (n < 0)
            return -1;
        if (relay->decodes)
            put_out(relay, data.at, data.size);
        else
            put_out(relay, at, (size_t)n);
        relay->in_start += (size_t)n;
        size -= (size_t)n;
    }
    return 1;
}

static bool is_over(const struct relay *relay)
{
    if (!relay->has_head || relay->to_end)
        return false;
    if (relay->head.chunked && !has_no_body(relay))
        return relay->chunk.done;
    return relay->left == 0;
}

/* Returns as take_head does: 1 something was done, 0 no room, 2 more is needed,
 * -1 failure. */
static int take_body(struct relay *relay)
{
    size_t size = relay->in_end - relay->in_start;
    size_t room = exchange_room(relay->exchange);

    if (size == 0)
        return 2;
    if (room == 0)
        return 0;
    if (size > room)
        size = room;
    if (relay->head.chunked)
        return pass_chunks(relay, size);
    if (!relay->to_end && size > relay->left)
        size = (size_t)relay->left;
    put_out(relay, relay->in + relay->in_start, size);
    relay->in_start += size;
    relay->left -= relay->to_end ? 0 : size;
    return 1;
}

static void make_room(struct relay *relay)
{
    size_t size = relay->in_end - relay->in_start;

    if (relay->in_start > 0)
        memmove(relay->in, relay->in + relay->in_start, size);
    relay->in_start = 0;
    relay->in_end = size;
}

/* Returns 1 if something came, 0 if not yet; else the link is lost. */
static int receive(struct relay *relay)
{
    ssize_t n;

    make_room(relay);
    n = recv(relay->link->fd, relay->in + relay->in_end,
             RELAY_IN - relay->in_end, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n == 0)
        return -EPIPE;
    relay->heard = true;
    relay->in_end += (size_t)n;
    return 1;
}

/* No more is read until the client has taken some of it. */
static void hold_back(struct relay *relay)
{
    relay->paused = true;
    if (link_wait(relay->link, relay->out_start < relay->out_end
                                   ? (unsigned)EM_WRITABLE
                                   : 0U) < 0)
        fail(relay, HTTP_STATUS_BAD_GATEWAY);
}

/* Pass on what has come.  Returns what take_head does, never 1. */
static int pass(struct relay *relay)
{
    int r = 1;

    while (r == 1 && !is_over(relay))
        r = relay->has_head ? take_body(relay) : take_head(relay);
    return is_over(relay) ? 3 : r;
}

static void broke(struct relay *relay, int error)
{
    if (relay->has_head && relay->to_end && error == -EPIPE)
        finish(relay);
    else
        lose_link(relay, relay->out_start > 0);
}

/* Read only where nothing is left over; once, since the loop comes back. */
static void step(struct relay *relay, bool readable)
{
    int r = pass(relay);

    if (r == 2 && readable) {
        r = receive(relay);
        if (r < 0) {
            broke(relay, r);
            return;
        }
        r = r > 0 ? pass(relay) : 2;
    }
    if (r == 3)
        finish(relay);
    else if (r < 0)
        fail(relay, HTTP_STATUS_BAD_GATEWAY);
    else if (r == 0)
        hold_back(relay);
}

static void pump(struct relay *relay)
{
    struct connection *connection = relay->exchange->connection;

    relay->busy = true;
    progress(relay);
    do {
        relay->again = false;
        step(relay, !relay->paused);
        if (relay->exchange)
            connection_run(connection); /* have it sent */
    } while (relay->exchange && relay->again);
    relay->busy = false;
    if (!relay->exchange)
        put_back(relay);
}

static void on_room(struct exchange *exchange)
{
    struct relay *relay = exchange->by;

    if (!relay->paused || exchange_room(exchange) < OUT_SIZE / 2)
        return;
    relay->paused = false;
    if (link_wait(relay->link, relay->out_start < relay->out_end
                                   ? (unsigned)(EM_READABLE | EM_WRITABLE)
                                   : (unsigned)EM_READABLE) < 0)
        fail(relay, HTTP_STATUS_BAD_GATEWAY);
    else if (relay->busy)
        relay->again = true;
    else
        pump(relay);
}

static void writable(struct relay *relay)
{
    struct connection *connection = relay->exchange->connection;
    int r = send_out(relay);

    progress(relay);
    if (r < 0)
        lose_link(relay, relay->out_start > 0);
    else if (relay->exchange->stage == STAGE_BODY)
        connection_run(connection); /* there may be room for more */
}

static void on_link(void *user, unsigned events)
{
    struct relay *relay = user;
    bool waits = relay->out_start < relay->out_end;

    if (events & EM_READABLE)
        pump(relay);
    else if (events & (EM_HANGUP | EM_ERROR))
        lose_link(relay, relay->out_start > 0 || !waits);
    else if (events & EM_WRITABLE)
        writable(relay);
}

/* --- beginning --- */

static void attach(struct relay *relay, struct exchange *exchange)
{
    relay->exchange = exchange;
    exchange->by = relay;
    exchange->on_body = on_body;
    exchange->body_room = body_room;
    exchange->on_abort = on_abort;
    exchange->on_room = on_room;
    relay->complete = exchange->stage == STAGE_ANSWER;
    relay->since = em_loop_now(relay->proxy->server->loop);
    TAILQ_INSERT_TAIL(&relay->proxy->relays, relay, entry);
}

void proxy_request(struct proxy *proxy, struct exchange *exchange)
{
    struct relay *relay = take(proxy);
    char peer[INET6_ADDRSTRLEN];

    if (relay)
        relay->out_end = rewrite_request(
            &exchange->head, peer_text(&exchange->connection->peer, peer),
            proxy->upstreams->name, relay->out, relay->out_size - RELAY_BODY);
    if (!relay || relay->out_end == 0) {
        if (relay)
            put_back(relay);
        exchange->last = true;
        answer_status(exchange, HTTP_STATUS_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    attach(relay, exchange);
    try_all(relay);
}

static void on_sweep(em_source *source, void *data)
{
    struct proxy *proxy = data;
    uint64_t patience = proxy->server->options->proxy_ms;
    uint64_t now = em_loop_now(proxy->server->loop);
    struct relay *relay;

    (void)source;
    while ((relay = TAILQ_FIRST(&proxy->relays)) &&
           relay->since + patience <= now) {
        if (relay->link && !relay->heard)
            upstream_failed(relay->link->upstream);
        fail(relay, HTTP_STATUS_GATEWAY_TIMEOUT);
    }
}

int proxy_start(struct proxy *proxy, struct server *server,
                struct upstreams *upstreams)
{
    uint64_t period = server->options->proxy_ms / 4;
    int r;

    *proxy = (struct proxy){ .server = server, .upstreams = upstreams };
    TAILQ_INIT(&proxy->relays);
    upstreams_start(upstreams, server->loop);
    period = period < 10 ? 10 : period > 1000 ? 1000 : period;
    r = em_loop_add_timer(server->loop, period, period, on_sweep, proxy,
                          &proxy->sweep);
    if (r == 0)
        em_source_unref(proxy->sweep);
    return r;
}

void proxy_free(struct proxy *proxy)
{
    struct relay *relay;

    if (!proxy->upstreams)
        return;
    while ((relay = proxy->spare)) {
        proxy->spare = relay->next;
        free(relay);
    }
    em_source_remove(proxy->sweep);
    upstreams_free(proxy->upstreams);
}
