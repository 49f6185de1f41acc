/* SPDX-License-Identifier: MIT */
/* Lock: the one that guards what the layer shares in the process: the table of
 * names and the two hooks.  It is never held while user code runs, and a forked
 * child finds it free. */

#ifndef EM_EVENTS_LOCK_H
#define EM_EVENTS_LOCK_H

void em__lock(void);
void em__unlock(void);

#endif
