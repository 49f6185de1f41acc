/* SPDX-License-Identifier: MIT */
/* Nats durable: works that tests serve durably, and calls that they make. */

#ifndef TESTS_NATS_DURABLE_H
#define TESTS_NATS_DURABLE_H

#include <stdatomic.h>

#include "nats_stream.h"

/* Appends what it was given, or which attempt it is. */
extern atomic_int runs; /* of works that count themselves, as echo does */
int echo(em_baton *baton, void *data);
int tell_attempt(em_baton *baton, void *data);

/* Serve "job" on the stream WORK; 0: as the library does. */
em_nats_service *serve(em_nats *nats, em_work_fn *work, uint64_t ack_ms,
                       unsigned attempts);

/* Call it, and for sure: until that is accepted.  The after marks the word, a
 * colon, and the result or the error, and the last one stops the loop. */
extern int left; /* calls to wait for */
em_nats_call *submit(em_nats *nats, const char *id, const char *payload,
                     char *word);
void submit_for_sure(em_nats *nats, const char *id, const char *payload,
                     char *word);
void note_after(em_nats_call *call, int status, const em_nats_bytes *result,
                void *data);

void run_until_runs(int count);

#endif
