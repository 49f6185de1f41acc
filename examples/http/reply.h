/* SPDX-License-Identifier: MIT */
/* Reply: an upstream's answer, on its way from the link to an exchange's out.
 */

#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk.h"
#include "exchange.h"
#include "head.h"

/* REPLY_MORE: what a head may grow by. */
enum { REPLY_IN = 16384, REPLY_MORE = 512 };

enum passed {
    PASSED_BAD = -1, /* it is no answer that anybody should have */
    PASSED_FULL,     /* there is no room for more of it */
    PASSED_SOME,
    PASSED_ALL, /* of what has come; more is to come */
    PASSED_OVER /* all of the answer */
};

struct reply {
    struct exchange *exchange;
    bool heard; /* a byte of it came */
    bool has_head;
    bool to_end;  /* it ends with the link */
    bool decodes; /* for a client that does not know chunks */
    size_t line, in_start, in_end;
    uint64_t left;
    struct chunk chunk;
    struct head head;
    char in[REPLY_IN];
};

void reply_begin(struct reply *reply, struct exchange *exchange);

/* Returns 1 if something came, 0 if not yet; or -errno, -EPIPE for the end. */
int reply_receive(struct reply *reply, int fd);

/* Pass on what has come.  Never returns PASSED_SOME. */
enum passed reply_pass(struct reply *reply);

/* Whether the link it came on may have another request, once it is over. */
bool reply_keeps(const struct reply *reply);

#endif
