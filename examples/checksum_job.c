/* SPDX-License-Identifier: MIT */
/* Job: SHA-256 of every file of a walk, computed on the pool.
 *
 * A fixed number of batches go round: on the pool one pulls files out of the
 * walk and digests them, until it holds enough for the hand-over to cost little
 * beside the work; on the loop its results are emitted and it is sent again.
 * What is in memory is therefore the same for ten files and ten million.  A
 * batch is the pool thread's from its start to its after, and the loop's else.
 */

#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "checksum_job.h"

enum {
    BUFFER_SIZE = 64 << 10, /* stays in the second-level cache */
    BATCH_BYTES = 1 << 20   /* about a millisecond's work */
};

int job_init(struct job *job, em_loop *loop, char *const *paths)
{
    struct job_batch *batch;

    *job = (struct job){ .loop = loop };
    em_emitter_init(&job->emitter, loop, NULL);
    walk_init(&job->walk, paths);
    /* Fetched once: EVP_sha256() would be looked up again for every file. */
    job->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!job->digest)
        goto fail;
    for (batch = job->batches; batch < job->batches + JOB_IN_FLIGHT; batch++) {
        batch->job = job;
        batch->context = EVP_MD_CTX_new();
        batch->buffer = malloc(BUFFER_SIZE);
        if (!batch->context || !batch->buffer)
            goto fail;
    }
    return 0;
fail:
    job_end(job);
    return -ENOMEM;
}

void job_end(struct job *job)
{
    struct job_batch *batch;

    for (batch = job->batches; batch < job->batches + JOB_IN_FLIGHT; batch++) {
        EVP_MD_CTX_free(batch->context);
        free(batch->buffer);
    }
    EVP_MD_free(job->digest);
    walk_end(&job->walk);
    em_unref(&job->emitter);
}

/* From here to fill_batch the functions run on pool threads. */

static int digest_content(em_baton *baton, struct job_batch *batch, int fd,
                          unsigned char *digest)
{
    EVP_MD_CTX *context = batch->context;
    ssize_t n;

    if (!EVP_DigestInit_ex2(context, batch->job->digest, NULL))
        return -ENOMEM;
    while ((n = read(fd, batch->buffer, BUFFER_SIZE)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (em_baton_cancelled(baton))
            return -ECANCELED;
        if (!EVP_DigestUpdate(context, batch->buffer, (size_t)n))
            return -EIO;
        atomic_fetch_add(&batch->job->bytes, (uint64_t)n);
    }
    return EVP_DigestFinal_ex(context, digest, NULL) ? 0 : -EIO;
}

static void digest_file(em_baton *baton, struct job_batch *batch,
                        struct job_file *file)
{
    int fd, r;

    fd = walk_open(&file->found);
    if (fd < 0)
        return;
    if (file->found.size > BUFFER_SIZE)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    r = digest_content(baton, batch, fd, file->digest);
    if (r < 0)
        walk_fail(&file->found, r);
    close(fd);
}

/* Answers 1 if there may be more files, 0 if there are none. */
static int fill_batch(em_baton *baton, void *data)
{
    struct job_batch *batch = data;
    struct job_file *file;
    uint64_t bytes = 0;
    int r;

    while (batch->count < JOB_BATCH_FILES && bytes < BATCH_BYTES &&
           !em_baton_cancelled(baton)) {
        file = &batch->files[batch->count];
        r = walk_next(&batch->job->walk, &file->found);
        if (r <= 0)
            return r;
        batch->count++;
        digest_file(baton, batch, file);
        bytes += file->found.size;
    }
    return 1;
}

static void emit_file(struct job *job, struct job_file *file)
{
    em_error error = { .code = file->found.error,
                       .message = file->found.reason,
                       .origin = file->found.path };

    if (job->stopping)
        return;
    job->files++;
    if (error.code)
        em_emit(&job->emitter, "error", &error);
    else
        em_emit(&job->emitter, "file", file);
}

static void deliver(em_baton *baton, int status, void *data);

static int dispatch(struct job_batch *batch)
{
    return em_baton_start(batch->job->loop,
                          EM_OPTIONS(em_baton_options, .work = fill_batch,
                                     .after = deliver, .data = batch,
                                     .owner = &batch->job->emitter),
                          &batch->baton);
}

static void deliver(em_baton *baton, int status, void *data)
{
    struct job_batch *batch = data;
    struct job *job = batch->job;
    size_t i;

    for (i = 0; i < batch->count; i++) {
        emit_file(job, &batch->files[i]);
        free(batch->files[i].found.path);
    }
    batch->count = 0;
    batch->baton = NULL;
    em_baton_unref(baton);

    if (status > 0 && !job->stopping) {
        status = dispatch(batch);
        if (status == 0)
            return;
    }
    if (status < 0 && !job->stopping) {
        em_emit_error(&job->emitter, status, "%s", em_strerror(status));
        job_stop(job);
    }
    if (--job->running == 0)
        em_emit(&job->emitter, "done", NULL);
}

int job_start(struct job *job)
{
    int r;

    while (job->running < JOB_IN_FLIGHT) {
        r = dispatch(&job->batches[job->running]);
        if (r < 0)
            return job->running > 0 ? 0 : r; /* fewer do as well */
        job->running++;
    }
    return 0;
}

void job_stop(struct job *job)
{
    struct job_batch *batch;

    job->stopping = true;
    for (batch = job->batches; batch < job->batches + JOB_IN_FLIGHT; batch++)
        if (batch->baton)
            em_baton_cancel(batch->baton);
}
