/* SPDX-License-Identifier: MIT */
/* Exchange: see exchange.h. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "connection.h"
#include "exchange.h"

enum { SPARES_MAX = 64, SENDFILE_MAX = 1 << 20 };

/* --- life --- */

static struct exchange *make(const struct options *options)
{
    size_t size = (size_t)options->max_header + IN_ROOM;
    struct exchange *exchange = malloc(sizeof(*exchange) + size);

    if (exchange)
        exchange->in_size = size;
    return exchange;
}

void exchange_next(struct exchange *exchange)
{
    free(exchange->tail);
    exchange->tail = NULL;
    exchange->file = -1;
    exchange->file_left = 0;
    exchange->stage = STAGE_HEAD;
    exchange->emitted = exchange->answered = false;
    exchange->line = 0;
    exchange->body_left = exchange->body_size = exchange->sent = 0;
    exchange->on_body = NULL;
    exchange->body_room = NULL;
    exchange->on_abort = NULL;
    exchange->on_room = NULL;
    exchange->by = NULL;
    exchange->status = 0;
    exchange->number = 0;
    exchange->head.method = HTTP_GET;
    exchange->head.minor = 1;
    exchange->head.target.size = 0;
}

struct exchange *exchange_take(struct server *server,
                               struct connection *connection)
{
    struct exchange *exchange = server->spare;

    if (exchange) {
        server->spare = exchange->next;
        server->spares--;
    } else {
        exchange = make(server->options);
        if (!exchange)
            return NULL;
    }
    exchange->connection = connection;
    exchange->tail = NULL;
    exchange->last = exchange->refused = false;
    exchange->start = exchange->end = 0;
    exchange->out_start = exchange->out_end = 0;
    exchange_next(exchange);
    return exchange;
}

static void drop_answer(struct exchange *exchange)
{
    free(exchange->tail);
    exchange->tail = NULL;
    if (exchange->file >= 0)
        (void)close(exchange->file);
    exchange->file = -1;
}

void exchange_give_back(struct server *server, struct exchange *exchange)
{
    if (exchange->on_abort)
        exchange->on_abort(exchange);
    drop_answer(exchange);
    if (server->spares == SPARES_MAX) {
        free(exchange);
        return;
    }
    exchange->next = server->spare;
    server->spare = exchange;
    server->spares++;
}

/* --- the head --- */

static void move_to_front(struct exchange *exchange)
{
    size_t size = exchange->end - exchange->start;

    memmove(exchange->in, exchange->in + exchange->start, size);
    exchange->start = 0;
    exchange->end = size;
}

/* Empty lines before a request are let through (RFC 9112, section 2.2). */
static void skip_empty_lines(struct exchange *exchange)
{
    while (exchange->end - exchange->start >= 2 && exchange->line == 0 &&
           memcmp(exchange->in + exchange->start, "\r\n", 2) == 0)
        exchange->start += 2;
}

/* What is no method is refused at once: a client that speaks another protocol
 * may never send the end of a line. */
static bool begins_well(const struct exchange *exchange)
{
    char first = exchange->in[exchange->start];

    return (first >= 'A' && first <= 'Z') || first == '\r';
}

static int wait_for_head(struct exchange *exchange, size_t max_header)
{
    if (exchange->end - exchange->start >= max_header)
        return HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
    if (exchange->start > 0)
        move_to_front(exchange);
    return 0;
}

/* There must be room for a body behind its head; the spans move along. */
static void make_room(struct exchange *exchange)
{
    if (exchange->start == 0)
        return;
    move_to_front(exchange);
    (void)head_parse_request(&exchange->head, exchange->in,
                             exchange->head_size);
}

static int begin_body(struct exchange *exchange, uint64_t max_body)
{
    const struct head *head = &exchange->head;

    if (head->length > max_body)
        return HTTP_STATUS_PAYLOAD_TOO_LARGE;
    if (head->chunked || head->length) {
        make_room(exchange);
        exchange->stage = STAGE_BODY;
        exchange->chunk = (struct chunk){ 0 };
        exchange->body_left = head->length;
    } else {
        exchange->stage = STAGE_ANSWER;
    }
    exchange->start += exchange->head_size;
    return 1;
}

static int parse_head(struct exchange *exchange, const struct options *options)
{
    const char *data;
    long size;
    int status;

    skip_empty_lines(exchange);
    if (exchange->start == exchange->end) {
        exchange->start = exchange->end = 0;
        return 0;
    }
    if (!begins_well(exchange))
        return HTTP_STATUS_BAD_REQUEST;
    data = exchange->in + exchange->start;
    size = head_find(data, exchange->end - exchange->start, &exchange->line);
    if (size < 0)
        return HTTP_STATUS_BAD_REQUEST;
    if (size == 0)
        return wait_for_head(exchange, (size_t)options->max_header);
    if ((uint64_t)size > options->max_header)
        return HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
    exchange->head_size = (size_t)size;
    status = head_parse_request(&exchange->head, data, (size_t)size);
    return status ? status : begin_body(exchange, options->max_body);
}

/* --- the body --- */

static size_t available(const struct exchange *exchange, size_t room)
{
    size_t size = exchange->end - exchange->start;

    return size < room ? size : room;
}

static void take_body(struct exchange *exchange, size_t size, bool complete)
{
    const char *at = exchange->in + exchange->start;

    exchange->start += size;
    if (complete)
        exchange->stage = STAGE_ANSWER;
    if (exchange->on_body)
        exchange->on_body(exchange, at, size, complete);
}

static int parse_sized(struct exchange *exchange, size_t size)
{
    if (size > exchange->body_left)
        size = (size_t)exchange->body_left;
    exchange->body_left -= size;
    take_body(exchange, size, exchange->body_left == 0);
    return 1;
}

static int parse_chunks(struct exchange *exchange, size_t size,
                        uint64_t max_body)
{
    const char *at = exchange->in + exchange->start;
    struct span data;
    size_t used = 0;
    long n;

    while (used < size && !exchange->chunk.done) {
        n = chunk_read(&exchange->chunk, at + used, size - used, &data);
        if (n < 0)
            return n == -EMSGSIZE ? HTTP_STATUS_PAYLOAD_TOO_LARGE
                                  : HTTP_STATUS_BAD_REQUEST;
        used += (size_t)n;
        exchange->body_size += data.size;
        if (exchange->body_size > max_body)
            return HTTP_STATUS_PAYLOAD_TOO_LARGE;
    }
    take_body(exchange, used, exchange->chunk.done);
    return 1;
}

/* What was used makes room behind the head, which stays where it is. */
static int parse_body(struct exchange *exchange, uint64_t max_body)
{
    size_t room =
        exchange->body_room ? exchange->body_room(exchange) : exchange->in_size;
    size_t size = available(exchange, room);
    int r;

    if (size == 0) {
        if (exchange->start == exchange->end)
            exchange->start = exchange->end = exchange->head_size;
        return 0;
    }
    r = exchange->head.chunked ? parse_chunks(exchange, size, max_body)
                               : parse_sized(exchange, size);
    return r;
}

int exchange_parse(struct exchange *exchange)
{
    const struct options *options = exchange->connection->server->options;

    if (exchange->stage == STAGE_HEAD)
        return parse_head(exchange, options);
    if (exchange->stage == STAGE_BODY)
        return parse_body(exchange, options->max_body);
    return 0;
}

/* --- sending --- */

size_t exchange_room(const struct exchange *exchange)
{
    return OUT_SIZE - exchange->out_end;
}

static void sent(struct exchange *exchange, size_t size)
{
    size_t part = exchange->out_end - exchange->out_start;

    if (part > size)
        part = size;
    exchange->out_start += part;
    if (exchange->out_start == exchange->out_end)
        exchange->out_start = exchange->out_end = 0;
    exchange->tail_start += size - part;
    if (exchange->tail && exchange->tail_start == exchange->tail_end) {
        free(exchange->tail);
        exchange->tail = NULL;
    }
}

/* What follows is sent in the same segment: a file, or, after the last answer,
 * the end of the connection. */
static bool more_follows(const struct exchange *exchange)
{
    return exchange->file >= 0 || (exchange->answered && exchange->last);
}

/* Returns 1, 0 or -errno. */
static int send_memory(struct exchange *exchange, int fd)
{
    struct iovec parts[2];
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 1 };
    int more = more_follows(exchange) ? MSG_MORE : 0;
    ssize_t n;

    while (exchange->out_end > exchange->out_start || exchange->tail) {
        parts[0].iov_base = exchange->out + exchange->out_start;
        parts[0].iov_len = exchange->out_end - exchange->out_start;
        if (exchange->tail) {
            parts[1].iov_base = exchange->tail + exchange->tail_start;
            parts[1].iov_len = exchange->tail_end - exchange->tail_start;
            message.msg_iovlen = 2;
            n = sendmsg(fd, &message, MSG_NOSIGNAL | more);
        } else {
            n = send(fd, parts[0].iov_base, parts[0].iov_len,
                     MSG_NOSIGNAL | more);
        }
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        sent(exchange, (size_t)n);
    }
    return 1;
}

/* A file that became shorter cannot be helped: its length was told. */
static int send_file(struct exchange *exchange, int fd)
{
    size_t size;
    ssize_t n;

    while (exchange->file_left > 0) {
        size = exchange->file_left < SENDFILE_MAX ? (size_t)exchange->file_left
                                                  : (size_t)SENDFILE_MAX;
        n = sendfile(fd, exchange->file, &exchange->file_offset, size);
        if (n == 0)
            return -EIO;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        exchange->file_left -= (uint64_t)n;
    }
    (void)close(exchange->file);
    exchange->file = -1;
    return 1;
}

int exchange_flush(struct exchange *exchange, int fd)
{
    int r = send_memory(exchange, fd);

    if (r == 1 && exchange->file >= 0)
        r = send_file(exchange, fd);
    return r;
}
