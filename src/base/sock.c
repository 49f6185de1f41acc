/* SPDX-License-Identifier: MIT */
/* Sockets that an executed program does not inherit. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/sock.h"

#if defined(SOCK_CLOEXEC) && defined(HAVE_ACCEPT4)

int em__sock_pair(int type, bool nonblocking, int ends[2])
{
    type |= SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
    return socketpair(AF_UNIX, type, 0, ends) < 0 ? -errno : 0;
}

int em__sock_open(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd < 0 ? -errno : fd;
}

int em__sock_accept(int listening, struct sockaddr *peer, socklen_t *size)
{
    int fd = accept4(listening, peer, size, SOCK_CLOEXEC | SOCK_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

#else

static int prepare(int fd, bool nonblocking)
{
    if (fd < 0)
        return -errno;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (nonblocking)
        (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int em__sock_pair(int type, bool nonblocking, int ends[2])
{
    if (socketpair(AF_UNIX, type, 0, ends) < 0)
        return -errno;
    (void)prepare(ends[0], nonblocking);
    (void)prepare(ends[1], nonblocking);
    return 0;
}

int em__sock_open(int family, int type)
{
    return prepare(socket(family, type, 0), true);
}

int em__sock_accept(int listening, struct sockaddr *peer, socklen_t *size)
{
    return prepare(accept(listening, peer, size), true);
}

#endif
