/* SPDX-License-Identifier: MIT */
/* Descriptors: what a child inherits, and what of that it keeps. */

#ifndef EM_WORKER_DESCRIPTORS_H
#define EM_WORKER_DESCRIPTORS_H

#include <stddef.h>

/* 0 if each of them is open, else -EBADF. */
int em__descriptors_check(const int *fds, size_t count);

/* Make 0, 1 and 2 of what stdio says (a descriptor + 1; 0: leave it).  For a
 * child.  Returns 0, or what fcntl or dup2 said. */
int em__descriptors_redirect(const int stdio[3]);

/* Close all but those, which ascend.  For a child: takes no lock, allocates
 * nothing. */
void em__descriptors_close_others(const int *kept, size_t count);

/* Let them stay open over exec.  For a child. */
void em__descriptors_hand_down(const int *kept, size_t count);

/* Move *fd, close-on-exec, out of the way of 0, 1 and 2.  Returns 0, or a
 * negative errno, and then it is where it was. */
int em__descriptors_lift(int *fd);

#endif
