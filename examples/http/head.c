/* SPDX-License-Identifier: MIT */
/* Head: see head.h. */

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "head.h"

/* --- spans --- */

bool span_is(struct span span, const char *text)
{
    return span.size == strlen(text) &&
           strncasecmp(span.at, text, span.size) == 0;
}

bool span_is_exact(struct span span, const char *text)
{
    return span.size == strlen(text) && memcmp(span.at, text, span.size) == 0;
}

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

/* --- headers that decide where a message ends --- */

/* Of field names, RFC 9110, section 5.6.2.  The packaged http-parser is built
 * lenient and lets a space through. */
static bool is_token(struct span span)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    size_t i;
    char c;

    for (i = 0; i < span.size; i++) {
        c = span.at[i];
        if ((c | 32) >= 'a' && (c | 32) <= 'z')
            continue;
        if (!(c >= '0' && c <= '9') && (c == 0 || !strchr(others, c)))
            return false;
    }
    return span.size > 0;
}

/* More digits than these would be 413 whatever they are. */
enum { DIGITS_MAX = 18 };

static int read_length(struct head *head, struct span value)
{
    size_t i;

    if (head->has_length || value.size == 0)
        return HTTP_STATUS_BAD_REQUEST;
    for (i = 0; i < value.size; i++)
        if (value.at[i] < '0' || value.at[i] > '9')
            return HTTP_STATUS_BAD_REQUEST;
    if (value.size > DIGITS_MAX)
        return HTTP_STATUS_PAYLOAD_TOO_LARGE;
    for (i = 0; i < value.size; i++)
        head->length = head->length * 10 + (uint64_t)(value.at[i] - '0');
    head->has_length = true;
    return 0;
}

static int read_coding(struct head *head, struct span value)
{
    if (head->chunked || head->minor == 0)
        return HTTP_STATUS_BAD_REQUEST;
    if (!span_is(value, "chunked"))
        return HTTP_STATUS_NOT_IMPLEMENTED;
    head->chunked = true;
    return 0;
}

static int read_host(struct head *head, struct span value)
{
    size_t i;

    if (head->host.at)
        return HTTP_STATUS_BAD_REQUEST;
    for (i = 0; i < value.size; i++)
        if (value.at[i] <= ' ' || strchr("/\\,@?#", value.at[i]))
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

/* http-parser lets control characters other than CR, LF and NUL through. */
static bool is_text(struct span value)
{
    size_t i;

    for (i = 0; i < value.size; i++)
        if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') ||
            value.at[i] == 127)
            return false;
    return true;
}

static struct span trimmed(struct span value)
{
    while (value.size > 0 && (value.at[value.size - 1] == ' ' ||
                              value.at[value.size - 1] == '\t'))
        value.size--;
    return value;
}

/* By length first: most names differ in it. */
static int read_header(struct head *head, struct header *header)
{
    struct span name = header->name;

    if (!header->value.at)
        header->value = (struct span){ "", 0 };
    header->value = trimmed(header->value);
    if (!is_token(name) || !is_text(header->value))
        return HTTP_STATUS_BAD_REQUEST;
    if (name.size == 4 && span_is(name, "host"))
        return read_host(head, header->value);
    if (name.size == 6 && span_is(name, "expect"))
        return read_expect(head, header->value);
    if (name.size == 14 && span_is(name, "content-length"))
        return read_length(head, header->value);
    if (name.size == 17 && span_is(name, "transfer-encoding"))
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

/* --- the target --- */

static bool is_printable(struct span span)
{
    size_t i;

    for (i = 0; i < span.size; i++)
        if (span.at[i] <= ' ' || span.at[i] >= 127 || span.at[i] == '#')
            return false;
    return span.size > 0;
}

/* http://HOST/PATH: that host counts (RFC 9112, section 3.2.2). */
static void strip_origin(struct head *head)
{
    const char *end = head->target.at + head->target.size;
    const char *at = head->target.at, *slash;

    if (*at == '/' || !(slash = memchr(at, ':', head->target.size)))
        return;
    if (end - slash < 3 || memcmp(slash, "://", 3) != 0)
        return;
    at = slash + 3;
    slash = memchr(at, '/', (size_t)(end - at));
    head->host = (struct span){ at, (size_t)((slash ? slash : end) - at) };
    head->path = slash ? (struct span){ slash, (size_t)(end - slash) }
                       : (struct span){ "/", 1 };
}

static int split_target(struct head *head)
{
    const char *mark;

    if (!is_printable(head->target))
        return HTTP_STATUS_BAD_REQUEST;
    head->path = head->target;
    strip_origin(head);
    mark = memchr(head->path.at, '?', head->path.size);
    if (mark) {
        head->query.at = mark + 1;
        head->query.size = head->path.size - (size_t)(mark + 1 - head->path.at);
        head->path.size = (size_t)(mark - head->path.at);
    }
    if (*head->path.at != '/' &&
        !(head->method == HTTP_OPTIONS && span_is(head->path, "*")))
        return HTTP_STATUS_BAD_REQUEST;
    return 0;
}

int head_parse_request(struct head *head, const char *data, size_t size)
{
    int status = parse(head, HTTP_REQUEST, data, size);

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
