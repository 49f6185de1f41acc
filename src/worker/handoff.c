/* SPDX-License-Identifier: MIT */
/* Handoff: a queue of connections from the cluster to one worker.
 *
 * A SOCK_SEQPACKET pair, apart from the channel: the kernel keeps the
 * boundaries, so a packet is a connection, and a long message delays none.
 *
 * The cluster keeps a duplicate of the worker's end.  With it the queue is in
 * the hands of both: when the worker died, or stopped taking, the cluster takes
 * the connections back; each of them is received by just one of the two.  It
 * also tells how far the worker is, by looking at the serial number of the
 * first packet without taking it, so that no worker has to acknowledge anything
 * and none can lie.
 *
 * The limit of the queue is the size of the send buffer: the kernel refuses
 * what is too much, and tells when half of it and more was taken (unix(7),
 * SO_SNDBUF; it counts its own overhead of some 700 bytes a packet). */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sock.h"
#include "worker/handoff.h"

/* Half of what the kernel makes of it: room for some 80 small packets. */
enum { QUEUE_BYTES = 32768 };

enum { CONNECTION = 1, PROBE = 2 };

/* Followed by the peer's address, then the bytes read so far. */
struct header {
    uint32_t serial;
    uint16_t kind;
    uint16_t peer_len;
    uint32_t size;
};

union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* --- life --- */

static int set_send_buffer(int fd, size_t packet_max)
{
    size_t wanted = 2 * packet_max;
    int bytes = wanted > QUEUE_BYTES ? (int)wanted : QUEUE_BYTES;

    return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0
               ? -errno
               : 0;
}

static int open_pair(em__handoff *handoff, int *worker)
{
    int ends[2];
    int r = em__sock_pair(SOCK_SEQPACKET, true, ends);

    if (r < 0)
        return r;
    handoff->send = ends[0];
    *worker = ends[1];
    r = set_send_buffer(ends[0], handoff->packet_max);
    if (r == 0) {
        handoff->back = fcntl(ends[1], F_DUPFD_CLOEXEC, 0);
        r = handoff->back < 0 ? -errno : 0;
    }
    if (r < 0) {
        (void)close(ends[1]);
        em__handoff_close(handoff);
    }
    return r;
}

size_t em__handoff_packet_max(size_t data_max)
{
    return sizeof(struct header) + sizeof(struct sockaddr_storage) + data_max;
}

int em__handoff_open(em__handoff *handoff, size_t data_max, int *worker)
{
    *handoff = (em__handoff){ .send = -1, .back = -1 };
    handoff->packet_max = em__handoff_packet_max(data_max);
    return open_pair(handoff, worker);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void em__handoff_close(em__handoff *handoff)
{
    close_end(&handoff->send);
    close_end(&handoff->back);
}

/* --- putting --- */

static void attach_fd(struct msghdr *message, union control *control, int fd)
{
    struct cmsghdr *header;

    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = sizeof(control->bytes);
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
}

static int send_packet(em__handoff *handoff, const struct msghdr *message)
{
    ssize_t n;

    do
        n = sendmsg(handoff->send, message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    handoff->sent++;
    return 0;
}

int em__handoff_put(em__handoff *handoff, const em_connection *connection)
{
    struct header header = { .serial = handoff->sent,
                             .kind = CONNECTION,
                             .peer_len = (uint16_t)connection->peer_len,
                             .size = (uint32_t)connection->size };
    struct iovec parts[] = {
        { &header, sizeof(header) },
        { (void *)&connection->peer, connection->peer_len },
        { (void *)connection->data, connection->size },
    };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
    union control control;
    int r;

    attach_fd(&message, &control, connection->fd);
    r = send_packet(handoff, &message);
    if (r == 0)
        (void)close(connection->fd);
    return r;
}

int em__handoff_probe(em__handoff *handoff)
{
    struct header header = { .serial = handoff->sent, .kind = PROBE };
    struct iovec part = { &header, sizeof(header) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    return send_packet(handoff, &message);
}

uint32_t em__handoff_waiting(const em__handoff *handoff)
{
    struct header header;
    ssize_t n;

    do
        n = recv(handoff->back, &header, sizeof(header),
                 MSG_PEEK | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(header))
        return 0;
    return handoff->sent - header.serial;
}

/* --- taking --- */

static int fd_of(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd;

    if (!header || header->cmsg_level != SOL_SOCKET ||
        header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len < CMSG_LEN(sizeof(fd)))
        return -1;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    if (MSG_CMSG_CLOEXEC == 0)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* A whole packet, and its descriptor or -1.  Returns its size. */
static ssize_t receive(int fd, void *buffer, size_t size, int *ret)
{
    struct iovec part = { buffer, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    union control control;
    ssize_t n;

    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    do
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    *ret = fd_of(&message);
    return n;
}

/* The parts of a connection's packet; false if it is none. */
static bool unpack(unsigned char *packet, size_t size, em_connection *ret)
{
    struct header header;

    if (size < sizeof(header))
        return false;
    memcpy(&header, packet, sizeof(header));
    if (header.kind != CONNECTION || header.peer_len > sizeof(ret->peer) ||
        size != sizeof(header) + header.peer_len + header.size)
        return false;
    memset(&ret->peer, 0, sizeof(ret->peer));
    memcpy(&ret->peer, packet + sizeof(header), header.peer_len);
    ret->peer_len = header.peer_len;
    ret->size = header.size;
    ret->data = packet + sizeof(header) + header.peer_len;
    return true;
}

/* A packet leaves the queue even if there was no number free for its
 * descriptor, which is then lost.  So a number is made sure of first; only
 * another thread could still take it meanwhile. */
static int check_room(int fd)
{
    int number = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (number < 0)
        return -errno;
    (void)close(number);
    return 0;
}

int em__handoff_take(int fd, void *buffer, size_t size, em_connection *ret)
{
    int received = -1;
    ssize_t n;
    int r = check_room(fd);

    if (r < 0)
        return r;
    for (;;) {
        n = receive(fd, buffer, size, &received);
        if (n <= 0)
            return n == 0 ? -EPIPE : n == -EAGAIN ? 0 : (int)n;
        if (received >= 0 && unpack(buffer, (size_t)n, ret)) {
            ret->fd = received;
            return 1;
        }
        if (received >= 0)
            (void)close(received);
    }
}

int em__handoff_take_back(em__handoff *handoff, void *buffer,
                          em_connection *ret)
{
    return em__handoff_take(handoff->back, buffer, handoff->packet_max, ret);
}
