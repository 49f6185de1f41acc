/* SPDX-License-Identifier: MIT */
/* Nats server: one of the test's own. */

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

#include "nats_server.h"
#include "testing.h"

static pid_t server;
static int port;
static char directory[64], url[64];

/* Where a daemon may be although it is not in an ordinary user's path. */
static const char *find(void)
{
    static char path[4096];
    char paths[4096], *place, *rest = NULL;
    const char *given = getenv("PATH");

    (void)snprintf(paths, sizeof(paths), "%s:/usr/sbin", given ? given : "");
    for (place = strtok_r(paths, ":", &rest); place;
         place = strtok_r(NULL, ":", &rest)) {
        if (snprintf(path, sizeof(path), "%s/nats-server", place) <
                (int)sizeof(path) &&
            access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

bool server_exists(void)
{
    return find() != NULL;
}

/* A port that was free a moment ago; the server would tell one of its own
 * choice only in a file. */
static int free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

const char *server_directory(void)
{
    if (!*directory) {
        strcpy(directory, "/tmp/emitter-nats-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
    }
    return directory;
}

const char *server_url(void)
{
    if (port == 0)
        port = free_port();
    (void)snprintf(url, sizeof(url), "nats://127.0.0.1:%d", port);
    return url;
}

static void run(const char *path, const char *option, const char *value)
{
    char number[16];
    int null = open("/dev/null", O_RDWR);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(number, sizeof(number), "%d", port);
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(null, STDERR_FILENO);
    (void)execl(path, "nats-server", "-a", "127.0.0.1", "-p", number, "-sd",
                directory, option, value, (char *)NULL);
    _exit(127);
}

static bool listens(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    r = connect(fd, (struct sockaddr *)&address, sizeof(address));
    (void)close(fd);
    return r == 0;
}

void server_start(const char *option, const char *value)
{
    const char *path = find();

    (void)server_directory();
    (void)server_url();
    server = fork();
    ck_assert_int_ge(server, 0);
    if (server == 0)
        run(path, option, value);
    while (!listens()) {
        ck_assert_int_eq(waitpid(server, NULL, WNOHANG), 0);
        (void)poll(NULL, 0, 10);
    }
}

void server_kill(int signo)
{
    ck_assert_int_gt(server, 0);
    ck_assert_int_eq(kill(server, signo), 0);
    if (signo != SIGKILL && signo != SIGTERM)
        return;
    ck_assert_int_eq(waitpid(server, NULL, 0), server);
    server = 0;
}

void server_end(void)
{
    char command[96];

    if (server > 0)
        server_kill(SIGKILL);
    if (*directory) {
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", directory);
        ck_assert_int_eq(system(command), 0);
    }
    *directory = '\0';
    port = 0;
}
