/* SPDX-License-Identifier: MIT */
/* Workers: each is sent the end of a pipe, reads it, and answers with what it
 * found.  They are processes, or with the argument "thread" threads. */

#include <emitter.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t answers, total;

static void check(int r)
{
    if (r >= 0)
        return;
    fprintf(stderr, "workers: %s\n", em_strerror(r));
    exit(EXIT_FAILURE);
}

/* In a worker.  The library closes the descriptor afterwards. */
static void count(em_emitter *emitter, void *arg, void *parent)
{
    const em_message *message = arg;
    char text[64];
    ssize_t n = read(message->fd, text, sizeof(text));

    (void)emitter;
    check(em_worker_post(parent, &n, sizeof(n), -1));
}

static int work(em_loop *loop, em_worker *parent, void *data)
{
    (void)data;
    check(em_on(em_worker_emitter(parent), "message", count, parent));
    em_loop_run(loop, EM_RUN_DEFAULT); /* until it is asked to stop */
    return 0;
}

/* In the one who spawned it. */
static void add(em_emitter *emitter, void *arg, void *worker)
{
    const em_message *message = arg;

    (void)emitter;
    total += *(const size_t *)message->data;
    answers++;
    check(em_worker_terminate(worker, 1000));
}

static void start(em_loop *loop, const em_worker_options *options)
{
    em_worker *worker;
    int ends[2];

    check(em_worker_spawn(loop, options, &worker));
    check(em_on(em_worker_emitter(worker), "message", add, worker));
    if (pipe(ends) < 0 || write(ends[1], "some bytes", 10) < 0)
        check(-errno);
    close(ends[1]);
    check(em_worker_post(worker, NULL, 0, ends[0])); /* now it is theirs */
}

int main(int argc, char **argv)
{
    bool thread = argc > 1 && strcmp(argv[1], "thread") == 0;
    em_loop *loop = em_loop_default();
    int i;

    for (i = 0; i < 3; i++)
        start(loop,
              EM_OPTIONS(em_worker_options, .main = work, .thread = thread));
    em_loop_run(loop, EM_RUN_DEFAULT); /* until all of them have ended */
    em_loop_free(loop);
    printf("%zu workers read %zu bytes\n", answers, total);
    check(fclose(stdout) == 0 ? 0 : -errno);
    return EXIT_SUCCESS;
}
