/* SPDX-License-Identifier: MIT */
/* Account: what the programs of scripts/faults share: their memory, the calls
 * that were refused, and what must be left in the end: nothing. */

#ifndef TESTS_FAULTS_ACCOUNT_H
#define TESTS_FAULTS_ACCOUNT_H

#include <stdbool.h>

/* Count from here on: memory, descriptors, threads.  A write to no descriptor
 * shows in the trace where the library's part begins, another where it ends. */
void account_begin(void);
void account_stop(void);

/* Whether the call was accepted; it is told of if it was not. */
bool ask(const char *call, int r);
#define ASK(call) ask(#call, call)

/* What was accepted comes back, or the account is not fine. */
void account_settle(const char *what, int accepted, int came_back);

/* Nothing is left, but for `closed` descriptors less than at the beginning.
 * Returns the status to exit with. */
int account_end(int closed);

#endif
