/* SPDX-License-Identifier: MIT */
/* Handoff: what its implementations share: the clients. */

#ifndef BENCH_HANDOFF_H
#define BENCH_HANDOFF_H

#include <netinet/in.h>
#include <pthread.h>

#include "bench.h"

enum { CLIENTS = 4, WORKERS_MAX = 8 };

/* Threads that connect, wait for the server to close, and connect again. */
typedef struct clients {
    struct sockaddr_in server;
    pthread_t threads[CLIENTS];
    unsigned long count;    /* connections of each */
    void (*done)(void *of); /* called by each thread at its end */
    void *data;
    int error;
} clients;

int clients_start(clients *c, unsigned long count);
int clients_join(clients *c);

bench_fn handoff_em_setup, handoff_em_run, handoff_em_teardown;
bench_fn handoff_raw_setup, handoff_raw_run, handoff_raw_teardown;

#endif
