/* SPDX-License-Identifier: MIT */
/* Rewrite: see rewrite.h. */

#include <string.h>
#include <strings.h>

#include "rewrite.h"

struct text {
    char *to;
    size_t size, room; /* room 0: it did not fit */
};

static void put(struct text *text, const char *at, size_t size)
{
    if (text->room - text->size < size) {
        text->room = text->size = 0;
        return;
    }
    memcpy(text->to + text->size, at, size);
    text->size += size;
}

#define PUT(text, literal) put(text, literal, sizeof(literal) - 1)

static void put_span(struct text *text, struct span span)
{
    put(text, span.at, span.size);
}

static void put_header(struct text *text, const struct header *header)
{
    put_span(text, header->name);
    PUT(text, ": ");
    put_span(text, header->value);
    PUT(text, "\r\n");
}

/* Whether a list such as that of Connection has the name. */
static bool lists(struct span list, struct span name)
{
    const char *at = list.at, *end = list.at + list.size;
    size_t size;

    while (at < end) {
        while (at < end && (*at == ' ' || *at == '\t' || *at == ','))
            at++;
        for (size = 0; at + size < end; size++)
            if (at[size] == ',' || at[size] == ' ' || at[size] == '\t')
                break;
        if (size == name.size && strncasecmp(at, name.at, size) == 0)
            return true;
        at += size;
    }
    return false;
}

static bool is_named(const struct head *head, struct span name)
{
    unsigned i;

    for (i = 0; i < head->count; i++)
        if (span_is(head->headers[i].name, "connection") &&
            lists(head->headers[i].value, name))
            return true;
    return false;
}

/* Those that tell a body's length are not to be had away by naming them. */
static bool is_framing(struct span name)
{
    return span_is(name, "content-length") || span_is(name, "host");
}

static bool is_hop_by_hop(const struct head *head, struct span name,
                          bool connection)
{
    if (span_is(name, "connection") || span_is(name, "keep-alive") ||
        span_is(name, "proxy-connection") || span_is(name, "te") ||
        span_is(name, "trailer") || span_is(name, "transfer-encoding") ||
        span_is(name, "upgrade") || span_is(name, "expect"))
        return true;
    return connection && !is_framing(name) && is_named(head, name);
}

/* We write those of a request ourselves. */
static bool is_ours(struct span name)
{
    return span_is(name, "host") || span_is(name, "x-forwarded-for");
}

static void put_headers(struct text *text, const struct head *head,
                        bool request, bool chunked)
{
    bool connection = head_value(head, "connection") != NULL;
    unsigned i;

    for (i = 0; i < head->count; i++)
        if (!is_hop_by_hop(head, head->headers[i].name, connection) &&
            !(request && is_ours(head->headers[i].name)))
            put_header(text, &head->headers[i]);
    if (chunked)
        PUT(text, "Transfer-Encoding: chunked\r\n");
}

/* Every address that came is kept, ours is the last (as nginx and haproxy). */
static void put_forwarded(struct text *text, const struct head *head,
                          const char *peer)
{
    unsigned i;

    PUT(text, "X-Forwarded-For: ");
    for (i = 0; i < head->count; i++) {
        if (!span_is(head->headers[i].name, "x-forwarded-for"))
            continue;
        put_span(text, head->headers[i].value);
        PUT(text, ", ");
    }
    put(text, peer, strlen(peer));
    PUT(text, "\r\n\r\n");
}

static void put_target(struct text *text, const struct head *head)
{
    put_span(text, head->path);
    if (!head->query.at)
        return;
    PUT(text, "?");
    put_span(text, head->query);
}

size_t rewrite_request(const struct head *head, const char *peer,
                       const char *host, char *to, size_t room)
{
    const char *method = http_method_str((enum http_method)head->method);
    struct text text = { to, 0, room };

    put(&text, method, strlen(method));
    PUT(&text, " ");
    put_target(&text, head);
    PUT(&text, " HTTP/1.1\r\nHost: ");
    if (head->host.size > 0)
        put_span(&text, head->host);
    else
        put(&text, host, strlen(host));
    PUT(&text, "\r\n");
    put_headers(&text, head, true, head->chunked);
    put_forwarded(&text, head, peer);
    return text.size;
}

static void put_status(struct text *text, unsigned status)
{
    char digits[3] = { (char)('0' + status / 100),
                       (char)('0' + status / 10 % 10),
                       (char)('0' + status % 10) };
    const char *reason = http_status_str((enum http_status)status);

    PUT(text, "HTTP/1.1 ");
    put(text, digits, 3);
    PUT(text, " ");
    if (*reason != '<') /* <unknown> */
        put(text, reason, strlen(reason));
    PUT(text, "\r\n");
}

size_t rewrite_answer(const struct head *head, bool chunked, const char *end,
                      char *to, size_t room)
{
    struct text text = { to, 0, room };

    put_status(&text, head->status);
    put_headers(&text, head, false, chunked);
    put(&text, end, strlen(end));
    return text.size;
}
