/* SPDX-License-Identifier: MIT */
/* Emit: Node.js, a process that is warm before it is timed. */

#include <config.h>

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emit.h"

extern char **environ;

typedef struct node {
    pid_t pid;
    FILE *lines; /* from it and to it */
} node;

bool emit_node_is_there(void)
{
    return system("node --version >/dev/null 2>&1") == 0;
}

/* The operation is what the implementation has as data. */
static int spawn(node *n, const bench_run *run, int fd)
{
    char size[24], count[24], buffered[24];
    char *const arguments[] = {
        "node",
        "--expose-gc",
        BENCH_SOURCES "/emit_node.js",
        (char *)(uintptr_t)run->data,
        size,
        count,
        buffered,
        NULL,
    };
    posix_spawn_file_actions_t actions;
    int r;

    (void)snprintf(size, sizeof(size), "%lu", run->parameter->size);
    (void)snprintf(count, sizeof(count), "%lu", run->count);
    (void)snprintf(buffered, sizeof(buffered), "%u", run->parameter->threads);
    r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawnp(&n->pid, "node", &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int read_answer(bench_run *run)
{
    node *n = run->state;
    char line[64];

    if (!fgets(line, sizeof(line), n->lines))
        return -ECHILD;
    run->value = strtod(line, NULL);
    return 0;
}

int emit_node_setup(bench_run *run)
{
    node *n = calloc(1, sizeof(*n));
    int fds[2], r;

    if (!n)
        return -ENOMEM;
    run->state = n;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    r = spawn(n, run, fds[1]);
    (void)close(fds[1]);
    n->lines = fdopen(fds[0], "r+");
    if (r == 0 && !n->lines)
        r = -errno;
    return r < 0 ? r : read_answer(run);
}

/* Besides the operations, one message each way. */
int emit_node(bench_run *run)
{
    node *n = run->state;

    if (fputs("go\n", n->lines) < 0 || fflush(n->lines) != 0)
        return -EIO;
    return read_answer(run);
}

int emit_node_teardown(bench_run *run)
{
    node *n = run->state;
    int status;

    (void)fclose(n->lines);
    if (waitpid(n->pid, &status, 0) < 0)
        return -errno;
    free(n);
    return status == 0 ? 0 : -ECHILD;
}
