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
#include "reply.h"
#include "rewrite.h"

enum { RELAY_BODY = 16384, SPARES_MAX = 64 };

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
    size_t out_start, out_end, out_size;
    struct reply reply;
    char out[];
};

static void on_link(void *user, unsigned events);
static void pump(struct relay *relay);

/* --- life --- */

static struct relay *take(struct proxy *proxy)
{
    size_t size =
        (size_t)proxy->server->options->max_header + REPLY_MORE + RELAY_BODY;
    struct relay *relay = proxy->spare;

    if (relay) {
        proxy->spare = relay->next;
        proxy->spares--;
    } else {
        relay = malloc(sizeof(*relay) + size);
    }
    if (!relay)
        return NULL;
    memset(relay, 0, offsetof(struct relay, reply));
    relay->proxy = proxy;
    relay->out_size = size;
    relay->whole = true;
    return relay;
}

static void put_back(struct relay *relay)
{
    struct proxy *proxy = relay->proxy;

    if (proxy->spares == SPARES_MAX) {
        free(relay);
        return;
    }
    relay->next = proxy->spare;
    proxy->spare = relay;
    proxy->spares++;
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
    bool begun = relay->reply.has_head;

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
    bool again = !relay->reply.heard && relay->whole &&
                 (!connected || can_repeat(relay));

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
        reply_keeps(&relay->reply)) {
        relay->link = NULL;
        link_keep(link);
    }
    end(relay);
    if (exchange->stage == STAGE_BODY)
        exchange->last = true;
    answer_end(exchange);
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

static void broke(struct relay *relay, int error)
{
    if (relay->reply.has_head && relay->reply.to_end && error == -EPIPE)
        finish(relay);
    else
        lose_link(relay, relay->out_start > 0);
}

/* Read only where nothing is left over; once, since the loop comes back. */
static void step(struct relay *relay, bool readable)
{
    enum passed passed = reply_pass(&relay->reply);
    int r;

    if (passed == PASSED_ALL && readable) {
        r = reply_receive(&relay->reply, relay->link->fd);
        if (r < 0) {
            broke(relay, r);
            return;
        }
        if (r > 0)
            passed = reply_pass(&relay->reply);
    }
    if (passed == PASSED_OVER)
        finish(relay);
    else if (passed == PASSED_BAD)
        fail(relay, HTTP_STATUS_BAD_GATEWAY);
    else if (passed == PASSED_FULL)
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
    reply_begin(&relay->reply, exchange);
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
        if (relay->link && !relay->reply.heard)
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
