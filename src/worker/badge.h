/* SPDX-License-Identifier: MIT */
/* Badge: how a program knows that it was executed as a worker.
 *
 * An environment variable, since arguments belong to the program.  It names the
 * process too, as LISTEN_PID of sd_listen_fds(3) does: a worker's own children
 * inherit the variable, but are nobody's workers. */

#ifndef EM_WORKER_BADGE_H
#define EM_WORKER_BADGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct em__badge {
    int fd; /* the channel's */
    int slot;
    size_t limit; /* of its queue */
} em__badge;

enum { EM__BADGE_SIZE = 80 };

/* Write the variable, as an environment has it, into text of EM__BADGE_SIZE
 * bytes; the process follows once it is known, in a child. */
void em__badge_write(char *text, const em__badge *badge);
void em__badge_sign(char *text, pid_t pid);

/* Whether an entry of an environment is that variable. */
bool em__badge_is(const char *entry);

/* What this process has.  Returns 0, or -ENOENT: nothing that makes sense. */
int em__badge_read(em__badge *ret);

#endif
