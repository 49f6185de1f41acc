/* SPDX-License-Identifier: MIT */
/* Badge: how a program knows that it was executed as a worker. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/badge.h"

/* EMITTER_WORKER=FD SLOT LIMIT PID; the process last and of fixed width, so
 * that a child can fill it in without stdio. */
#define NAME "EMITTER_WORKER"

enum { PID_DIGITS = 10 };

void em__badge_write(char *text, const em__badge *badge)
{
    (void)snprintf(text, EM__BADGE_SIZE, NAME "=%d %d %zu %0*d", badge->fd,
                   badge->slot, badge->limit, PID_DIGITS, 0);
}

void em__badge_sign(char *text, pid_t pid)
{
    char *digit = text + strlen(text);
    int i;

    for (i = 0; i < PID_DIGITS; i++) {
        *--digit = (char)('0' + pid % 10);
        pid /= 10;
    }
}

bool em__badge_is(const char *entry)
{
    return strncmp(entry, NAME "=", sizeof(NAME)) == 0;
}

/* A number up to the separator, and past that. */
static int read_number(const char **at, long long least, long long most,
                       char separator, long long *ret)
{
    char *end;

    if (**at != '-' && (**at < '0' || **at > '9'))
        return -ENOENT;
    errno = 0;
    *ret = strtoll(*at, &end, 10);
    if (errno != 0 || *ret < least || *ret > most || *end != separator)
        return -ENOENT;
    *at = end + 1;
    return 0;
}

/* A program that has executed itself has the variable of before, when its
 * number may have become that of another socket. */
static bool is_local_stream(int fd)
{
    struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
    int type;
    socklen_t type_size = sizeof(type), name_size = sizeof(name);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 &&
           type == SOCK_STREAM &&
           getsockname(fd, (struct sockaddr *)&name, &name_size) == 0 &&
           name.ss_family == AF_UNIX;
}

int em__badge_read(em__badge *ret)
{
    const long long most =
        sizeof(size_t) < sizeof(long long) ? (long long)SIZE_MAX : LLONG_MAX;
    const char *at = getenv(NAME);
    long long fd, slot, limit, pid;

    if (!at || read_number(&at, 0, INT_MAX, ' ', &fd) < 0 ||
        read_number(&at, -1, INT_MAX, ' ', &slot) < 0 ||
        read_number(&at, 1, most, ' ', &limit) < 0 ||
        read_number(&at, 1, INT_MAX, '\0', &pid) < 0)
        return -ENOENT;
    if (pid != getpid() || !is_local_stream((int)fd))
        return -ENOENT;
    *ret = (em__badge){ (int)fd, (int)slot, (size_t)limit };
    return 0;
}
