/* SPDX-License-Identifier: MIT */
/* Cluster: workers that serve one address, and are replaced when they end.
 *
 * A cluster belongs to its loop's owner, who alone may call these functions; it
 * keeps the loop alive until it was stopped and its last worker has ended, or
 * until it is freed.  em_loop_free frees it too. */

#ifndef EMITTER_CLUSTER_H
#define EMITTER_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <emitter/base.h>
#include <emitter/emitter.h>
#include <emitter/loop.h>
#include <emitter/worker.h>

typedef struct em_cluster em_cluster;

/* Who decides which worker gets a connection. */
typedef enum {
    EM_ROUTE_KERNEL,      /* all accept on the shared socket */
    EM_ROUTE_ROUND_ROBIN, /* one after the other */
    EM_ROUTE_LEAST_BUSY,  /* the fewest connections without em_worker_done */
    EM_ROUTE_IP_HASH,     /* a peer's address always meets the same slot */
    EM_ROUTE_FUNCTION     /* route_fn */
} em_route;

/* Return the slot for a peer that has sent these bytes so far; -EAGAIN to be
 * called again when there are more of them, up to .peek; anything else refuses
 * it.  A slot that is down or does not read: the next one that does. */
typedef int em_route_fn(em_cluster *cluster, const struct sockaddr *peer,
                        const void *first, size_t size, void *data);

/* Zero in a field means its default. */
typedef struct em_cluster_options {
    size_t size;      /* of this struct; EM_OPTIONS sets it */
    unsigned workers; /* slots; 0: as many as there are processors */
    const em_worker_options *worker; /* required; copied, not what it points to,
                                        which must stay while it is restarted */
    const char *listen; /* "127.0.0.1:80", "[::]:80" (IPv4 too), "unix:PATH",
                           "fd:3", "systemd"; NULL: no connections */
    bool
        reuseport; /* a socket of its own for each slot; EM_ROUTE_KERNEL, TCP */
    em_route route;
    em_route_fn *route_fn;
    void *route_data;
    size_t peek;          /* bytes to read before routing, up to EM_PEEK_MAX */
    unsigned ipv4_prefix; /* bits of a peer's address; 0: 32 */
    unsigned ipv6_prefix; /* 0: 64 */
    unsigned restart_budget;    /* restarts of a slot in the window; 0: 10;
                                   UINT_MAX: none, a slot is given up at once */
    uint64_t restart_window_ms; /* 0: 60 000 */
    uint64_t backoff_ms;        /* before the first restart; doubles; 0: 100 */
    uint64_t backoff_max_ms;    /* 0: 15 000 */
    uint64_t drain_ms; /* for a worker to become ready in a reload, and to end
                          when it was asked to; 0: 30 000 */
    bool defer_accept; /* leave a TCP connection to the kernel until its first
                          bytes came, or for a second or so */
} em_cluster_options;

#define EM_PEEK_MAX 65536

EM_BEGIN_DECLS

/* Listen, and start a worker in every slot; they become ready later.  Returns
 * 0, -EINVAL (also for an address that is none), -E2BIG, -ENOMEM, -ECHILD,
 * -ESHUTDOWN, what listening says (-EADDRINUSE, -EACCES, -EADDRNOTAVAIL; -EBADF
 * or -ENOTSOCK for a descriptor that was not given, -ENOENT if systemd gave
 * none to this process), or what em_worker_spawn says; then nothing is left. */
int em_cluster_new(em_loop *loop, const em_cluster_options *options,
                   em_cluster **ret);

/* Emits 'ready' (all slots came up), 'message' (em_message) and 'exit'
 * (em_exit) of any worker, 'reload' (done), 'shed' (em_error: connections had
 * to be refused), and 'error' (em_error): a slot given up is -ECONNABORTED, the
 * errors of workers come as they are.  Lives as long as the cluster. */
em_emitter *em_cluster_emitter(em_cluster *cluster);

/* The worker that is ready in that slot, which stays the cluster's; NULL while
 * there is none. */
em_worker *em_cluster_worker(em_cluster *cluster, unsigned slot);

/* What it listens on, as getsockname tells it: *size is the room, and becomes
 * the length.  Returns 0, -EINVAL, -ECHILD, or -ENOENT if it does not. */
int em_cluster_address(em_cluster *cluster, struct sockaddr *address,
                       socklen_t *size);

/* Replace the workers, one slot after the other: a new one is ready before the
 * old one is asked to stop and no longer gets connections.  The first that ends
 * or is not ready in time ends the reload with an 'error' (-ECONNABORTED or
 * -ETIMEDOUT), and all others stay; else 'reload' follows.  Slots that were
 * given up are tried again.  Returns 0, -EINVAL, -EALREADY, -ESHUTDOWN once it
 * was stopped, -ENOMEM, or -ECHILD. */
int em_cluster_reload(em_cluster *cluster);

/* Listen no more, let the workers have what is there, and ask them to stop;
 * those that did not end after drain_ms are killed.  Returns 0, also again,
 * -EINVAL, or -ECHILD. */
int em_cluster_stop(em_cluster *cluster);

/* Kill what still runs, reap it, and close everything; legal inside every
 * callback.  NULL is ignored. */
void em_cluster_free(em_cluster *cluster);

EM_END_DECLS

#endif
