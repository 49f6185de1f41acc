/* SPDX-License-Identifier: MIT */
/* Sockets that an executed program does not inherit.
 *
 * Where the system cannot make them so in one call (POSIX has only lately
 * learnt to), it is done right after, and a fork in between inherits. */

#ifndef EM_BASE_SOCK_H
#define EM_BASE_SOCK_H

#include <stdbool.h>
#include <sys/socket.h>

#ifdef EM_PORTABLE
#undef SOCK_CLOEXEC
#undef MSG_CMSG_CLOEXEC
#endif

/* A flag of recvmsg; where it is 0, close what came on exec afterwards. */
#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif

/* Two connected ends of the local domain, which block unless asked not to.
 * Returns 0 or what socketpair(2) said. */
int em__sock_pair(int type, bool nonblocking, int ends[2]);

/* Both without blocking.  Return the descriptor or what socket(2) and accept(2)
 * said. */
int em__sock_open(int family, int type);
int em__sock_accept(int listening, struct sockaddr *peer, socklen_t *size);

#endif
