/* SPDX-License-Identifier: MIT */
/* Pool: libuv's. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#include "pool.h"

typedef struct uv_pool {
    load load;
    uv_loop_t loop;
    uv_work_t *jobs;
} uv_pool;

static void work(uv_work_t *job)
{
    uv_pool *p = job->data;

    load_work(&p->load);
}

static void after(uv_work_t *job, int status);

static void submit(uv_pool *p, uv_work_t *job)
{
    int r = uv_queue_work(&p->loop, job, work, after);

    if (r < 0)
        p->load.error = r;
}

static void after(uv_work_t *job, int status)
{
    uv_pool *p = job->data;

    if (status < 0)
        p->load.error = status;
    if (load_next(&p->load))
        submit(p, job);
}

static int drive(uv_pool *p, bench_run *run, unsigned long count)
{
    unsigned long first = load_begin(&p->load, run, count), i;

    for (i = 0; i < first; i++) {
        p->jobs[i].data = p;
        submit(p, &p->jobs[i]);
    }
    if (uv_run(&p->loop, UV_RUN_DEFAULT) != 0 || p->load.to_finish != 0)
        return -EBUSY;
    return p->load.error;
}

int pool_uv_setup(bench_run *run)
{
    uv_pool *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return -ENOMEM;
    run->state = p;
    r = load_prepare(run);
    if (r >= 0)
        r = set_threads("UV_THREADPOOL_SIZE", run->parameter->threads);
    if (r >= 0)
        r = uv_loop_init(&p->loop);
    if (r < 0)
        return r;
    p->jobs = calloc(run->count, sizeof(*p->jobs));
    if (!p->jobs)
        return -ENOMEM;
    return drive(p, run, load_warm_up(run));
}

int pool_uv_run(bench_run *run)
{
    return drive(run->state, run, run->count);
}

int pool_uv_teardown(bench_run *run)
{
    uv_pool *p = run->state;
    int r = uv_loop_close(&p->loop);

    free(p->jobs);
    free(p);
    return r;
}
