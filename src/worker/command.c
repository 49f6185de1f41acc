/* SPDX-License-Identifier: MIT */
/* Command: the program that a child executes, its arguments and environment. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/command.h"

extern char **environ;

/* This program again: the very file that runs, also if its name has gone to a
 * newer one since. */
static char self[] = "/proc/self/exe";

/* --- this program's arguments --- */

/* All of a file of unknown size, and a zero behind it. */
static int read_all(int fd, char **text, size_t *used)
{
    size_t room = 0;
    ssize_t n;
    char *more;

    for (;;) {
        if (room - *used < 2) {
            room = room ? 2 * room : 1024;
            more = em__realloc(*text, room);
            if (!more)
                return -ENOMEM;
            *text = more;
        }
        n = read(fd, *text + *used, room - *used - 1);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        if (n > 0)
            *used += (size_t)n;
    }
    (*text)[*used] = '\0';
    return 0;
}

static int read_arguments(em__command *command, size_t *used)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = read_all(fd, &command->text, used);
    (void)close(fd);
    return r;
}

static size_t count_strings(const char *text, size_t size)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < size; i++)
        count += text[i] == '\0';
    return count;
}

/* Each argument ends with a zero; the last one's may be the one we added. */
static int split_arguments(em__command *command, size_t used)
{
    size_t count = count_strings(command->text, used) + 1;
    char **next = em__malloc((count + 1) * sizeof(*next));
    char *at;

    if (!next)
        return -ENOMEM;
    command->arguments = next;
    command->argv = next;
    for (at = command->text; at < command->text + used; at += strlen(at) + 1)
        *next++ = at;
    *next = NULL;
    return 0;
}

static int take_own_arguments(em__command *command)
{
    size_t used = 0;
    int r = read_arguments(command, &used);

    return r < 0 ? r : split_arguments(command, used);
}

/* --- the environment --- */

static int make_env(em__command *command, char *const *env)
{
    size_t count = 0;
    char **next;

    if (!env)
        env = environ;
    while (env && env[count])
        count++;
    next = em__malloc((count + 2) * sizeof(*next));
    if (!next)
        return -ENOMEM;
    command->env = next;
    for (; env && *env; env++) {
        if (!em__badge_is(*env))
            *next++ = *env;
    }
    *next++ = command->badge;
    *next = NULL;
    return 0;
}

/* --- all of it --- */

int em__command_make(em__command *command, const em_worker_options *options,
                     const em__badge *badge)
{
    int r = 0;

    memset(command, 0, sizeof(*command));
    em__badge_write(command->badge, badge);
    command->path = options->path ? options->path : self;
    command->own[0] = (char *)command->path;
    command->argv = options->argv ? options->argv : command->own;
    if (!options->path && !options->argv)
        r = take_own_arguments(command);
    return r < 0 ? r : make_env(command, options->env);
}

void em__command_free(em__command *command)
{
    em__free(command->text);
    em__free(command->arguments);
    em__free(command->env);
}

int em__command_execute(em__command *command)
{
    em__badge_sign(command->badge, getpid());
    (void)execve(command->path, command->argv, command->env);
    return -errno;
}
