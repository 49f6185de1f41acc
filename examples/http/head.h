/* SPDX-License-Identifier: MIT */
/* Head: the first lines of a request or of an answer, parsed and checked.
 *
 * http-parser reads them; what decides where a message ends is then checked
 * again and more strictly, since two programs that disagree about it can be
 * made to see different requests (RFC 9112, section 11.2).  Nothing is copied:
 * all spans point into the buffer. */

#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <http_parser.h>

enum { HEADERS_MAX = 96 };

struct span {
    const char *at;
    size_t size;
};

struct header {
    struct span name, value;
};

struct head {
    unsigned method; /* enum http_method */
    unsigned status; /* of an answer */
    unsigned minor;  /* of the version, 1.minor */
    struct span target, path, query, host;
    uint64_t length; /* of the body; 0 if there is none or it is chunked */
    bool has_length, chunked, keep_alive, expects;
    unsigned count;
    struct header headers[HEADERS_MAX];
};

/* How long the head at data is; 0 if its end has not come; -EBADMSG for a line
 * that does not end in CR LF or that continues the one before.  *line, 0 at
 * first, is where to go on when there is more. */
long head_find(const char *data, size_t size, size_t *line);

/* Parse a whole head.  Returns 0, or the status that refuses the request. */
int head_parse_request(struct head *head, const char *data, size_t size);

/* Returns 0, or -EBADMSG for an answer that nobody should pass on. */
int head_parse_answer(struct head *head, const char *data, size_t size);

/* The value of the first header of that name, NULL if there is none. */
const struct span *head_value(const struct head *head, const char *name);

/* Of the characters of field names and values (RFC 9110, sections 5.6.2, 5.5).
 */
bool is_token(char c);
bool is_text(char c);

/* By length first, in which most names differ; inline, since that of a literal
 * is then known. */
static inline bool span_is(struct span span, const char *text)
{
    return span.size == strlen(text) && /* whatever the case */
           strncasecmp(span.at, text, span.size) == 0;
}

static inline bool span_is_exact(struct span span, const char *text)
{
    return span.size == strlen(text) && memcmp(span.at, text, span.size) == 0;
}

#endif
