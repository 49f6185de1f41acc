/* SPDX-License-Identifier: MIT */
/* Clusters: what their tests share: a server, its clients, and a count. */

#ifndef TESTS_CLUSTERS_H
#define TESTS_CLUSTERS_H

#include <stdatomic.h>
#include <sys/types.h>

#include <emitter.h>

#include "testing.h"

/* Made by begin_cluster, freed by end_cluster, which finds that no child is
 * left. */
extern em_loop *main_loop;
extern em_cluster *cluster;

/* What all workers count together, by the port of the client. */
typedef struct tally {
    atomic_uint begun, served;
    atomic_int taken[65536]; /* the process that has, or had, its connection */
} tally;
extern tally *shared;

/* A loop, and the count. */
void begin_master(void);
void end_master(void);

/* A cluster with these options; where they are not given, of two workers that
 * serve, at 127.0.0.1 and a port, restarted at once.  Its events are marked:
 * "ready", "reload", "message", "exit SLOT" or "killed SLOT" with "wanted",
 * "error CODE", "shed". */
void begin_cluster(const em_cluster_options *options);
void end_cluster(void);

/* Run the loop until so many of those events have come. */
void wait_for(const char *event, unsigned count);

/* Worker main: answer each connection with "SLOT PID BYTES\n", in which BYTES
 * are those that were read before, and close it. */
int serve(em_loop *loop, em_worker *parent, void *data);

/* The same, but an answer waits for a byte of the client, and 'message' tells
 * that em_worker_done has come. */
int hold(em_loop *loop, em_worker *parent, void *data);

/* A client: connected, with bytes sent, and waiting for the answer. */
typedef struct caller {
    int fd, port;
    em_source *source;
    bool done; /* the server closed */
    size_t size;
    char answer[256];
    void (*ended)(struct caller *client);
} caller;

/* from may be NULL. */
void connect_client(caller *client, const char *from, const char *bytes);
void close_client(caller *client);
void await(caller *client);
bool was_answered(const caller *client);

/* One request, whole; the slot that answered, or -1. */
int ask_from(const char *from, const char *bytes);
int ask(void);
pid_t answering_pid(void);        /* of the last answer */
const char *answering_text(void); /* its BYTES */

#endif
