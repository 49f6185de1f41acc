/* SPDX-License-Identifier: MIT */
/* The floor of the HTTP server and of the proxy: a bare epoll loop with a
 * canned answer, which parses nothing and keeps no promise.  With an upstream
 * it first has a canned request answered there, on a connection that is kept.
 * usage: http_floor PORT [UPSTREAM-PORT] */

#define _GNU_SOURCE /* accept4, memmem */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"

static const char keeps[] = ANSWER "\r\nHello World\n";
static const char request[] = "GET / HTTP/1.1\r\nHost: floor\r\n\r\n";
static const char closes[] = ANSWER "Connection: close\r\n\r\nHello World\n";

enum { FDS_MAX = 65536 };

static unsigned upstream;     /* its port; 0: none */
static int partners[FDS_MAX]; /* of an upstream's, its client; 0: it is none */
static bool last[FDS_MAX];    /* of a client: it asked for the end */
static int idle[FDS_MAX], idle_count;

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int open_listener(unsigned port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, SOMAXCONN) < 0)
        fail("listen");
    return fd;
}

static void watch(int set, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    (void)epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void answer(int fd)
{
    if (last[fd]) {
        (void)send(fd, closes, sizeof(closes) - 1, MSG_NOSIGNAL);
        (void)close(fd);
    } else {
        (void)send(fd, keeps, sizeof(keeps) - 1, MSG_NOSIGNAL);
    }
}

static int connect_upstream(int set)
{
    struct sockaddr_in address = loopback(upstream);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd < 0 || fd >= FDS_MAX ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("connect");
    watch(set, fd);
    return fd;
}

static void pass_on(int set, int client)
{
    int fd = idle_count > 0 ? idle[--idle_count] : connect_upstream(set);

    partners[fd] = client;
    (void)send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
}

static void from_client(int set, int fd)
{
    char bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

    if (n <= 0) {
        (void)close(fd);
        return;
    }
    last[fd] = memmem(bytes, (size_t)n, "Connection: close", 17);
    if (upstream)
        pass_on(set, fd);
    else
        answer(fd);
}

/* One that nobody needed for long. */
static void forget_upstream(int fd)
{
    int i = 0;

    while (i < idle_count && idle[i] != fd)
        i++;
    if (i == idle_count)
        fail("upstream");
    idle[i] = idle[--idle_count];
    partners[fd] = 0;
    (void)close(fd);
}

static void from_upstream(int fd)
{
    char bytes[4096];

    if (recv(fd, bytes, sizeof(bytes), 0) <= 0) {
        forget_upstream(fd);
        return;
    }
    answer(partners[fd]);
    idle[idle_count++] = fd;
}

static void from(int set, int fd)
{
    if (partners[fd])
        from_upstream(fd);
    else
        from_client(set, fd);
}

static void accept_all(int set, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= FDS_MAX)
            fail("accept");
        watch(set, fd);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];
    int listener = open_listener(argc > 1 ? (unsigned)atoi(argv[1]) : 8080);
    int set = epoll_create1(0), count, i;

    upstream = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    watch(set, listener);
    for (;;) {
        count = epoll_wait(set, events, 256, -1);
        for (i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(set, listener);
            else
                from(set, events[i].data.fd);
        }
    }
}
