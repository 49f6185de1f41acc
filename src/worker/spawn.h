/* SPDX-License-Identifier: MIT */
/* Spawn: a child process, from the fork to the moment before user code.
 *
 * The parent makes a plan, since a child of a process with threads may neither
 * allocate nor look up names.  The child makes itself what the plan says, then
 * waits to be let go, so that the parent can still give up; whatever fails on
 * the way goes back as an errno through a socket that closes by itself when
 * user code begins. */

#ifndef EM_WORKER_SPAWN_H
#define EM_WORKER_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/command.h"
#include "worker/privilege.h"

typedef struct em__spawn em__spawn;

/* What a child does that executes nothing: prepare may still fail, run is user
 * code and returns the exit status. */
typedef struct em__spawn_calls {
    int (*prepare)(em__spawn *spawn, void *data);
    int (*run)(em__spawn *spawn, void *data);
} em__spawn_calls;

struct em__spawn {
    const em_worker_options *options;
    em__badge badge; /* the child's end of the channel, and its place */
    em__command command;
    em__privilege privilege;
    int *kept; /* descriptors, ascending */
    size_t kept_count;
    int status; /* the socket: this process' end of it; -1: none */
    int other;  /* and the other one */
    pid_t pid;  /* the child's, in the parent; 0: none, or it is done with */
    pid_t parent;
    bool notice_death; /* of the parent */
};

/* Make a plan for what the options and the badge say; both stay the caller's,
 * the badge's descriptor too.  Returns 0 or a negative errno; em__spawn_free in
 * every case. */
int em__spawn_plan(em__spawn *spawn, const em_worker_options *options,
                   const em__badge *badge);

/* Fork.  Returns the child's pid or a negative errno, and only in the parent.
 * calls are those of a child that executes nothing. */
pid_t em__spawn_fork(em__spawn *spawn, const em__spawn_calls *calls,
                     void *data);

/* Let the child go, once.  Returns 0 if user code has begun, else what the
 * child failed with. */
int em__spawn_go(em__spawn *spawn);

/* Free the plan; a child that was not let go, or failed, is ended and reaped.
 */
void em__spawn_free(em__spawn *spawn);

/* setup.c: make the child what the plan says.  Returns 0 or a negative errno.
 */
int em__spawn_set_up(const em__spawn *spawn);

/* Let the calling thread run on the processors of a mask only; 0: leave it. */
int em__spawn_set_cpus(uint64_t cpus);

#endif
