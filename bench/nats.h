/* SPDX-License-Identifier: MIT */
/* Nats: what the implementations of messages through a nats-server share. */

#ifndef BENCH_NATS_H
#define BENCH_NATS_H

#include <emitter/nats.h>

#include "bench.h"

enum { NATS_SIZE = 64 }; /* bytes of a message */

/* A server for this measurement, which ends with its process; its URL is valid
 * until then.  Returns 0 or a negative errno. */
int nats_start(const char **url);
/* With JetStream, in a directory that goes with it. */
int nats_start_durable(const char **url);
void nats_stop(void);

/* Connect to it, and wait for that.  Later errors, too, are left in *error, and
 * stop the loop. */
int nats_connect(em_loop *loop, const char *url, int *error, em_nats **ret);

bench_fn nats_em_setup, nats_em_run, nats_em_teardown;
bench_fn nats_floor_setup, nats_floor_run, nats_floor_teardown;
bench_fn nats_baton_setup, nats_baton_run, nats_baton_teardown;
bench_fn nats_request_setup, nats_request_run, nats_request_teardown;
bench_fn nats_durable_em_setup, nats_durable_em_run, nats_durable_em_teardown;
bench_fn nats_durable_floor_setup, nats_durable_floor_run,
    nats_durable_floor_teardown, nats_durable_results_setup;

#endif
