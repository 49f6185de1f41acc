/* SPDX-License-Identifier: MIT */
/* Socket: where an address listens.
 *
 * Given descriptors are duplicated, so that those of the caller stay its own
 * and systemd's can be asked for again. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sock.h"
#include "worker/socket.h"

/* sd_listen_fds(3); and what the system cuts down to net.core.somaxconn, while
 * SOMAXCONN is the 128 of old systems in some C libraries. */
enum { FIRST_SYSTEMD_FD = 3, BACKLOG = 4096 };

/* --- descriptors that were given --- */

static int check_listening(int fd)
{
    int listens = 0, type = 0;
    socklen_t size = sizeof(listens);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
        return -errno;
    size = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return -errno;
    return listens && type == SOCK_STREAM ? 0 : -EINVAL;
}

/* A duplicate.  That it does not block holds for the original as well: both
 * are one open socket. */
static int adopt(int fd, int *ret)
{
    int flags, copy;
    int r = check_listening(fd);

    if (r < 0)
        return r;
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (copy < 0)
        return -errno;
    *ret = copy;
    return 0;
}

static void close_all(const int sockets[], int count)
{
    while (count > 0)
        (void)close(sockets[--count]);
}

/* The variables are for the process that LISTEN_PID names alone: a child that
 * merely inherited them has other descriptors at these numbers. */
static int count_systemd_fds(unsigned *ret)
{
    const char *pid_text = getenv("LISTEN_PID");
    const char *count_text = getenv("LISTEN_FDS");
    unsigned pid;

    if (!pid_text || !count_text)
        return -ENOENT;
    if (em__address_number(pid_text, INT_MAX, &pid) < 0 ||
        em__address_number(count_text, INT_MAX - FIRST_SYSTEMD_FD, ret) < 0)
        return -EINVAL;
    if ((pid_t)pid != getpid() || *ret == 0)
        return -ENOENT;
    return *ret <= EM__SOCKETS_MAX ? 0 : -E2BIG;
}

/* All are looked at before the first copy, which could otherwise take the
 * number of one that is missing. */
static int check_systemd_fds(unsigned count)
{
    unsigned i;
    int r = 0;

    for (i = 0; i < count && r == 0; i++)
        r = check_listening(FIRST_SYSTEMD_FD + (int)i);
    return r;
}

static int adopt_systemd(int *sockets)
{
    unsigned count, i;
    int r = count_systemd_fds(&count);

    if (r == 0)
        r = check_systemd_fds(count);
    for (i = 0; r == 0 && i < count; i++) {
        r = adopt(FIRST_SYSTEMD_FD + (int)i, &sockets[i]);
        if (r < 0)
            close_all(sockets, (int)i);
        else
            (void)fcntl(FIRST_SYSTEMD_FD + (int)i, F_SETFD, FD_CLOEXEC);
    }
    return r < 0 ? r : (int)count;
}

/* --- sockets of our own --- */

static int open_socket(int family, int *ret)
{
    int fd = em__sock_open(family, SOCK_STREAM);

    if (fd < 0)
        return fd;
    *ret = fd;
    return 0;
}

static int set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno
                                                                    : 0;
}

/* [::] is for IPv4 as well, whatever the system's default. */
static int set_up_inet(int fd, int family, bool reuseport)
{
    int r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);

    if (r == 0 && family == AF_INET6)
        r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (r == 0 && reuseport)
        r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return r;
}

/* A hint, so failure is none: of other sockets than TCP's, and elsewhere than
 * on Linux.  One second is the least, a retransmission of the SYN-ACK. */
void em__socket_defer_accept(int fd)
{
#ifdef TCP_DEFER_ACCEPT
    (void)set_flag(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
#else
    (void)fd;
#endif
}

static int bind_and_listen(int fd, const em__address *address)
{
    if (bind(fd, (const struct sockaddr *)&address->name, address->name_len) <
            0 ||
        listen(fd, BACKLOG) < 0)
        return -errno;
    return 0;
}

static int listen_inet(em__address *address, bool reuseport, int *ret)
{
    socklen_t size = sizeof(address->name);
    int fd = -1;
    int r = open_socket(address->name.ss_family, &fd);

    if (r < 0)
        return r;
    r = set_up_inet(fd, address->name.ss_family, reuseport);
    if (r == 0)
        r = bind_and_listen(fd, address);
    if (r == 0 && getsockname(fd, (struct sockaddr *)&address->name, &size) < 0)
        r = -errno;
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret = fd;
    return 1;
}

/* --- paths --- */

static const char *path_of(const em__address *address)
{
    return ((const struct sockaddr_un *)&address->name)->sun_path;
}

/* Whether a connection is refused, which only happens where nobody listens. */
static bool nobody_listens(const em__address *address)
{
    int fd = -1, r;

    if (open_socket(AF_UNIX, &fd) < 0)
        return false;
    r = connect(fd, (const struct sockaddr *)&address->name, address->name_len);
    r = r < 0 ? errno : 0;
    (void)close(fd);
    return r == ECONNREFUSED;
}

/* Remove the socket that a server which is gone has left.  Its inode is
 * compared before and after asking, so that one made meanwhile stays. */
static int remove_stale(const em__address *address)
{
    struct stat before, after;

    if (lstat(path_of(address), &before) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(before.st_mode) || !nobody_listens(address))
        return -EADDRINUSE;
    if (lstat(path_of(address), &after) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (before.st_dev != after.st_dev || before.st_ino != after.st_ino)
        return -EADDRINUSE;
    return unlink(path_of(address)) < 0 && errno != ENOENT ? -errno : 0;
}

static int note_inode(em__address *address)
{
    struct stat made;

    if (lstat(path_of(address), &made) < 0)
        return -errno;
    address->device = made.st_dev;
    address->inode = made.st_ino;
    address->bound = true;
    return 0;
}

static int bind_path(int fd, em__address *address)
{
    int r = bind_and_listen(fd, address);

    if (r == -EADDRINUSE) {
        r = remove_stale(address);
        if (r == 0)
            r = bind_and_listen(fd, address);
    }
    return r == 0 ? note_inode(address) : r;
}

static int listen_unix(em__address *address, int *ret)
{
    int fd = -1;
    int r = open_socket(AF_UNIX, &fd);

    if (r < 0)
        return r;
    r = bind_path(fd, address);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret = fd;
    return 1;
}

void em__socket_release(em__address *address)
{
    struct stat now;

    if (!address->bound)
        return;
    address->bound = false;
    if (lstat(path_of(address), &now) == 0 && now.st_dev == address->device &&
        now.st_ino == address->inode)
        (void)unlink(path_of(address));
}

int em__socket_listen(em__address *address, bool reuseport, int *sockets)
{
    int r;

    switch (address->kind) {
    case EM__ADDRESS_INET:
        return listen_inet(address, reuseport, sockets);
    case EM__ADDRESS_UNIX:
        return reuseport ? -EINVAL : listen_unix(address, sockets);
    case EM__ADDRESS_FD:
        r = reuseport ? -EINVAL : adopt(address->fd, sockets);
        return r < 0 ? r : 1;
    default:
        return reuseport ? -EINVAL : adopt_systemd(sockets);
    }
}
