/* SPDX-License-Identifier: MIT */
/* Idle: the private memory of a worker that waits, and of a bare child. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <emitter.h>

#include "worker.h"

/* In bytes, those pages that no other process has; see proc(5). */
static double private_memory(pid_t pid)
{
    char path[64], line[256];
    long all = 0, part;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", (long)pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Private_Clean: %ld", &part) == 1 ||
            sscanf(line, "Private_Dirty: %ld", &part) == 1)
            all += part;
    if (file)
        (void)fclose(file);
    return (double)all * 1024;
}

/* --- ours --- */

static int wait_to_end(em_loop *loop, em_worker *parent, void *data)
{
    int r = em_worker_ready(parent);

    (void)data;
    return r < 0 ? 1 : em_loop_run(loop, EM_RUN_DEFAULT);
}

static void stop(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    em_loop_stop(data);
}

static int measure(bench_run *run, em_loop *loop)
{
    em_worker *worker;
    int r = em_worker_spawn(
        loop, EM_OPTIONS(em_worker_options, .main = wait_to_end), &worker);

    if (r == 0)
        r = em_on(em_worker_emitter(worker), "ready", stop, loop);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT);
    if (r < 0)
        return r;
    run->value = private_memory(em_worker_pid(worker));
    return run->value > 0 ? 0 : -ENODATA;
}

int idle_em(bench_run *run)
{
    em_loop *loop;
    int r = em_loop_new(NULL, &loop);

    if (r < 0)
        return r;
    r = measure(run, loop);
    em_loop_free(loop); /* and the worker */
    return r;
}

/* --- a floor: a child that was forked, and reads --- */

static int read_to_end(bench_run *run, int fd)
{
    char byte = 0;

    (void)run;
    if (write(fd, &byte, 1) != 1)
        return -errno;
    return read(fd, &byte, 1) < 0 ? -errno : 0;
}

int idle_fork(bench_run *run)
{
    mate child;
    char byte;
    int r = mate_start(&child, run, read_to_end);

    if (r < 0)
        return r;
    if (read(child.fd, &byte, 1) == 1)
        run->value = private_memory(child.pid);
    r = mate_end(&child);
    return r < 0 || run->value > 0 ? r : -ENODATA;
}
