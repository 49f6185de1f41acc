/* SPDX-License-Identifier: MIT */
/* Peek: connections that wait for their first bytes, or for a worker. */

#ifndef EM_WORKER_PEEK_H
#define EM_WORKER_PEEK_H

#include <emitter/worker.h>

#include "base/list.h"

/* How long a peer may take to send its first bytes, and how many may wait for
 * that at a time; one more drops the oldest. */
enum { EM__PEEK_MS = 10000, EM__PEEK_MAX_WAITING = 1024 };

typedef struct em__peeker em__peeker;

/* A connection that is kept, with the bytes it has sent. */
typedef struct em__arrival {
    em__list node;
    em_connection connection; /* its data, if any, is in bytes */
    unsigned wish;            /* the slot that a function chose */
    em__peeker *peeker;
    em_source *source; /* while it is peeked at */
    uint64_t deadline;
    unsigned char bytes[];
} em__arrival;

typedef struct em__peeker_calls {
    /* It has more bytes than before.  Returns 0 if it was released; -EAGAIN if
     * it needs more; -ECANCELED if the peeker was closed; else it is dropped.
     */
    int (*look)(em__peeker *peeker, em__arrival *arrival);
} em__peeker_calls;

struct em__peeker {
    const em__peeker_calls *calls;
    em_loop *loop;
    em_source *timer;
    em__list waiting; /* the oldest first */
    unsigned count;
    size_t size; /* bytes to read at most */
};

int em__peeker_open(em__peeker *peeker, em_loop *loop, size_t size,
                    const em__peeker_calls *calls);
void em__peeker_close(em__peeker *peeker); /* drops all */

/* Look at what has come of each, a last time, then close. */
void em__peeker_finish(em__peeker *peeker);

/* Wait for the first bytes of a connection, whose descriptor is taken on
 * success.  Returns 0 or what the loop said. */
int em__peeker_add(em__peeker *peeker, const em_connection *connection);

/* Wait no more; the arrival is the caller's. */
void em__peeker_release(em__arrival *arrival);

/* Keep a connection with a copy of its bytes and room for `size`; its
 * descriptor is taken on success.  NULL: no memory. */
em__arrival *em__arrival_new(const em_connection *connection, size_t size);
void em__arrival_free(em__arrival *arrival); /* with its descriptor, if any */

#endif
