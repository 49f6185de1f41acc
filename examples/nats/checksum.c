/* SPDX-License-Identifier: MIT */
/* Checksum over NATS: SHA-256 of every regular file below some directories,
 * computed by whoever serves, on hosts that see the same files.
 *
 *     checksum --serve URL           on each host, as often as you like
 *     checksum URL [--sort] PATH...  prints what ../checksum does
 *
 * The walk is here, and each file a call; one whose worker went away is called
 * again, since a sum may be computed twice.
 *
 *     cc checksum.c ../checksum_output.c ../checksum_walk.c \
 *         $(pkg-config --cflags --libs libemitter-nats libcrypto)
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <emitter.h>
#include <emitter/nats.h>
#include <openssl/evp.h>

#include "../checksum_output.h"
#include "../checksum_walk.h"

enum { IN_FLIGHT = 32, BUFFER_SIZE = 256 * 1024, AGAIN_MS = 50 };

static const char subject[] = "checksum.file";

/* --- a worker, on a pool thread --- */

static int digest_content(em_baton *baton, int fd, EVP_MD_CTX *context,
                          unsigned char *buffer)
{
    ssize_t n;

    if (!context || !buffer || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
        return -ENOMEM;
    while ((n = read(fd, buffer, BUFFER_SIZE)) != 0) {
        if (n < 0 && errno != EINTR)
            return -errno;
        if (em_baton_cancelled(baton))
            return -ECANCELED;
        if (n > 0 && !EVP_DigestUpdate(context, buffer, (size_t)n))
            return -EIO;
    }
    return 0;
}

/* The job's data is a path with its 0; the result the digest. */
static int digest_file(em_baton *baton, void *data)
{
    const em_nats_job *job = data;
    unsigned char digest[JOB_DIGEST], *buffer;
    EVP_MD_CTX *context;
    int fd, r;

    if (job->size == 0 || ((const char *)job->data)[job->size - 1] != '\0')
        return -EINVAL;
    fd = open(job->data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    context = EVP_MD_CTX_new();
    buffer = malloc(BUFFER_SIZE);
    r = digest_content(baton, fd, context, buffer);
    if (r == 0 && !EVP_DigestFinal_ex(context, digest, NULL))
        r = -EIO;
    if (r == 0)
        r = em_nats_append(job->result, digest, sizeof(digest));
    free(buffer);
    EVP_MD_CTX_free(context);
    (void)close(fd);
    return r;
}

/* --- the program --- */

typedef struct program {
    em_loop *loop;
    em_nats *nats;
    struct walk walk;
    struct output output;
    unsigned calls;
    bool ended; /* the walk */
    int status;
} program;

typedef struct file {
    program *program;
    struct job_file job;
} file;

static void complain(program *p, const char *what, const char *message)
{
    fputs("checksum: ", stderr);
    output_path(what, stderr);
    fprintf(stderr, ": %s\n", message);
    p->status = EXIT_FAILURE;
}

static void end_file(file *f)
{
    free(f->job.found.path);
    free(f);
}

static void call_more(program *p);
static void call(file *f);

static void call_again(em_source *timer, void *data)
{
    file *f = data;
    program *p = f->program;

    em_source_remove(timer);
    call(f);
    call_more(p);
}

static void on_digest(em_nats_call *c, int status, const em_nats_bytes *result,
                      void *data)
{
    file *f = data;
    program *p = f->program;
    em_source *timer;

    (void)c;
    p->calls--;
    if ((status == -ECONNRESET || status == -EHOSTUNREACH) &&
        em_loop_add_timer(p->loop, AGAIN_MS, 0, call_again, f, &timer) == 0) {
        p->calls++; /* it still is one */
        return;
    }
    if (status == 0 && result->size != JOB_DIGEST)
        status = -EBADMSG;
    if (status == 0) {
        memcpy(f->job.digest, result->data, JOB_DIGEST);
        status = output_add(&p->output, &f->job);
    }
    if (status < 0)
        complain(p, f->job.found.path, em_strerror(status));
    end_file(f);
    call_more(p);
}

static void call(file *f)
{
    const char *path = f->job.found.path;
    int r = em_nats_run(f->program->nats,
                        EM_OPTIONS(em_nats_run_options, .subject = subject,
                                   .payload = path,
                                   .payload_size = strlen(path) + 1,
                                   .after = on_digest, .data = f),
                        NULL);

    if (r < 0) {
        complain(f->program, path, em_strerror(r));
        f->program->calls--;
        end_file(f);
    }
}

/* Whether it can be read is seen here, and told as ../checksum does. */
static bool is_there(file *f)
{
    int fd = f->job.found.error ? -1 : walk_open(&f->job.found);

    if (fd >= 0)
        (void)close(fd);
    else
        complain(f->program, f->job.found.path, f->job.found.reason);
    return fd >= 0;
}

static void call_next(program *p)
{
    file *f = calloc(1, sizeof(*f));

    if (!f || walk_next(&p->walk, &f->job.found) <= 0) {
        p->ended = true;
        free(f);
        return;
    }
    f->program = p;
    if (!is_there(f)) {
        end_file(f);
        return;
    }
    p->calls++;
    call(f);
}

static void call_more(program *p)
{
    while (!p->ended && p->calls < IN_FLIGHT)
        call_next(p);
    if (p->calls == 0)
        em_nats_close(p->nats);
}

static void on_connect(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    call_more(data);
}

static void on_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter;
    complain(data, "nats", error->message);
}

static int serve(program *p)
{
    return em_nats_serve(p->nats,
                         EM_OPTIONS(em_nats_serve_options, .subject = subject,
                                    .work = digest_file),
                         NULL);
}

static int run(program *p, const char *url, char *const *paths)
{
    int r = em_loop_new(NULL, &p->loop);

    if (r == 0)
        r = em_nats_connect(
            p->loop,
            EM_OPTIONS(em_nats_options, .servers = &url, .server_count = 1),
            &p->nats);
    if (r == 0)
        r = em_on(em_nats_emitter(p->nats), "error", on_error, p);
    if (r == 0)
        r = paths ? em_on(em_nats_emitter(p->nats), "connect", on_connect, p)
                  : serve(p);
    if (r == 0)
        r = em_loop_run(p->loop, EM_RUN_DEFAULT); /* until 'close' */
    if (r < 0)
        complain(p, "error", em_strerror(r));
    em_nats_free(p->nats);
    em_loop_free(p->loop);
    return p->status;
}

int main(int argc, char **argv)
{
    program p = { .status = EXIT_SUCCESS };
    bool sort = argc > 2 && strcmp(argv[2], "--sort") == 0;
    int r;

    if (argc == 3 && strcmp(argv[1], "--serve") == 0)
        return run(&p, argv[2], NULL);
    if (argc < 3 + sort) {
        fputs("usage: checksum --serve URL\n"
              "       checksum URL [--sort] PATH...\n",
              stderr);
        return 2;
    }
    output_begin(&p.output, sort);
    walk_init(&p.walk, argv + 2 + sort);
    (void)run(&p, argv[1], argv + 2 + sort);
    r = output_end(&p.output);
    if (r < 0)
        complain(&p, "standard output", em_strerror(r));
    walk_end(&p.walk);
    return p.status;
}
