/* SPDX-License-Identifier: MIT */
/* Process: a child process as a worker. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "worker/descriptors.h"
#include "worker/internal.h"
#include "worker/spawn.h"
#include "worker/wire.h"

extern char **environ;

/* --- in a child that was forked to call main --- */

struct child {
    em_loop *loop;
    em_worker *parent;
};

static int prepare(em__spawn *spawn, void *data)
{
    struct child *self = data;
    int r;

    em__sys_disown_descriptors();
    if (spawn->options->env)
        environ = (char **)spawn->options->env;
    r = em_loop_new(NULL, &self->loop);
    if (r < 0)
        return r;
    return em__parent_open(self->loop, &spawn->badge, false, &self->parent);
}

/* Of stdio only what the parent flushed before the fork: other streams may hold
 * bytes of the parent's, and a descriptor that is another's by now. */
static int run(em__spawn *spawn, void *data)
{
    const em_worker_options *options = spawn->options;
    struct child *self = data;
    int result = options->main(self->loop, self->parent, options->data);

    em_loop_free(self->loop);
    (void)fflush(stdout);
    (void)fflush(stderr);
    return result;
}

static const em__spawn_calls child_calls = { prepare, run };

/* --- its end --- */

static void reaped(em_source *source, pid_t pid, int status, void *data)
{
    em_worker *worker = data;

    (void)source, (void)pid;
    em__worker_enter(worker);
    if (status < 0) {
        worker->ended = true; /* and its number may be another's */
        em__worker_emit_error(worker, status, "somebody else has reaped it");
        em__spawner_ended(worker, -1, 0);
    } else if (WIFSIGNALED(status)) {
        em__spawner_ended(worker, -1, WTERMSIG(status));
    } else {
        em__spawner_ended(worker, WEXITSTATUS(status), 0);
    }
    em__worker_leave(worker);
}

static void kill_it(em_worker *worker)
{
    worker->killed = true;
    (void)kill(worker->pid, SIGKILL);
}

/* The watch goes first, so that nobody reaps it before us. */
static void finish(em_worker *worker)
{
    pid_t r;

    em__worker_close(worker);
    em_source_remove(worker->end);
    worker->end = NULL;
    if (worker->ended)
        return;
    kill_it(worker);
    do
        r = waitpid(worker->pid, NULL, 0);
    while (r < 0 && errno == EINTR);
}

static void forget(em_worker *worker)
{
    (void)worker;
}

static const em__worker_kind process = { em__spawner_receive,
                                         em__spawner_closed, kill_it, finish,
                                         forget };

/* --- its beginning --- */

/* Nothing that can fail is left for when user code has begun. */
static int start(em_worker *worker, em__spawn *spawn)
{
    struct child child = { NULL, NULL };
    pid_t pid;
    int r;

    if (spawn->options->main) {
        (void)fflush(stdout);
        (void)fflush(stderr);
    }
    pid = em__spawn_fork(spawn, &child_calls, &child);
    if (pid < 0)
        return pid;
    worker->pid = pid;
    r = em_loop_add_child(worker->loop, pid, reaped, worker, &worker->end);
    return r < 0 ? r : em__spawn_go(spawn);
}

static int plan_and_start(em_worker *worker, const em_worker_options *options,
                          int other)
{
    em__badge badge = { other, worker->slot, options->queue_limit };
    em__spawn spawn;
    int r = em_loop_add_timer(worker->loop, UINT64_MAX, 0,
                              em__spawner_call_time, worker, &worker->grace);

    if (r < 0)
        return r;
    r = em__spawn_plan(&spawn, options, &badge);
    if (r == 0)
        r = start(worker, &spawn);
    em__spawn_free(&spawn);
    return r;
}

/* `own` is taken, whatever comes of it. */
static int make(em_loop *loop, const em_worker_options *options, int own,
                int other, int slot, em_worker **ret)
{
    em_worker *worker;
    int r = em__worker_new(loop, &process, own, options->queue_limit, &worker);

    if (r < 0) {
        (void)close(own);
        return r;
    }
    worker->slot = slot;
    r = plan_and_start(worker, options, other);
    if (r < 0)
        em__worker_drop(worker);
    else
        *ret = worker;
    return r;
}

int em__process_spawn(em_loop *loop, const em_worker_options *options, int slot,
                      em_worker **ret)
{
    int ends[2];
    int r = em__wire_pair(ends);

    if (r < 0)
        return r;
    r = em__descriptors_lift(&ends[1]);
    if (r == 0)
        r = make(loop, options, ends[0], ends[1], slot, ret);
    else
        (void)close(ends[0]);
    (void)close(ends[1]);
    return r;
}
