/* SPDX-License-Identifier: MIT */
/* Wire: the calls that move frames and descriptors; see unix(7), cmsg(3). */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sock.h"
#include "worker/wire.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* em__wire_check has set SO_NOSIGPIPE */
#endif

union control {
    char bytes[CMSG_SPACE(sizeof(int) * EM__FRAME_BATCH)];
    struct cmsghdr align;
};

/* --- sockets --- */

int em__wire_pair(int ends[2])
{
    return em__sock_pair(SOCK_STREAM, false, ends);
}

static int never_raise(int fd)
{
#ifdef SO_NOSIGPIPE
    int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#else
    (void)fd;
    return 0;
#endif
}

int em__wire_check(int fd)
{
    struct sockaddr_un name = { .sun_family = AF_UNSPEC };
    socklen_t size = sizeof(int);
    int type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return -errno;
    size = sizeof(name);
    if (getsockname(fd, (struct sockaddr *)&name, &size) < 0)
        return -errno;
    if (type != SOCK_STREAM || name.sun_family != AF_UNIX)
        return -EPROTOTYPE;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || never_raise(fd) < 0)
        return -errno;
    return 0;
}

size_t em__wire_pending(int fd)
{
    int pending = 0;

    (void)ioctl(fd, FIONREAD, &pending);
    return pending > 0 ? (size_t)pending : 0;
}

/* --- sending --- */

static void enclose(struct msghdr *message, union control *control,
                    const em__parcel *parcel)
{
    size_t size = parcel->fd_count * sizeof(int);
    struct cmsghdr *header;

    memset(control, 0, CMSG_SPACE(size));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(size);
    header = CMSG_FIRSTHDR(message);
    assert(header); /* it has room for one */
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), parcel->fds, size);
}

ssize_t em__wire_send(int fd, em__parcel *parcel)
{
    struct msghdr message = { .msg_iov = parcel->parts,
                              .msg_iovlen = parcel->part_count };
    union control control;
    ssize_t n;

    if (parcel->fd_count > 0)
        enclose(&message, &control, parcel);
    do
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* --- receiving --- */

static void close_on_exec(const int *fds, size_t count)
{
    size_t i;

    for (i = 0; i < count && MSG_CMSG_CLOEXEC == 0; i++)
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
}

/* All descriptors that came; the control data has room for EM__FRAME_BATCH. */
static size_t collect(struct msghdr *message, int fds[EM__FRAME_BATCH])
{
    struct cmsghdr *header;
    size_t size, count = 0;

    for (header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size = header->cmsg_len - CMSG_LEN(0);
        memcpy(fds + count, CMSG_DATA(header), size);
        count += size / sizeof(int);
    }
    close_on_exec(fds, count);
    return count;
}

ssize_t em__wire_receive(int fd, em__inbox *inbox, bool *more)
{
    struct iovec room[EM__INBOX_ROOMS];
    struct msghdr message = { .msg_iov = room };
    union control control;
    int fds[EM__FRAME_BATCH];
    size_t capacity, count;
    bool truncated;
    ssize_t n;
    int r;

    message.msg_iovlen = em__inbox_room(inbox, room, &capacity);
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    do
        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : 0;
    count = collect(&message, fds);
    truncated = message.msg_flags & MSG_CTRUNC;
    *more = (size_t)n == capacity || count > 0 || truncated;
    r = em__inbox_add(inbox, (size_t)n, fds, count, truncated);
    return r < 0 ? r : n;
}
