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

/* inet_ntop has sprintf do it, which costs more than all else that is told of a
 * request. */
static const char *dotted(struct in_addr address, char *text)
{
    const unsigned char *byte = (const unsigned char *)&address;
    char *at = text;
    int i;

    for (i = 0; i < 4; i++) {
        if (byte[i] >= 100)
            *at++ = (char)('0' + byte[i] / 100);
        if (byte[i] >= 10)
            *at++ = (char)('0' + byte[i] / 10 % 10);
        *at++ = (char)('0' + byte[i] % 10);
        *at++ = i < 3 ? '.' : 0;
    }
    return text;
}

const char *peer_text(const union peer *peer, char text[INET6_ADDRSTRLEN])
{
    if (peer->family == AF_INET)
        return dotted(peer->in4.sin_addr, text);
    if (peer->family == AF_INET6)
        return inet_ntop(AF_INET6, &peer->in6.sin6_addr, text,
                         INET6_ADDRSTRLEN);
    return "unix";
}
