/* SPDX-License-Identifier: MIT */
/* System: clock, threads, forks and processors, as the upper layers ask. */

#ifndef EM_BASE_SYS_H
#define EM_BASE_SYS_H

#include <stdint.h>

/* Microseconds of the monotonic clock. */
uint64_t em__sys_now_us(void);

/* The calling thread, as an address that no other live thread has. */
const void *em__sys_thread(void);

/* Count the forks that made this process, from the first call on; 0 or -ENOMEM.
 */
int em__sys_watch_forks(void);

/* That count.  An object made at another one was inherited from a parent. */
unsigned em__sys_forks(void);

/* Processors this process may run on, at least 1. */
unsigned em__sys_processors(void);

#endif
