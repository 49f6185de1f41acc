/* SPDX-License-Identifier: MIT */
/* Intake: how connections reach a worker, in every route. */

#ifndef EM_WORKER_INTAKE_H
#define EM_WORKER_INTAKE_H

#include <stdbool.h>

#include <emitter/worker.h>

#include "base/list.h"

typedef struct em__intake em__intake;

/* A connection came.  Its descriptor is closed on return unless the callee took
 * it and set it to -1.  May close the intake. */
typedef void em__intake_fn(em__intake *intake, em_connection *connection);

struct em__intake {
    em_loop *loop;
    em__intake_fn *fn;
    em__list acceptors;
    em_source *source; /* of the hand-off queue; NULL: there is none */
    em_source *timer;  /* to try again where there were no descriptors */
    int fd;            /* the worker's end of that queue, ours */
    void *buffer;      /* for one packet */
    size_t size;
    bool *gone; /* set when it is closed inside its callback */
};

void em__intake_init(em__intake *intake, em_loop *loop, em__intake_fn *fn);

/* Take from a hand-off queue, with packets of up to `size` bytes; or accept on
 * a listening socket, which other processes do too if it is `shared`.  The
 * descriptor is taken on success.  Returns 0, -ENOMEM, -EALREADY for a second
 * queue, or what the system said. */
int em__intake_add_queue(em__intake *intake, int fd, size_t size);
int em__intake_add_listener(em__intake *intake, int fd, bool shared);

/* Have those that are there already, then no more: the worker is to stop. */
void em__intake_finish(em__intake *intake);

/* At once. */
void em__intake_close(em__intake *intake);

#endif
