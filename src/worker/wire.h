/* SPDX-License-Identifier: MIT */
/* Wire: the calls that move frames and descriptors through a stream socket of
 * the local domain.  None of them waits, raises SIGPIPE, or leaves a descriptor
 * that an executed program would inherit. */

#ifndef EM_WORKER_WIRE_H
#define EM_WORKER_WIRE_H

#include <sys/types.h>

#include "worker/inbox.h"
#include "worker/outbox.h"

/* Two connected ends.  Returns 0 or what socketpair(2) says. */
int em__wire_pair(int ends[2]);

/* Prepare an end that somebody else made.  Returns 0, -EBADF, -ENOTSOCK, or
 * -EPROTOTYPE if it is no stream of the local domain. */
int em__wire_check(int fd);

/* Returns how many bytes went out, the first of them with all descriptors, or
 * a negative errno. */
ssize_t em__wire_send(int fd, em__parcel *parcel);

/* One call.  Returns how many bytes came, 0 at the end, or a negative errno;
 * -EPROTO if what came cannot be.  *more: there may be more at once. */
ssize_t em__wire_receive(int fd, em__inbox *inbox, bool *more);

/* How many bytes wait to be received. */
size_t em__wire_pending(int fd);

#endif
