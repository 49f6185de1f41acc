/* SPDX-License-Identifier: MIT */
/* Handoff: connections that a server's master accepts and hands to workers. */

#include <config.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter/cluster.h>

#include "handoff.h"

/* --- the clients --- */

static int connect_once(const struct sockaddr_in *server)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), r = 0;
    char byte;

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0 ||
        read(fd, &byte, 1) < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

static void *connect_many(void *data)
{
    clients *c = data;
    unsigned long i;
    int r = 0;

    for (i = 0; i < c->count && r == 0; i++)
        r = connect_once(&c->server);
    if (r < 0)
        c->error = r;
    c->done(c->data);
    return NULL;
}

int clients_start(clients *c, unsigned long count)
{
    int i, error;

    c->count = count / CLIENTS;
    c->error = 0;
    for (i = 0; i < CLIENTS; i++) {
        error = pthread_create(&c->threads[i], NULL, connect_many, c);
        if (error)
            return -error;
    }
    return 0;
}

int clients_join(clients *c)
{
    int i;

    for (i = 0; i < CLIENTS; i++)
        (void)pthread_join(c->threads[i], NULL);
    return c->error;
}

/* --- the subject --- */

static const bench_measure measures[] = {
    { "connections/s", BENCH_RATE, 1 },
    { "cpu-us/connection", BENCH_CPU, 1e3 },
    { 0 },
};

static const bench_parameter parameters[] = {
    { .name = "w1", .count = 5000, .size = 1 },
    { .name = "w2", .count = 5000, .size = 2 },
    { 0 },
};

#define OURS(route)                                                       \
    .role = BENCH_OURS, .setup = handoff_em_setup, .run = handoff_em_run, \
    .teardown = handoff_em_teardown, .data = &(const em_route)            \
    {                                                                     \
        route                                                             \
    }

static const bench_implementation implementations[] = {
    { .name = "libemitter", OURS(EM_ROUTE_ROUND_ROBIN) },
    { .name = "floor-sendmsg",
      .role = BENCH_FLOOR,
      .setup = handoff_raw_setup,
      .run = handoff_raw_run,
      .teardown = handoff_raw_teardown },
    { .name = "libemitter-kernel", OURS(EM_ROUTE_KERNEL) },
    { .name = "floor-accept",
      .role = BENCH_FLOOR,
      .setup = handoff_raw_setup,
      .run = handoff_raw_run,
      .teardown = handoff_raw_teardown,
      .data = "accept" },
    { 0 },
};

static const bench_subject subjects[] = {
    { "handoff", measures, parameters, implementations },
    { 0 },
};

int main(int argc, char **argv)
{
    return bench_main(subjects, argc, argv);
}
