/* SPDX-License-Identifier: MIT */
/* Answer: see answer.h.
 *
 * There is always OUT_ROOM in `out` when a request is emitted, which the lines
 * written here and a short body fit into. */

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "connection.h"
#include "server.h"

/* --- bytes --- */

static void put(struct exchange *exchange, const char *text, size_t size)
{
    memcpy(exchange->out + exchange->out_end, text, size);
    exchange->out_end += size;
}

#define PUT(exchange, text) put(exchange, text, sizeof(text) - 1)

static void put_text(struct exchange *exchange, const char *text)
{
    put(exchange, text, strlen(text));
}

static void put_number(struct exchange *exchange, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    put(exchange, digits + at, sizeof(digits) - at);
}

/* --- the head of an answer --- */

static void put_status(struct exchange *exchange, unsigned status)
{
    exchange->status = status;
    if (status == 200) {
        PUT(exchange, "HTTP/1.1 200 OK\r\nDate: ");
    } else {
        PUT(exchange, "HTTP/1.1 ");
        put_number(exchange, status);
        PUT(exchange, " ");
        put_text(exchange, http_status_str((enum http_status)status));
        PUT(exchange, "\r\nDate: ");
    }
    put_text(exchange, server_date(exchange->connection->server));
}

/* Who asked in HTTP/1.0 to go on has to be told that we do. */
static void put_end(struct exchange *exchange)
{
    if (exchange->last)
        PUT(exchange, "\r\nConnection: close\r\n\r\n");
    else if (exchange->head.minor == 0)
        PUT(exchange, "\r\nConnection: keep-alive\r\n\r\n");
    else
        PUT(exchange, "\r\n\r\n");
}

static void put_head(struct exchange *exchange, unsigned status,
                     const char *type, const char *extra, uint64_t size)
{
    if (!exchange->head.keep_alive || exchange->connection->server->draining)
        exchange->last = true;
    put_status(exchange, status);
    if (type) {
        PUT(exchange, "\r\nContent-Type: ");
        put_text(exchange, type);
    }
    if (extra) {
        PUT(exchange, "\r\n");
        put_text(exchange, extra);
    }
    if (status != HTTP_STATUS_NOT_MODIFIED) {
        PUT(exchange, "\r\nContent-Length: ");
        put_number(exchange, size);
    }
    put_end(exchange);
}

static bool has_body(const struct exchange *exchange)
{
    return exchange->head.method != HTTP_HEAD &&
           exchange->status != HTTP_STATUS_NOT_MODIFIED;
}

/* --- answers --- */

void answer_end(struct exchange *exchange)
{
    struct figures *figures = exchange->connection->server->figures;

    figure_add(&figures->requests, 1);
    figure_add(&figures->answers[exchange->status / 100], 1);
    figure_add(&figures->bytes_out, exchange->sent);
    exchange->answered = true;
    exchange->on_abort = NULL;
    connection_run(exchange->connection);
}

void answer_text(struct exchange *exchange, unsigned status, const char *type,
                 const char *body, size_t size)
{
    put_head(exchange, status, type, NULL, size);
    if (has_body(exchange)) {
        put(exchange, body, size);
        exchange->sent = size;
    }
    answer_end(exchange);
}

void answer_memory(struct exchange *exchange, unsigned status, const char *type,
                   char *body, size_t size)
{
    put_head(exchange, status, type, NULL, size);
    if (has_body(exchange) && size > 0) {
        exchange->tail = body;
        exchange->tail_start = 0;
        exchange->tail_end = size;
        exchange->sent = size;
    } else {
        free(body);
    }
    answer_end(exchange);
}

void answer_file(struct exchange *exchange, unsigned status, const char *type,
                 const char *extra, int fd, off_t offset, uint64_t size)
{
    put_head(exchange, status, type, extra, size);
    exchange->file = fd;
    if (has_body(exchange)) {
        exchange->file_offset = offset;
        exchange->file_left = size;
        exchange->sent = size;
    }
    answer_end(exchange);
}

void answer_status(struct exchange *exchange, unsigned status,
                   const char *extra)
{
    const char *text = http_status_str((enum http_status)status);

    put_head(exchange, status, "text/plain", extra, strlen(text) + 1);
    if (has_body(exchange)) {
        put_text(exchange, text);
        PUT(exchange, "\n");
        exchange->sent = strlen(text) + 1;
    }
    answer_end(exchange);
}

void answer_refusal(struct exchange *exchange, unsigned status)
{
    if (exchange->on_abort)
        exchange->on_abort(exchange);
    figure_add(&exchange->connection->server->figures->refused, 1);
    exchange->last = exchange->refused = true;
    answer_status(exchange, status, NULL);
}

void answer_continue(struct exchange *exchange)
{
    PUT(exchange, "HTTP/1.1 100 Continue\r\n\r\n");
}
