/* SPDX-License-Identifier: MIT */
/* Exchange: requests of one connection and the answers to them.
 *
 * It has the buffers, so a connection holds one only from the first byte of a
 * request until its answers have left.  Answers to pipelined requests gather in
 * `out` and leave in one call. */

#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "chunk.h"
#include "head.h"

struct connection;
struct exchange;
struct server;

enum { OUT_SIZE = 16384, OUT_ROOM = 1024, IN_ROOM = 16384 };

enum stage {
    STAGE_HEAD,
    STAGE_BODY,
    STAGE_ANSWER /* the request is complete, its answer is not */
};

/* A piece of the body as it came, framing included, no more than there was room
 * for; complete: it was the last, and may be empty. */
typedef void exchange_body_fn(struct exchange *exchange, const char *at,
                              size_t size, bool complete);

/* How much of the body can be taken; after 0, connection_run tells that more
 * can. */
typedef size_t exchange_body_room_fn(struct exchange *exchange);

/* The exchange ends before its answer does. */
typedef void exchange_abort_fn(struct exchange *exchange);

/* More of the answer fits. */
typedef void exchange_room_fn(struct exchange *exchange);

struct exchange {
    struct connection *connection; /* NULL: it ended while a baton has it */
    struct exchange *next;         /* among the spare ones */
    enum stage stage;
    bool emitted;  /* 'request' was */
    bool answered; /* the whole answer is in out, tail and file */
    bool last;     /* nothing is answered after this */
    bool refused;  /* the rest of what came is of no interest */

    /* The request. */
    size_t start, end; /* of what came and is not used yet, in `in` */
    size_t line;       /* see head_find */
    size_t head_size;
    struct head head;
    struct chunk chunk;
    uint64_t body_left; /* not chunked */
    uint64_t body_size; /* so far */

    /* Who answers it. */
    exchange_body_fn *on_body; /* NULL: the body is of no interest */
    exchange_body_room_fn *body_room;
    exchange_abort_fn *on_abort;
    exchange_room_fn *on_room;
    void *by; /* its state */

    /* The answer. */
    unsigned status;
    uint64_t sent;   /* bytes of this answer, for the log */
    uint64_t number; /* the running number of the request */
    size_t out_start, out_end;
    char *tail; /* a body too large for out, ours */
    size_t tail_start, tail_end;
    int file; /* -1: none */
    off_t file_offset;
    uint64_t file_left;

    size_t in_size;
    char out[OUT_SIZE];
    char in[];
};

/* NULL: no memory. */
struct exchange *exchange_take(struct server *server,
                               struct connection *connection);
void exchange_give_back(struct server *server, struct exchange *exchange);

/* Ready for the next request on the same connection. */
void exchange_next(struct exchange *exchange);

/* Use what came.  Returns 1 if that changed something, 0 if more is needed or
 * the answer has to be made first; or the status that refuses the request. */
int exchange_parse(struct exchange *exchange);

/* Send what is ready.  Returns 1 when all of it went, 0 if the socket is full,
 * or -errno. */
int exchange_flush(struct exchange *exchange, int fd);

size_t exchange_room(const struct exchange *exchange);

#endif
