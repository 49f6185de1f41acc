/* SPDX-License-Identifier: MIT */
/* Accept: taking connections off a listening socket. */

#ifndef EM_WORKER_ACCEPT_H
#define EM_WORKER_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>

#include <emitter/worker.h>

#include "base/list.h"

typedef struct em__acceptor em__acceptor;

typedef struct em__acceptor_calls {
    /* A connection, whose descriptor is now the callee's.  It may pause or
     * close the acceptor. */
    void (*accepted)(em__acceptor *acceptor, const em_connection *connection);
    /* The system refuses them: `shed` of them were accepted and closed, and
     * none is tried until a little later.  May close the acceptor.  May be
     * NULL. */
    void (*refused)(em__acceptor *acceptor, int error, unsigned shed);
} em__acceptor_calls;

typedef enum em__acceptor_kind {
    EM__ACCEPT_ALONE, /* nobody else accepts here: closes what it cannot serve
                       */
    EM__ACCEPT_SHARED /* others do: takes few at a time, leaves it to them */
} em__acceptor_kind;

struct em__acceptor {
    em__list node; /* its owner's */
    em_loop *loop;
    const em__acceptor_calls *calls;
    em_source *source;
    em_source *timer; /* to try again after a refusal */
    int fd;           /* listening; ours */
    int spare;        /* a number kept free for shedding; -1: none */
    bool shared, paused, refused;
    uint64_t turn, callbacks; /* of the loop, when it was readable last */
    bool *gone;               /* set when it is closed inside its callback */
};

/* Accept from now on.  fd, which must not block, is taken on success.  Returns
 * 0, -ENOMEM, or what the system said. */
int em__acceptor_open(em__acceptor *acceptor, em_loop *loop, int fd,
                      em__acceptor_kind kind, const em__acceptor_calls *calls);

/* Leave connections to the backlog for a while. */
void em__acceptor_pause(em__acceptor *acceptor);
void em__acceptor_resume(em__acceptor *acceptor);

/* Take what has connected so far, as accepted; it may close the acceptor. */
void em__acceptor_drain(em__acceptor *acceptor);

/* Legal in every callback. */
void em__acceptor_close(em__acceptor *acceptor);

#endif
