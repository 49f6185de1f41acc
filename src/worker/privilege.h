/* SPDX-License-Identifier: MIT */
/* Privilege: the user and the groups that a process is to have. */

#ifndef EM_WORKER_PRIVILEGE_H
#define EM_WORKER_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct em__privilege {
    bool has_user, has_group; /* without either the rest is nothing */
    uid_t uid;
    gid_t gid;
    gid_t *groups, *found; /* all it is to have; and room to look */
    int group_count;
} em__privilege;

/* Look up a user and a group, each of which may be NULL: with a user alone the
 * group is his own, with a group alone the user stays.  Before the fork, since
 * name services allocate, lock and open what they like.  Returns 0, -EPERM if
 * this is not root, -ESRCH for no such name, -ENOMEM, or what the look-up
 * said.  em__privilege_free in every case. */
int em__privilege_find(em__privilege *privilege, const char *user,
                       const char *group);
void em__privilege_free(em__privilege *privilege);

/* Become that, in a child: groups, then the group, then the user, each checked.
 * Then verify that nothing else is left and nothing can be had back.  Returns 0
 * or a negative errno, -EPERM if the verification failed. */
int em__privilege_drop(const em__privilege *privilege);

#endif
