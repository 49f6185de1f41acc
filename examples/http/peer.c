/* SPDX-License-Identifier: MIT */
/* Peer: see peer.h. */

#include <arpa/inet.h>
#include <string.h>

#include "peer.h"

void peer_set(union peer *peer, const em_connection *connection)
{
    if (connection->peer.ss_family == AF_INET)
        memcpy(&peer->in4, &connection->peer, sizeof(peer->in4));
    else if (connection->peer.ss_family == AF_INET6)
        memcpy(&peer->in6, &connection->peer, sizeof(peer->in6));
}

const char *peer_text(const union peer *peer, char *text, size_t size)
{
    if (peer->family == AF_INET)
        return inet_ntop(AF_INET, &peer->in4.sin_addr, text, (socklen_t)size);
    if (peer->family == AF_INET6)
        return inet_ntop(AF_INET6, &peer->in6.sin6_addr, text, (socklen_t)size);
    return "unix";
}
