/* SPDX-License-Identifier: MIT */
/* Connection: one peer, from 'connection' to close.
 *
 * While it is idle it has no buffers.  It reads before it waits, and watches
 * its socket from the first time that there was nothing to read; one that is
 * closed after its first answer is never watched. */

#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include <stdbool.h>
#include <sys/queue.h>

#include "exchange.h"
#include "peer.h"
#include "server.h"

struct connection {
    TAILQ_ENTRY(connection) entry;
    struct server *server;
    struct exchange *exchange; /* NULL while it is idle */
    em_source *source;         /* NULL: not watched yet */
    uint64_t since;            /* when it began to wait, in the loop's ms */
    union peer peer;
    int fd;
    uint8_t phase;
    uint8_t events; /* what source waits for */
    bool running;   /* its connection_run is on the stack */
    bool again;     /* and should look once more */
    bool used;      /* it has had an answer */
    bool closing;   /* it closes when it comes back there */
};

/* Takes the descriptor. */
void connection_start(struct server *server, em_connection *arrival);

/* Go on as far as it goes: something changed in its exchange. */
void connection_run(struct connection *connection);

/* At once, with whatever is under way. */
void connection_close(struct connection *connection);

/* Waited for too long. */
void connection_time_out(struct connection *connection);

#endif
