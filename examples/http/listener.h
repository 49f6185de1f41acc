/* SPDX-License-Identifier: MIT */
/* Listener: one port a worker, for a balancer in front of the server.
 *
 * The master opens the sockets and keeps them, so that a worker that is
 * replaced leaves nobody waiting; each worker accepts on its slot's. */

#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include <stddef.h>

#include "server.h"

/* Listen on 127.0.0.1, ports base, base + 1, ...  Returns 0 or -errno, and
 * then none is open. */
int listener_open(unsigned base, size_t count, int *fds);

/* Emit 'connection' on the server for each that is accepted on fd.  The source
 * does not keep the loop alive; removing it ends the accepting. */
int listener_accept(struct server *server, int fd, em_source **ret);

#endif
