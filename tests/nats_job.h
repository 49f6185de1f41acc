/* SPDX-License-Identifier: MIT */
/* Nats job: works that tests serve, and calls that they make. */

#ifndef TESTS_NATS_JOB_H
#define TESTS_NATS_JOB_H

#include <semaphore.h>
#include <stdatomic.h>

#include "nats_pair.h"

/* Appends what it was given, and returns 7. */
int echo(em_baton *baton, void *data);

/* Posts began, then waits for go or, if it returns -ECANCELED, the request to
 * stop; .user is a gate. */
typedef struct gate {
    sem_t began, go;
    atomic_int runs;
} gate;
int pass_gate(em_baton *baton, void *data);
void gate_open(gate *g);
void gate_close(gate *g);

/* Serve, and let the server know; on b by that name. */
em_nats_service *serve_on(em_nats *nats, const char *subject, em_work_fn *work,
                          void *data);
em_nats_service *serve(const char *subject, em_work_fn *work, void *data);

/* Call on a, or on another; after and progress mark what came. */
em_nats_call *call(const char *subject, const char *payload);
em_nats_call *call_within(const char *subject, const char *payload,
                          uint64_t timeout_ms);
void mark_after(em_nats_call *c, int status, const em_nats_bytes *result,
                void *data);
void mark_item(em_nats_call *c, const em_nats_bytes *item, void *data);

/* Turns until so many afters were marked, counted from the start. */
extern int answered;
void run_until_answered(int count);

#endif
