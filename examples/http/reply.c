/* SPDX-License-Identifier: MIT */
/* Reply: see reply.h. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "reply.h"
#include "rewrite.h"

void reply_begin(struct reply *reply, struct exchange *exchange)
{
    memset(reply, 0, offsetof(struct reply, head));
    reply->exchange = exchange;
}

/* --- the head --- */

static bool has_no_body(const struct reply *reply)
{
    unsigned status = reply->head.status;

    return reply->exchange->head.method == HTTP_HEAD || status == 204 ||
           status == 304;
}

static void decide_end(struct reply *reply)
{
    struct exchange *exchange = reply->exchange;

    reply->left = has_no_body(reply) ? 0 : reply->head.length;
    reply->to_end =
        !has_no_body(reply) && !reply->head.chunked && !reply->head.has_length;
    reply->decodes = reply->head.chunked && exchange->head.minor == 0;
    if (reply->to_end || reply->decodes || !exchange->head.keep_alive ||
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

static enum passed pass_head(struct reply *reply, size_t size)
{
    struct exchange *exchange = reply->exchange;
    size_t written;

    if (exchange_room(exchange) < size + REPLY_MORE)
        return size + REPLY_MORE > OUT_SIZE ? PASSED_BAD : PASSED_FULL;
    decide_end(reply);
    written =
        rewrite_answer(&reply->head, reply->head.chunked && !reply->decodes,
                       last_lines(exchange), exchange->out + exchange->out_end,
                       exchange_room(exchange));
    exchange->out_end += written;
    exchange->status = reply->head.status;
    reply->in_start += size;
    reply->has_head = true;
    return written ? PASSED_SOME : PASSED_BAD;
}

/* Informational answers are not passed on: 100 we have given ourselves. */
static enum passed take_head(struct reply *reply)
{
    const char *at = reply->in + reply->in_start;
    long size = head_find(at, reply->in_end - reply->in_start, &reply->line);

    if (size == 0 && reply->in_start == 0 && reply->in_end == REPLY_IN)
        return PASSED_BAD;
    if (size <= 0)
        return size < 0 ? PASSED_BAD : PASSED_ALL;
    if (head_parse_answer(&reply->head, at, (size_t)size) < 0 ||
        reply->head.status == 101)
        return PASSED_BAD;
    if (reply->head.status < 200) {
        reply->in_start += (size_t)size;
        reply->line = 0;
        return PASSED_SOME;
    }
    return pass_head(reply, (size_t)size);
}

/* --- the body --- */

static void put_out(struct reply *reply, const char *at, size_t size)
{
    struct exchange *exchange = reply->exchange;

    memcpy(exchange->out + exchange->out_end, at, size);
    exchange->out_end += size;
    exchange->sent += size;
}

static enum passed pass_chunks(struct reply *reply, size_t size)
{
    const char *at;
    struct span data;
    long n;

    while (size > 0 && !reply->chunk.done) {
        at = reply->in + reply->in_start;
        n = chunk_read(&reply->chunk, at, size, &data);
        if (n < 0)
            return PASSED_BAD;
        if (reply->decodes)
            put_out(reply, data.at, data.size);
        else
            put_out(reply, at, (size_t)n);
        reply->in_start += (size_t)n;
        size -= (size_t)n;
    }
    return PASSED_SOME;
}

static enum passed take_body(struct reply *reply)
{
    size_t size = reply->in_end - reply->in_start;
    size_t room = exchange_room(reply->exchange);

    if (size == 0)
        return PASSED_ALL;
    if (room == 0)
        return PASSED_FULL;
    if (size > room)
        size = room;
    if (reply->head.chunked)
        return pass_chunks(reply, size);
    if (!reply->to_end && size > reply->left)
        size = (size_t)reply->left;
    put_out(reply, reply->in + reply->in_start, size);
    reply->in_start += size;
    reply->left -= reply->to_end ? 0 : size;
    return PASSED_SOME;
}

/* --- what comes --- */

static void make_room(struct reply *reply)
{
    size_t size = reply->in_end - reply->in_start;

    if (reply->in_start > 0)
        memmove(reply->in, reply->in + reply->in_start, size);
    reply->in_start = 0;
    reply->in_end = size;
}

int reply_receive(struct reply *reply, int fd)
{
    ssize_t n;

    make_room(reply);
    n = recv(fd, reply->in + reply->in_end, REPLY_IN - reply->in_end, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n == 0)
        return -EPIPE;
    reply->heard = true;
    reply->in_end += (size_t)n;
    return 1;
}

static bool is_over(const struct reply *reply)
{
    if (!reply->has_head || reply->to_end)
        return false;
    if (reply->head.chunked && !has_no_body(reply))
        return reply->chunk.done;
    return reply->left == 0;
}

enum passed reply_pass(struct reply *reply)
{
    enum passed r = PASSED_SOME;

    while (r == PASSED_SOME && !is_over(reply))
        r = reply->has_head ? take_body(reply) : take_head(reply);
    return is_over(reply) ? PASSED_OVER : r;
}

bool reply_keeps(const struct reply *reply)
{
    return reply->in_start == reply->in_end && reply->head.keep_alive &&
           !reply->to_end;
}
