/* SPDX-License-Identifier: MIT */
/* Rewrite: heads as a proxy passes them on: without the headers that are for
 * one connection only (RFC 9110, section 7.6.1), and with its own. */

#ifndef HTTP_REWRITE_H
#define HTTP_REWRITE_H

#include <stddef.h>

#include "head.h"

/* Both write at most `room` bytes and return how many, 0 if that is too few.
 * Of a request: peer is who sent it, host is for one that names none, as
 * HTTP/1.0 lets it. */
size_t rewrite_request(const struct head *head, const char *peer,
                       const char *host, char *to, size_t room);

/* chunked: the body is passed on as it came; end: the last lines, with the
 * empty one. */
size_t rewrite_answer(const struct head *head, bool chunked, const char *end,
                      char *to, size_t room);

#endif
