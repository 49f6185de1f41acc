/* SPDX-License-Identifier: MIT */
/* Checksum: SHA-256 of every regular file below some directories.
 *
 * This file is the program: arguments, and what it does at each event.  The
 * work is in checksum_job.c, the directories in checksum_walk.c, the lines in
 * checksum_output.c and the bar in checksum_progress.c.
 *
 *     cc checksum*.c $(pkg-config --cflags --libs libemitter libcrypto)
 */

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <emitter.h>

#include "checksum_job.h"
#include "checksum_output.h"
#include "checksum_progress.h"

enum { EXIT_USAGE = 2 };

struct program {
    struct job job;
    struct output output;
    struct progress progress;
    bool flushing; /* a flush is deferred */
    int status;    /* to exit with */
};

static void complain(struct program *program, const char *what,
                     const char *message)
{
    progress_clear(&program->progress);
    fputs("checksum: ", stderr);
    output_path(what, stderr);
    fprintf(stderr, ": %s\n", message);
    program->status = EXIT_FAILURE;
}

/* The first failure to write is told, and is the end. */
static void check_output(struct program *program, int r)
{
    if (r == 0 || program->job.stopping)
        return;
    complain(program, "standard output", em_strerror(r));
    job_stop(&program->job);
}

static void flush(em_loop *loop, void *data)
{
    struct program *program = data;

    (void)loop;
    program->flushing = false;
    progress_clear(&program->progress);
    check_output(program, output_flush(&program->output));
}

/* The lines of all files that a turn of the loop brings are written at once. */
static void on_file(em_emitter *emitter, void *arg, void *data)
{
    struct program *program = data;

    progress_clear(&program->progress);
    check_output(program, output_add(&program->output, arg));
    if (program->flushing)
        return;
    program->flushing = true;
    if (em_loop_defer(em_emitter_loop(emitter), flush, program) < 0)
        flush(em_emitter_loop(emitter), program);
}

static void on_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter;
    complain(data, error->origin ? error->origin : "error", error->message);
}

static void on_done(em_emitter *emitter, void *arg, void *data)
{
    struct program *program = data;

    (void)emitter, (void)arg;
    progress_stop(&program->progress);
}

static int start(struct program *program, char *const *paths)
{
    em_emitter *emitter = &program->job.emitter;
    int r;

    r = em_on(emitter, "file", on_file, program);
    if (r == 0)
        r = em_on(emitter, "error", on_error, program);
    if (r == 0)
        r = em_on(emitter, "done", on_done, program);
    if (r == 0)
        r = progress_start(&program->progress, &program->job, paths);
    if (r == 0)
        r = job_start(&program->job);
    if (r < 0)
        progress_stop(&program->progress);
    return r;
}

static int run(struct program *program, char *const *paths)
{
    em_loop *loop;
    int r;

    r = em_loop_new(NULL, &loop);
    if (r < 0)
        goto fail;
    r = job_init(&program->job, loop, paths);
    if (r < 0) {
        em_loop_free(loop);
        goto fail;
    }
    r = start(program, paths);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT); /* until 'done' */
    em_loop_free(loop); /* whatever still runs is over then */
    check_output(program, output_end(&program->output));
    job_end(&program->job);
fail:
    if (r < 0)
        complain(program, "error", em_strerror(r));
    return program->status;
}

static int usage(FILE *stream)
{
    fputs("usage: checksum [--sort] PATH...\n"
          "Print the SHA-256 of every file named and of every regular file "
          "below a\ndirectory named, in the form that sha256sum -c reads.\n"
          "\n"
          "  --sort  in the order of the paths' bytes, once all are known,\n"
          "          not in the order of completion\n"
          "  --help  print this\n"
          "\n"
          "Symbolic links below a directory are not followed.  The exit status "
          "is 0, or\n1 if anything could not be read or written, or 2 for "
          "wrong arguments.\n",
          stream);
    if (stream == stderr)
        return EXIT_USAGE;
    if (fclose(stream) == 0)
        return EXIT_SUCCESS;
    perror("checksum: standard output");
    return EXIT_FAILURE;
}

/* No file may take the number of a standard descriptor that is closed: what is
 * printed would end up in it. */
static bool own_standard_descriptors(void)
{
    int fd;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        if (fd == STDOUT_FILENO) {
            perror("checksum: standard output");
            return false;
        }
        if (open("/dev/null", O_RDWR) != fd)
            return false;
    }
    return true;
}

/* Every level of a directory tree takes a descriptor; failing that, what is too
 * deep is reported. */
static void allow_many_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { "sort", no_argument, NULL, 's' },
        { 0 },
    };
    struct program program = { .status = EXIT_SUCCESS };
    bool sort = false;
    int option;

    if (!own_standard_descriptors())
        return EXIT_FAILURE;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            return usage(stdout);
        if (option != 's')
            return usage(stderr);
        sort = true;
    }
    if (optind == argc)
        return usage(stderr);
    output_begin(&program.output, sort);
    allow_many_descriptors();
    return run(&program, argv + optind);
}
