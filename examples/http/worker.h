/* SPDX-License-Identifier: MIT */
/* Worker: what each of the cluster's processes runs. */

#ifndef HTTP_WORKER_H
#define HTTP_WORKER_H

#include <emitter.h>

#include "board.h"
#include "options.h"
#include "upstream.h"

/* What a worker inherits from the master by being forked. */
struct setting {
    struct options options;
    struct board *board;
    int log;                    /* the access log, or -1 */
    const int *listeners;       /* with --ports, one a slot */
    struct upstreams upstreams; /* with --proxy */
};

em_worker_main_fn worker_main;

#endif
