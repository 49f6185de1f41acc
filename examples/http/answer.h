/* SPDX-License-Identifier: MIT */
/* Answer: how an answer is put into an exchange. */

#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "exchange.h"

/* A short body, copied. */
void answer_text(struct exchange *exchange, unsigned status, const char *type,
                 const char *body, size_t size);

/* A body of any length, from malloc, that becomes the exchange's. */
void answer_memory(struct exchange *exchange, unsigned status, const char *type,
                   char *body, size_t size);

/* A file, which becomes the exchange's.  extra: further header lines. */
void answer_file(struct exchange *exchange, unsigned status, const char *type,
                 const char *extra, int fd, off_t offset, uint64_t size);

/* What the status says, as text; from 400 on for requests not understood the
 * connection ends with it. */
void answer_status(struct exchange *exchange, unsigned status,
                   const char *extra);

/* Refuse what came: this answer is the last. */
void answer_refusal(struct exchange *exchange, unsigned status);

/* Go on with a request's body. */
void answer_continue(struct exchange *exchange);

/* The answer is complete. */
void answer_end(struct exchange *exchange);

#endif
