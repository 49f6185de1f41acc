/* SPDX-License-Identifier: MIT */
/* Head: see head.h. */

#define _GNU_SOURCE /* memrchr */

#include <errno.h>
#include <string.h>

#include "head.h"

/* --- headers by name --- */

const struct span *head_value(const struct head *head, const char *name)
{
    unsigned i;

    for (i = 0; i < head->count; i++)
        if (span_is(head->headers[i].name, name))
            return &head->headers[i].value;
    return NULL;
}

/* --- its end --- */

static bool is_folded(const char *data, size_t line)
{
    return line > 0 && (data[line] == ' ' || data[line] == '\t');
}

long head_find(const char *data, size_t size, size_t *line)
{
    const char *end;
    size_t at;

    while (*line < size) {
        if (is_folded(data, *line))
            return -EBADMSG;
        end = memchr(data + *line, '\n', size - *line);
        if (!end)
            return 0;
        at = (size_t)(end - data);
        if (at == 0 || data[at - 1] != '\r')
            return -EBADMSG;
        if (at == *line + 1)
            return (long)at + 1;
        *line = at + 1;
    }
    return 0;
}

/* --- what http-parser tells --- */

struct parse {
    struct head *head;
    bool in_value, too_many;
};

static void extend(struct span *span, const char *at, size_t size)
{
    if (!span->at)
        span->at = at;
    span->size = (size_t)(at - span->at) + size;
}

static int on_url(http_parser *parser, const char *at, size_t size)
{
    struct parse *parse = parser->data;

    extend(&parse->head->target, at, size);
    return 0;
}

static int on_name(http_parser *parser, const char *at, size_t size)
{
    struct parse *parse = parser->data;
    struct head *head = parse->head;

    if (parse->in_value || head->count == 0) {
        if (head->count == HEADERS_MAX) {
            parse->too_many = true;
            return -1;
        }
        head->headers[head->count++] = (struct header){ 0 };
        parse->in_value = false;
    }
    extend(&head->headers[head->count - 1].name, at, size);
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t size)
{
    struct parse *parse = parser->data;

    parse->in_value = true;
    extend(&parse->head->headers[parse->head->count - 1].value, at, size);
    return 0;
}

/* The body is not for http-parser, and neither is a change of protocol. */
static int on_end(http_parser *parser)
{
    struct parse *parse = parser->data;

    parse->head->keep_alive = http_should_keep_alive(parser) != 0;
    parser->upgrade = 0;
    return 1;
}

static const http_parser_settings calls = { .on_url = on_url,
                                            .on_header_field = on_name,
                                            .on_header_value = on_value,
                                            .on_headers_complete = on_end };

/* Everything but the headers is cleared: 1.5 KiB a request are not. */
static void clear(struct head *head)
{
    memset(head, 0, offsetof(struct head, headers));
}

static int refusal(const http_parser *parser, const struct parse *parse)
{
    if (parse->too_many || parser->http_errno == HPE_HEADER_OVERFLOW)
        return HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
    if (parser->http_errno == HPE_INVALID_VERSION)
        return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
    return HTTP_STATUS_BAD_REQUEST;
}

static int parse(struct head *head, enum http_parser_type type,
                 const char *data, size_t size)
{
    struct parse parse = { .head = head };
    http_parser parser;

    clear(head);
    http_parser_init(&parser, type);
    parser.data = &parse;
    (void)http_parser_execute(&parser, &calls, data, size);
    if (parser.http_errno != HPE_OK)
        return refusal(&parser, &parse);
    if (parser.http_major != 1)
        return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
    head->minor = parser.http_minor > 0;
    head->method = parser.method;
    head->status = parser.status_code;
    return 0;
}

/* --- characters --- */

/* A bit for each. */
struct set {
    uint64_t has[4];
};

/* Of field names: letters, digits and !#$%&'*+-.^_`|~ (RFC 9110, section
 * 5.6.2).  The packaged http-parser is built lenient and lets a space through.
 */
static const struct set in_token = { { 0x03ff6cfa00000000,
                                       0x57ffffffc7fffffe } };

/* Of field values: no control characters but tabs (section 5.5). */
static const struct set in_text = { { 0xffffffff00000200, 0x7fffffffffffffff,
                                      UINT64_MAX, UINT64_MAX } };

/* Of a host and its port (RFC 3986, section 3.2.2); a comma would be a list to
 * some. */
static const struct set in_host = { { 0x2fff6ff200000000,
                                      0x47fffffeaffffffe } };

/* Of a target: what is printed, and no fragment. */
static const struct set in_target = { { 0xfffffff600000000,
                                        0x7fffffffffffffff } };

static bool has(const struct set *set, char c)
{
    return set->has[(unsigned char)c / 64] >> (unsigned char)c % 64 & 1;
}

static bool consists_of(struct span span, const struct set *set)
{
    size_t i;

    for (i = 0; i < span.size; i++)
        if (!has(set, span.at[i]))
            return false;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_token(char c)
{
    return has(&in_token, c);
}

bool is_text(char c)
{
    return has(&in_text, c);
}

/* --- headers that decide where a message ends --- */

/* More digits than these would be 413 whatever they are. */
enum { DIGITS_MAX = 18 };

static int read_length(struct head *head, struct span value)
{
    size_t i;

    if (head->has_length || value.size == 0)
        return HTTP_STATUS_BAD_REQUEST;
    for (i = 0; i < value.size; i++)
        if (!is_digit(value.at[i]))
            return HTTP_STATUS_BAD_REQUEST;
    if (value.size > DIGITS_MAX)
        return HTTP_STATUS_PAYLOAD_TOO_LARGE;
    for (i = 0; i < value.size; i++)
        head->length = head->length * 10 + (uint64_t)(value.at[i] - '0');
    head->has_length = true;
    return 0;
}

/* The last of a list, whatever is before it. */
static struct span last_of(struct span list)
{
    const char *comma = memrchr(list.at, ',', list.size);
    const char *end = list.at + list.size, *at = comma ? comma + 1 : list.at;

    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return (struct span){ at, (size_t)(end - at) };
}

/* Where chunked is not the last coding nobody knows where the body ends: 400;
 * another one below it we just do not know: 501 (RFC 9112, sections 6.1, 6.3).
 */
static int read_coding(struct head *head, struct span value)
{
    if (head->chunked || head->minor == 0)
        return HTTP_STATUS_BAD_REQUEST;
    if (!span_is(last_of(value), "chunked"))
        return HTTP_STATUS_BAD_REQUEST;
    if (!span_is(value, "chunked"))
        return HTTP_STATUS_NOT_IMPLEMENTED;
    head->chunked = true;
    return 0;
}

static int read_host(struct head *head, struct span value)
{
    if (head->host.at || !consists_of(value, &in_host))
        return HTTP_STATUS_BAD_REQUEST;
    head->host = value;
    return 0;
}

static int read_expect(struct head *head, struct span value)
{
    if (!span_is(value, "100-continue"))
        return HTTP_STATUS_EXPECTATION_FAILED;
    head->expects = head->minor > 0;
    return 0;
}

static struct span trimmed(struct span value)
{
    while (value.size > 0 && (value.at[value.size - 1] == ' ' ||
                              value.at[value.size - 1] == '\t'))
        value.size--;
    return value;
}

static int read_header(struct head *head, struct header *header)
{
    struct span name = header->name;

    if (!header->value.at)
        header->value = (struct span){ "", 0 };
    header->value = trimmed(header->value);
    if (name.size == 0 || !consists_of(name, &in_token) ||
        !consists_of(header->value, &in_text))
        return HTTP_STATUS_BAD_REQUEST;
    if (span_is(name, "host"))
        return read_host(head, header->value);
    if (span_is(name, "expect"))
        return read_expect(head, header->value);
    if (span_is(name, "content-length"))
        return read_length(head, header->value);
    if (span_is(name, "transfer-encoding"))
        return read_coding(head, header->value);
    return 0;
}

static int read_headers(struct head *head)
{
    unsigned i;
    int status;

    for (i = 0; i < head->count; i++) {
        status = read_header(head, &head->headers[i]);
        if (status)
            return status;
    }
    return head->chunked && head->has_length ? HTTP_STATUS_BAD_REQUEST : 0;
}

/* --- the request line --- */

/* METHOD, one space, target, one space, HTTP/D.D, a digit each (RFC 9112,
 * section 3); http-parser is content with more spaces, and others are not. */
static bool is_request_line(const char *data, size_t size)
{
    const char *end = memchr(data, '\r', size), *target, *version;

    if (!end || !(target = memchr(data, ' ', (size_t)(end - data))))
        return false;
    target++;
    version = memchr(target, ' ', (size_t)(end - target));
    return version && version > target && end - version == 9 &&
           memcmp(version, " HTTP/", 6) == 0 && is_digit(version[6]) &&
           version[7] == '.' && is_digit(version[8]);
}

/* http://HOST/PATH: that host counts (RFC 9112, section 3.2.2), and there has
 * to be one (RFC 9110, section 4.2.1). */
static int strip_origin(struct head *head)
{
    const char *end = head->target.at + head->target.size, *at, *path;

    at = memchr(head->target.at, ':', head->target.size);
    if (*head->target.at == '/' || !at || end - at < 3 ||
        memcmp(at, "://", 3) != 0)
        return 0;
    at += 3;
    for (path = at; path < end && *path != '/' && *path != '?'; path++)
        ;
    head->host = (struct span){ at, (size_t)(path - at) };
    head->path = (struct span){ path, (size_t)(end - path) };
    return head->host.size > 0 && *at != ':' &&
                   consists_of(head->host, &in_host)
               ? 0
               : HTTP_STATUS_BAD_REQUEST;
}

static void split_query(struct head *head)
{
    const char *mark = memchr(head->path.at, '?', head->path.size);

    if (!mark)
        return;
    head->query.at = mark + 1;
    head->query.size = head->path.size - (size_t)(mark + 1 - head->path.at);
    head->path.size = (size_t)(mark - head->path.at);
}

/* An origin alone is its root, or the server itself (RFC 9112, section 3.2.4).
 */
static void complete_path(struct head *head)
{
    bool all = head->method == HTTP_OPTIONS && !head->query.at;

    if (head->path.size == 0)
        head->path = (struct span){ all ? "*" : "/", 1 };
}

static int split_target(struct head *head)
{
    int status;

    if (head->target.size == 0 || !consists_of(head->target, &in_target))
        return HTTP_STATUS_BAD_REQUEST;
    head->path = head->target;
    status = strip_origin(head);
    if (status)
        return status;
    split_query(head);
    complete_path(head);
    if (*head->path.at != '/' &&
        !(head->method == HTTP_OPTIONS && span_is(head->path, "*")))
        return HTTP_STATUS_BAD_REQUEST;
    return 0;
}

int head_parse_request(struct head *head, const char *data, size_t size)
{
    int status;

    if (!is_request_line(data, size))
        return HTTP_STATUS_BAD_REQUEST;
    status = parse(head, HTTP_REQUEST, data, size);
    if (status)
        return status;
    if (head->method == HTTP_CONNECT)
        return HTTP_STATUS_METHOD_NOT_ALLOWED;
    status = read_headers(head);
    if (status)
        return status;
    if (!head->host.at && head->minor > 0)
        return HTTP_STATUS_BAD_REQUEST;
    return split_target(head);
}

int head_parse_answer(struct head *head, const char *data, size_t size)
{
    if (parse(head, HTTP_RESPONSE, data, size) || read_headers(head))
        return -EBADMSG;
    return head->status >= 100 && head->status <= 599 ? 0 : -EBADMSG;
}
