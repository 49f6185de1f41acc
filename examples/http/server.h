/* SPDX-License-Identifier: MIT */
/* Server: what one worker does with the connections it is given.
 *
 * It is an emitter, and has no listening socket: a connection comes as
 * 'connection' (em_connection, as the worker's parent end emits it, from which
 * it is forwarded), a request as 'request' (struct exchange). */

#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <sys/queue.h>
#include <time.h>

#include <emitter.h>

#include "board.h"
#include "log.h"
#include "options.h"

/* What a connection waits for.  All that wait for the same have the same time
 * to do so, so each list is in the order of its time-outs. */
enum phase {
    PHASE_IDLE,   /* a request */
    PHASE_HEAD,   /* the rest of its head, since its first byte */
    PHASE_BODY,   /* more of its body */
    PHASE_ANSWER, /* us */
    PHASE_SEND,   /* room for the answer */
    PHASE_LINGER, /* the peer's end, so that it sees why we refused */
    PHASES
};

TAILQ_HEAD(connections, connection);

struct server {
    em_emitter emitter;
    em_loop *loop;
    em_worker *parent;
    const struct options *options;
    struct board *board;
    struct figures *figures;
    const char *request; /* the event's interned name */
    struct connections waiting[PHASES];
    uint64_t patience[PHASES]; /* ms */
    em_source *sweep;          /* looks for those that waited too long */
    struct exchange *spare;    /* to be used again */
    unsigned spares;
    uint64_t open;       /* connections */
    em_source *listener; /* with --ports, else NULL */
    bool starved;        /* it waits until a connection was closed */
    struct log log;
    bool streams;  /* a request is emitted before its body has come */
    bool draining; /* answers say that they are the last */
    time_t date_of;
    char date[32]; /* as in Date: */
};

/* Returns 0 or -errno. */
int server_start(struct server *server, em_loop *loop, em_worker *parent,
                 const struct options *options, struct board *board);

/* Answer what is there and comes soon, then close everything and let the loop
 * end. */
void server_drain(struct server *server);

/* A connection was closed. */
void server_closed(struct server *server);

/* The time for a Date header, made once a second. */
const char *server_date(struct server *server);

void server_free(struct server *server);

#endif
