/* SPDX-License-Identifier: MIT */
/* Socket: where an address listens. */

#ifndef EM_WORKER_SOCKET_H
#define EM_WORKER_SOCKET_H

#include "worker/address.h"

/* Sockets that one address can be: systemd may give several. */
enum { EM__SOCKETS_MAX = 16 };

/* Listen.  The sockets, up to EM__SOCKETS_MAX, are non-blocking and
 * close-on-exec, and the caller's.  Once done the name of an INET address has
 * its real port, so that with `reuseport` the next call listens on the same
 * one.  Returns how many sockets, or what the system said; -EADDRINUSE also for
 * a path where somebody listens. */
int em__socket_listen(em__address *address, bool reuseport, int *sockets);

/* Have the kernel keep connections until bytes came; nothing where it cannot.
 */
void em__socket_defer_accept(int fd);

/* Remove the path that was bound, unless it became somebody else's. */
void em__socket_release(em__address *address);

#endif
