/* SPDX-License-Identifier: MIT */
/* Worker: the floors: bare sockets, and no promise kept. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker.h"

static int write_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    ssize_t n;

    for (; size > 0; at += n, size -= (size_t)n) {
        n = write(fd, at, size);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
    }
    return 0;
}

static int read_all(int fd, void *bytes, size_t size)
{
    char *at = bytes;
    ssize_t n;

    for (; size > 0; at += n, size -= (size_t)n) {
        n = read(fd, at, size);
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
    }
    return 0;
}

/* The mate tells that it has all. */
static int await(mate *it, int r)
{
    char byte;
    int end;

    if (r == 0)
        r = read_all(it->fd, &byte, 1);
    end = mate_end(it);
    return r < 0 ? r : end;
}

/* --- round trips, epoll before each read --- */

static int watch(int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    return epoll;
}

static int receive(int epoll, int fd, void *bytes, size_t size)
{
    struct epoll_event event;

    if (epoll_wait(epoll, &event, 1, -1) < 0)
        return -errno;
    return read_all(fd, bytes, size);
}

static int echo(bench_run *run, int fd)
{
    size_t size = run->parameter->size;
    char *bytes = malloc(size);
    int epoll = watch(fd);
    unsigned long i;
    int r = epoll < 0 ? epoll : 0;

    for (i = 0; i < run->count && r == 0; i++) {
        r = receive(epoll, fd, bytes, size);
        if (r == 0)
            r = write_all(fd, bytes, size);
    }
    free(bytes);
    return r;
}

int trip_epoll(bench_run *run)
{
    size_t size = run->parameter->size;
    char *back = malloc(size);
    mate other;
    int r = mate_start(&other, run, echo);
    int epoll = r < 0 ? r : watch(other.fd);
    unsigned long i;
    double began;

    r = epoll < 0 ? epoll : 0;
    for (i = 0; i < run->count && r == 0; i++) {
        began = bench_now();
        r = write_all(other.fd, message_bytes(run), size);
        if (r == 0)
            r = receive(epoll, other.fd, back, size);
        bench_latency(run, bench_now() - began);
    }
    free(back);
    return r < 0 ? r : mate_end(&other);
}

/* --- one way, a message a call --- */

static int read_each(bench_run *run, int fd)
{
    char bytes[65536];
    unsigned long i;
    int r = 0;

    for (i = 0; i < run->count && r == 0; i++)
        r = read_all(fd, bytes, run->parameter->size);
    return r < 0 ? r : write_all(fd, "x", 1);
}

int stream_write(bench_run *run)
{
    mate other;
    int r = mate_start(&other, run, read_each);
    unsigned long i;

    for (i = 0; i < run->count && r == 0; i++)
        r = write_all(other.fd, message_bytes(run), run->parameter->size);
    return await(&other, r);
}

/* --- descriptors, so many a call --- */

enum { MOST = 16 };

typedef union control {
    char bytes[CMSG_SPACE(MOST * sizeof(int))];
    struct cmsghdr align;
} control;

static int send_fds(int socket, const int *fds, size_t count)
{
    control data = { .bytes = { 0 } };
    char byte = 'x';
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = data.bytes,
                              .msg_controllen =
                                  CMSG_SPACE(count * sizeof(int)) };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Returns how many came, and are closed. */
static int receive_fds(int socket)
{
    control data;
    char byte;
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = data.bytes,
                              .msg_controllen = sizeof(data.bytes) };
    struct cmsghdr *header;
    int fds[MOST];
    int count, i;

    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0)
        return -EIO;
    header = CMSG_FIRSTHDR(&message);
    if (!header)
        return -EIO;
    count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof(int));
    for (i = 0; i < count; i++)
        (void)close(fds[i]);
    return count;
}

static int take_fds(bench_run *run, int fd)
{
    unsigned long got = 0;
    int r = 0;

    while (r >= 0 && got < run->count) {
        r = receive_fds(fd);
        got += r > 0 ? (unsigned long)r : 0;
    }
    return r < 0 ? r : write_all(fd, "x", 1);
}

static int pass(bench_run *run, unsigned long at_once)
{
    mate other;
    int fds[MOST];
    int r = mate_start(&other, run, take_fds);
    unsigned long left, i, part;

    for (i = 0; i < at_once; i++)
        fds[i] = message_fd();
    for (left = run->count; left > 0 && r == 0; left -= part) {
        part = left < at_once ? left : at_once;
        r = send_fds(other.fd, fds, part);
    }
    for (i = 0; i < at_once; i++)
        (void)close(fds[i]);
    return await(&other, r);
}

int pass_one(bench_run *run)
{
    return pass(run, 1);
}

int pass_sixteen(bench_run *run)
{
    return pass(run, MOST);
}

/* --- large messages, from memory into memory of their own --- */

static int copy_out(bench_run *run, int fd)
{
    size_t size = run->parameter->size;
    unsigned long i;
    char *bytes;
    int r = 0;

    memory_begin();
    for (i = 0; i < run->count && r == 0; i++) {
        bytes = malloc(size);
        r = bytes ? read_all(fd, bytes, size) : -ENOMEM;
        free(bytes);
        if (r == 0)
            r = write_all(fd, "x", 1);
    }
    memory_end();
    return r;
}

int large_copy(bench_run *run)
{
    const void *bytes = message_bytes(run);
    mate other;
    int r = mate_start(&other, run, copy_out);
    unsigned long i;
    char byte;
    int end;

    memory_begin();
    for (i = 0; i < run->count && r == 0; i++) {
        r = write_all(other.fd, bytes, run->parameter->size);
        if (r == 0)
            r = read_all(other.fd, &byte, 1);
    }
    memory_end();
    end = mate_end(&other);
    run->value = memory_peak();
    return r < 0 ? r : end;
}
