/* SPDX-License-Identifier: MIT */
/* Peer: who a connection is from, in as little room as it takes. */

#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include <netinet/in.h>

#include <emitter.h>

union peer {
    sa_family_t family; /* of neither for a UNIX socket */
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
};

void peer_set(union peer *peer, const em_connection *connection);

/* The address; "unix" if it has none. */
const char *peer_text(const union peer *peer, char text[INET6_ADDRSTRLEN]);

#endif
