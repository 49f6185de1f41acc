/* SPDX-License-Identifier: MIT */
/* Route: which slot gets a connection. */

#ifndef EM_WORKER_ROUTE_H
#define EM_WORKER_ROUTE_H

#include <sys/socket.h>

#include <emitter/cluster.h>

/* How ready a slot is to get one.  A lesser rank is asked only when no slot has
 * a better one. */
typedef enum em__rank {
    EM__RANK_DOWN,    /* never */
    EM__RANK_STALLED, /* it does not read what it has, but may again */
    EM__RANK_UP
} em__rank;

/* A slot, as the routes see it. */
typedef struct em__candidate {
    em__rank rank;
    unsigned busy; /* connections it has not ended yet */
} em__candidate;

typedef struct em__router {
    em_route route;
    unsigned count; /* of slots */
    unsigned next;  /* whose turn it is */
    unsigned ipv4_prefix, ipv6_prefix;
} em__router;

/* The slot for a connection from peer, or -EAGAIN if there is none.  wish is
 * the slot that a function chose; the other routes ignore it. */
int em__route(em__router *router, const em__candidate *candidates,
              const struct sockaddr *peer, unsigned wish);

#endif
