/* SPDX-License-Identifier: MIT */
/* Pool: libemitter's batons. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <emitter.h>

#include "pool.h"

typedef struct em_user {
    load load;
    em_loop *loop;
} em_user;

static int work(em_baton *baton, void *data)
{
    em_user *u = data;

    (void)baton;
    load_work(&u->load);
    return 0;
}

static void after(em_baton *baton, int status, void *data);

static void submit(em_user *u)
{
    int r = em_baton_run(u->loop, work, after, u);

    if (r < 0)
        u->load.error = r;
}

static void after(em_baton *baton, int status, void *data)
{
    em_user *u = data;

    (void)baton;
    if (status < 0)
        u->load.error = status;
    if (load_next(&u->load))
        submit(u);
}

static int drive(em_user *u, bench_run *run, unsigned long count)
{
    unsigned long left = load_begin(&u->load, run, count);
    int r;

    for (; left > 0; left--)
        submit(u);
    r = em_loop_run(u->loop, EM_RUN_DEFAULT);
    if (r < 0)
        return r;
    return u->load.to_finish == 0 ? u->load.error : -EBUSY;
}

int pool_em_setup(bench_run *run)
{
    em_user *u = calloc(1, sizeof(*u));
    int r;

    if (!u)
        return -ENOMEM;
    run->state = u;
    r = load_prepare(run);
    if (r >= 0)
        r = set_threads("EMITTER_POOL_SIZE", run->parameter->threads);
    if (r >= 0)
        r = em_loop_new(NULL, &u->loop);
    return r < 0 ? r : drive(u, run, load_warm_up(run));
}

int pool_em_run(bench_run *run)
{
    return drive(run->state, run, run->count);
}

int pool_em_teardown(bench_run *run)
{
    em_user *u = run->state;

    em_loop_free(u->loop);
    free(u);
    return 0;
}
