/* SPDX-License-Identifier: MIT */
/* Listener: see listener.h. */

#define _GNU_SOURCE /* accept4, dup3 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"

enum { ACCEPTS_A_TURN = 16 };

static int open_one(unsigned port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, r;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        listen(fd, SOMAXCONN) == 0)
        return fd;
    r = -errno;
    (void)close(fd);
    return r;
}

int listener_open(unsigned base, size_t count, int *fds)
{
    size_t i;
    int r;

    for (i = 0; i < count; i++) {
        r = open_one(base + (unsigned)i);
        if (r < 0) {
            while (i > 0)
                (void)close(fds[--i]);
            return r;
        }
        fds[i] = r;
    }
    return 0;
}

/* Without descriptors the queue stays ready: it waits for one to be closed. */
static void accept_failed(struct server *server, em_source *source)
{
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
        errno != ENOMEM)
        return;
    server->starved = server->open > 0;
    if (server->starved)
        (void)em_source_set_events(source, 0);
}

static void on_ready(em_source *source, int fd, unsigned events, void *data)
{
    struct server *server = data;
    em_connection arrival;
    int i;

    (void)events;
    for (i = 0; i < ACCEPTS_A_TURN; i++) {
        memset(&arrival, 0, sizeof(arrival));
        arrival.peer_len = sizeof(arrival.peer);
        arrival.fd = accept4(fd, (struct sockaddr *)&arrival.peer,
                             &arrival.peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (arrival.fd < 0) {
            accept_failed(server, source);
            return;
        }
        (void)em_emit(&server->emitter, "connection", &arrival);
        if (arrival.fd >= 0)
            (void)close(arrival.fd);
    }
}

int listener_accept(struct server *server, int fd, em_source **ret)
{
    int r =
        em_loop_add_fd(server->loop, fd, EM_READABLE, on_ready, server, ret);

    if (r == 0)
        em_source_unref(*ret);
    return r;
}
