/* SPDX-License-Identifier: MIT */
/* Command: the program that a child executes, its arguments and environment. */

#ifndef EM_WORKER_COMMAND_H
#define EM_WORKER_COMMAND_H

#include <emitter/worker.h>

#include "worker/badge.h"

typedef struct em__command {
    const char *path; /* the options' */
    char *const *argv;
    char **env;              /* ours, of strings that are not */
    char *text, **arguments; /* ours, for argv; or NULL */
    char *own[2];
    char badge[EM__BADGE_SIZE];
} em__command;

/* Make it of what the options say, in the parent, since it allocates.  It
 * refers to them and must stay where it is.  Returns 0, -ENOMEM, or what it
 * said that the system does not tell this program's arguments.
 * em__command_free in every case. */
int em__command_make(em__command *command, const em_worker_options *options,
                     const em__badge *badge);
void em__command_free(em__command *command);

/* Execute it, in the child.  Returns a negative errno, or not at all. */
int em__command_execute(em__command *command);

#endif
