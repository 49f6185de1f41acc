/* SPDX-License-Identifier: MIT */
/* The floor of the HTTP server: a bare epoll loop with a canned answer, which
 * parses nothing and keeps no promise.  usage: http_floor PORT */

#define _GNU_SOURCE /* accept4, memmem */

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"

static const char keeps[] = ANSWER "\r\nHello World\n";
static const char closes[] = ANSWER "Connection: close\r\n\r\nHello World\n";

static int open_listener(unsigned port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        perror("http_floor");
        exit(EXIT_FAILURE);
    }
    return fd;
}

static void watch(int set, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    (void)epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void answer(int fd)
{
    char bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

    if (n <= 0) {
        (void)close(fd);
    } else if (memmem(bytes, (size_t)n, "Connection: close", 17)) {
        (void)send(fd, closes, sizeof(closes) - 1, MSG_NOSIGNAL);
        (void)close(fd);
    } else {
        (void)send(fd, keeps, sizeof(keeps) - 1, MSG_NOSIGNAL);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];
    int listener = open_listener(argc > 1 ? (unsigned)atoi(argv[1]) : 8080);
    int set = epoll_create1(0), count, i, fd;

    watch(set, listener);
    for (;;) {
        count = epoll_wait(set, events, 256, -1);
        for (i = 0; i < count; i++) {
            fd = events[i].data.fd;
            if (fd != listener)
                answer(fd);
            else
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
                    watch(set, fd);
        }
    }
}
