/* SPDX-License-Identifier: MIT */
/* Handoff: the floors: bare accept4 and sendmsg, or accept4 in the workers. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handoff.h"

typedef struct server {
    clients clients;
    int listening, event, epoll;
    int queues[WORKERS_MAX];
    pid_t workers[WORKERS_MAX];
    unsigned count, next;
    atomic_int left;
} server;

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* --- a worker --- */

static int receive_fd(int queue)
{
    char packet[256];
    struct iovec part = { packet, sizeof(packet) };
    union control control;
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    int fd;

    if (recvmsg(queue, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
        return -1;
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    return fd;
}

static int accept_fd(int listening)
{
    return accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void work(int source, int (*next)(int))
{
    struct epoll_event event = { .events = EPOLLIN };
    int epoll = epoll_create1(0), fd;

    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, source, &event);
    while (epoll_wait(epoll, &event, 1, -1) >= 0)
        while ((fd = next(source)) >= 0)
            (void)close(fd);
    _exit(0);
}

static int start_worker(server *s, unsigned i, bool accepts)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    s->workers[i] = fork();
    if (s->workers[i] < 0)
        return -errno;
    if (s->workers[i] == 0)
        work(accepts ? s->listening : ends[1],
             accepts ? accept_fd : receive_fd);
    (void)close(ends[1]);
    s->queues[i] = ends[0];
    return 0;
}

/* --- the master --- */

static void done(void *data)
{
    server *s = data;

    if (atomic_fetch_sub(&s->left, 1) == 1)
        (void)!write(s->event, &(uint64_t){ 1 }, sizeof(uint64_t));
}

static int hand_over(server *s, int fd, const struct sockaddr_in *peer)
{
    union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof(fd)),
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS } };
    struct iovec part = { (void *)peer, sizeof(*peer) };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    ssize_t n;

    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    n = sendmsg(s->queues[s->next++ % s->count], &message, MSG_NOSIGNAL);
    (void)close(fd);
    return n < 0 ? -errno : 0;
}

static int accept_all(server *s)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    int fd, r = 0;

    while (r == 0 && (fd = accept4(s->listening, (struct sockaddr *)&peer,
                                   &size, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
        r = hand_over(s, fd, &peer);
    return r;
}

static int listen_on(server *s)
{
    socklen_t size = sizeof(s->clients.server);
    struct sockaddr *name = (struct sockaddr *)&s->clients.server;

    s->clients.server.sin_family = AF_INET;
    s->clients.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s->listening < 0 || bind(s->listening, name, size) < 0 ||
        listen(s->listening, SOMAXCONN) < 0 ||
        getsockname(s->listening, name, &size) < 0)
        return -errno;
    return 0;
}

static int watch(server *s, bool accepts)
{
    struct epoll_event event = { .events = EPOLLIN };

    s->event = eventfd(0, 0);
    s->epoll = epoll_create1(0);
    if (s->event < 0 || s->epoll < 0)
        return -errno;
    event.data.fd = s->event;
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->event, &event) < 0)
        return -errno;
    event.data.fd = s->listening;
    if (!accepts &&
        epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listening, &event) < 0)
        return -errno;
    return 0;
}

int handoff_raw_setup(bench_run *run)
{
    server *s = calloc(1, sizeof(*s));
    bool accepts = run->data != NULL;
    int r;

    if (!s)
        return -ENOMEM;
    run->state = s;
    s->clients.done = done;
    s->clients.data = s;
    r = listen_on(s);
    while (r == 0 && s->count < run->parameter->size)
        r = start_worker(s, s->count++, accepts);
    return r == 0 ? watch(s, accepts) : r;
}

int handoff_raw_run(bench_run *run)
{
    server *s = run->state;
    struct epoll_event event;
    int r;

    s->left = CLIENTS;
    r = clients_start(&s->clients, run->count);
    if (r < 0)
        return r;
    while (epoll_wait(s->epoll, &event, 1, -1) == 1 &&
           event.data.fd == s->listening && r == 0)
        r = accept_all(s);
    return r < 0 ? r : clients_join(&s->clients);
}

int handoff_raw_teardown(bench_run *run)
{
    server *s = run->state;

    while (s->count-- > 0) {
        (void)kill(s->workers[s->count], SIGKILL);
        (void)waitpid(s->workers[s->count], NULL, 0);
        (void)close(s->queues[s->count]);
    }
    (void)close(s->listening);
    (void)close(s->event);
    (void)close(s->epoll);
    free(s);
    return 0;
}
