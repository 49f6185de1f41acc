/* SPDX-License-Identifier: MIT */
/* Master: the process that has the workers; it takes no byte of a request,
 * unless it has to read where to send it. */

#ifndef HTTP_MASTER_H
#define HTTP_MASTER_H

#include "options.h"

/* Until it is told to end.  Returns the exit status. */
int master_run(const struct options *options);

#endif
