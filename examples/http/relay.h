/* SPDX-License-Identifier: MIT */
/* Relay: a request passed on to an upstream, and its answer passed back.
 *
 * Both directions stream through buffers of a fixed size: who is slow makes the
 * other side wait. */

#ifndef HTTP_RELAY_H
#define HTTP_RELAY_H

#include <emitter.h>

#include "exchange.h"
#include "upstream.h"

struct proxy {
    struct server *server;
    struct upstreams *upstreams;
    em_source *sweep;
    TAILQ_HEAD(relays, relay) relays; /* by their last progress */
    struct relay *spare;              /* to be used again */
    unsigned spares;
};

/* Returns 0 or -errno. */
int proxy_start(struct proxy *proxy, struct server *server,
                struct upstreams *upstreams);
void proxy_free(struct proxy *proxy);

/* A request's head has come. */
void proxy_request(struct proxy *proxy, struct exchange *exchange);

#endif
