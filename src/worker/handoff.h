/* SPDX-License-Identifier: MIT */
/* Handoff: a queue of connections from the cluster to one worker. */

#ifndef EM_WORKER_HANDOFF_H
#define EM_WORKER_HANDOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <emitter/worker.h>

/* The cluster's end. */
typedef struct em__handoff {
    int send;          /* our end of the socket pair; -1: not open */
    int back;          /* a duplicate of the worker's */
    uint32_t sent;     /* packets, and so the serial of the next one; wraps */
    size_t packet_max; /* bytes */
} em__handoff;

/* How large a packet with so many bytes of data may be. */
size_t em__handoff_packet_max(size_t data_max);

/* Open it for connections with up to `data_max` bytes each.  *worker is the
 * other end, the caller's, to be given to the worker together with
 * handoff->packet_max.  Returns 0 or what the system said. */
int em__handoff_open(em__handoff *handoff, size_t data_max, int *worker);

/* Close it, with what is still in it. */
void em__handoff_close(em__handoff *handoff);

/* Put a connection in; its descriptor is taken on success.  Returns 0; -EAGAIN
 * while there is no room, until `send` is writable; or -ENOMEM, -ENOBUFS,
 * -ETOOMANYREFS: the system cannot at the moment. */
int em__handoff_put(em__handoff *handoff, const em_connection *connection);

/* Put a packet in that the worker takes and drops, which tells that it takes.
 * Returns as em__handoff_put does. */
int em__handoff_probe(em__handoff *handoff);

/* Take one back, if the worker has not.  buffer has packet_max bytes, which the
 * connection's data then points into.  Returns 1; 0 if there is none; or
 * -EMFILE, -ENFILE (and what the system said) if it has to stay there. */
int em__handoff_take_back(em__handoff *handoff, void *buffer,
                          em_connection *ret);

/* How many packets the worker has not taken yet. */
uint32_t em__handoff_waiting(const em__handoff *handoff);

/* The worker's end.  Take one out of the socket; as em__handoff_take_back.
 * Also -EPIPE once the cluster's end is gone. */
int em__handoff_take(int fd, void *buffer, size_t size, em_connection *ret);

#endif
