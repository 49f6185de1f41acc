/* SPDX-License-Identifier: MIT */
/* Progress: a bar on standard error while a job runs, if that is a terminal.
 *
 * How much there is to do is counted by a second walk, on the pool, beside the
 * job; without a terminal there is none. */

#ifndef CHECKSUM_PROGRESS_H
#define CHECKSUM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "checksum_job.h"

struct progress {
    struct job *job;
    em_source *timer; /* NULL: there is no terminal, or it is over */
    uint64_t started_ms;
    bool drawn; /* the cursor stands behind a bar */

    /* The counting baton's until it is delivered, then the loop's. */
    em_baton *count;
    struct walk walk;
    uint64_t total_files, total_bytes;
    bool counted;
};

/* Returns 0 or a negative errno. */
int progress_start(struct progress *progress, struct job *job,
                   char *const *paths);

/* Remove the bar, for others to write; it comes back by itself. */
void progress_clear(struct progress *progress);

void progress_stop(struct progress *progress);

#endif
