/* SPDX-License-Identifier: MIT */
/* Nats: events published on one connection and delivered on another, and batons
 * run from one on another, both of this process, through a nats-server of the
 * measurement's own. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nats.h"

static pid_t server;
static char url[64];
static char store[64]; /* a directory; empty: no JetStream */

/* Bound: to a port that is free; else connected to that port. */
static int open_socket(int *port, bool bound)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)*port);
    if (bound)
        r = bind(fd, (struct sockaddr *)&address, length);
    else
        r = connect(fd, (struct sockaddr *)&address, length);
    if (bound && r == 0)
        r = getsockname(fd, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    (void)close(fd);
    return r;
}

static void run_server(int port)
{
    char number[16];
    int null = open("/dev/null", O_RDWR);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(number, sizeof(number), "%d", port);
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(null, STDERR_FILENO);
    (void)execlp("nats-server", "nats-server", "-a", "127.0.0.1", "-p", number,
                 *store ? "-js" : NULL, "-sd", store, (char *)NULL);
    _exit(127);
}

int nats_start(const char **ret)
{
    int port = 0;

    if (open_socket(&port, true) < 0)
        return -EADDRINUSE;
    server = fork();
    if (server < 0)
        return -errno;
    if (server == 0)
        run_server(port);
    while (open_socket(&port, false) < 0) {
        if (waitpid(server, NULL, WNOHANG) != 0)
            return -ECHILD;
        (void)poll(NULL, 0, 10);
    }
    (void)snprintf(url, sizeof(url), "nats://127.0.0.1:%d", port);
    *ret = url;
    return 0;
}

int nats_start_durable(const char **ret)
{
    (void)snprintf(store, sizeof(store), "/tmp/emitter-bench-XXXXXX");
    return mkdtemp(store) ? nats_start(ret) : -errno;
}

static void remove_store(void)
{
    char command[96];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", store);
    if (system(command) != 0)
        (void)fprintf(stderr, "%s is left\n", store);
    *store = '\0';
}

void nats_stop(void)
{
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    if (*store)
        remove_store();
}

static const bench_measure measures[] = {
    { "messages/s", BENCH_RATE, 1 },
    { "cpu-ns/message", BENCH_CPU, 1 },
    { 0 },
};

static const bench_parameter parameters[] = {
    { .name = "64-bytes", .count = 400000 },
    { 0 },
};

static bench_implementation deliverers[] = {
    { .name = "libemitter-nats",
      .role = BENCH_OURS,
      .setup = nats_em_setup,
      .run = nats_em_run,
      .teardown = nats_em_teardown },
    { .name = "floor-libnats",
      .role = BENCH_FLOOR,
      .setup = nats_floor_setup,
      .run = nats_floor_run,
      .teardown = nats_floor_teardown },
    { 0 },
};

static const bench_measure round_trips[] = {
    { "round-trips/s", BENCH_RATE, 1 },
    { "cpu-ns/round-trip", BENCH_CPU, 1 },
    { 0 },
};

static const bench_parameter trips[] = {
    { .name = "64-bytes", .count = 10000 },
    { 0 },
};

static bench_implementation callers[] = {
    { .name = "libemitter-nats",
      .role = BENCH_OURS,
      .setup = nats_baton_setup,
      .run = nats_baton_run,
      .teardown = nats_baton_teardown },
    { .name = "floor-libnats",
      .role = BENCH_FLOOR,
      .setup = nats_request_setup,
      .run = nats_request_run,
      .teardown = nats_request_teardown },
    { 0 },
};

static const bench_measure job_measures[] = {
    { "jobs/s", BENCH_RATE, 1 },
    { "cpu-ns/job", BENCH_CPU, 1 },
    { 0 },
};

static const bench_parameter job_parameters[] = {
    { .name = "64-bytes", .count = 30000 },
    { 0 },
};

static bench_implementation keepers[] = {
    { .name = "libemitter-nats",
      .role = BENCH_OURS,
      .setup = nats_durable_em_setup,
      .run = nats_durable_em_run,
      .teardown = nats_durable_em_teardown },
    { .name = "floor-libnats",
      .role = BENCH_FLOOR,
      .setup = nats_durable_floor_setup,
      .run = nats_durable_floor_run,
      .teardown = nats_durable_floor_teardown },
    { .name = "floor-libnats-results",
      .role = BENCH_FLOOR,
      .setup = nats_durable_results_setup,
      .run = nats_durable_floor_run,
      .teardown = nats_durable_floor_teardown },
    { 0 },
};

static const bench_subject subjects[] = {
    { "nats-deliver", measures, parameters, deliverers },
    { "nats-baton", round_trips, trips, callers },
    { "nats-durable", job_measures, job_parameters, keepers },
    { 0 },
};

int main(int argc, char **argv)
{
    bench_implementation *i;

    if (system("nats-server --version >/dev/null 2>&1") != 0) {
        for (i = deliverers; i->name; i++)
            i->missing = "nats-server";
        for (i = callers; i->name; i++)
            i->missing = "nats-server";
        for (i = keepers; i->name; i++)
            i->missing = "nats-server";
    }
    return bench_main(subjects, argc, argv);
}
