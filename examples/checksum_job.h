/* SPDX-License-Identifier: MIT */
/* Job: SHA-256 of every file of a walk, computed on the pool.
 *
 * It is an emitter, on the loop's thread, of
 *     'file'   (struct job_file *)   one is done
 *     'error'  (em_error *)          one could not be read; others go on.  Its
 *                                    origin is the path, or NULL if it was the
 *                                    job itself that failed
 *     'done'   NULL                  nothing will follow
 */

#ifndef CHECKSUM_JOB_H
#define CHECKSUM_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <emitter.h>
#include <openssl/evp.h>

#include "checksum_walk.h"

enum {
    JOB_DIGEST = 32,     /* bytes of a SHA-256 */
    JOB_IN_FLIGHT = 8,   /* files open at once */
    JOB_BATCH_FILES = 64 /* results of one baton */
};

struct job_file {
    struct walk_file found;
    unsigned char digest[JOB_DIGEST];
};

/* What one baton carries to the pool and back, again and again. */
struct job_batch {
    struct job *job;
    em_baton *baton; /* NULL: at rest */
    EVP_MD_CTX *context;
    unsigned char *buffer;
    size_t count;
    struct job_file files[JOB_BATCH_FILES];
};

struct job {
    em_emitter emitter; /* first: a job is an emitter */
    em_loop *loop;
    struct walk walk;
    EVP_MD *digest;
    _Atomic uint64_t bytes; /* read so far; any thread */
    uint64_t files;         /* delivered so far */
    unsigned running;       /* batches not at rest */
    bool stopping;
    struct job_batch batches[JOB_IN_FLIGHT];
};

/* Returns 0 or -ENOMEM. */
int job_init(struct job *job, em_loop *loop, char *const *paths);

/* Not while it runs. */
void job_end(struct job *job);

/* Begin; once.  'done' will follow, in the loop's run. */
int job_start(struct job *job);

/* Read no more and emit only 'done'. */
void job_stop(struct job *job);

#endif
