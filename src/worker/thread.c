/* SPDX-License-Identifier: MIT */
/* Thread: a thread of this process as a worker, with a loop of its own.
 *
 * It talks through a channel as a process does.  Beside that the two threads
 * share how its set-up went, for which the spawner waits under the lock, and
 * the result of main, which it reads once it has joined the thread. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/internal.h"
#include "worker/spawn.h"
#include "worker/wire.h"

typedef struct em__thread {
    pthread_t id;
    em__badge badge; /* with its end of the channel, until it took it */
    em_worker_main_fn *main;
    void *data;
    uint64_t cpus;
    em_source *end; /* of the spawner's loop, to be notified */
    pthread_mutex_t lock;
    pthread_cond_t set_up;
    bool is_set_up; /* under the lock, */
    int error;      /* and this too */
    int result;
} em__thread;

/* --- on the thread --- */

static int prepare(em__thread *thread, em_loop **loop, em_worker **parent)
{
    int r = em__spawn_set_cpus(thread->cpus);

    if (r < 0)
        return r;
    r = em_loop_new(NULL, loop);
    if (r < 0)
        return r;
    r = em__parent_open(*loop, &thread->badge, true, parent);
    if (r == 0)
        thread->badge.fd = -1; /* the channel's now */
    return r;
}

static void tell(em__thread *thread, int error)
{
    (void)pthread_mutex_lock(&thread->lock);
    thread->error = error;
    thread->is_set_up = true;
    (void)pthread_cond_signal(&thread->set_up);
    (void)pthread_mutex_unlock(&thread->lock);
}

/* The result is cut as the system cuts that of a process. */
static void *body(void *data)
{
    em__thread *thread = data;
    em_source *end = thread->end;
    em_worker *parent;
    em_loop *loop = NULL;
    int r = prepare(thread, &loop, &parent);

    tell(thread, r);
    if (r == 0)
        thread->result = thread->main(loop, parent, thread->data) & 0xff;
    em_loop_free(loop);
    if (r == 0)
        (void)em_source_notify(end);
    return NULL;
}

/* --- its end --- */

static void destroy(em__thread *thread)
{
    (void)pthread_cond_destroy(&thread->set_up);
    (void)pthread_mutex_destroy(&thread->lock);
    em__free(thread);
}

static void ended(em_source *source, void *data)
{
    em_worker *worker = data;
    int result;

    (void)source;
    (void)pthread_join(worker->thread->id, NULL);
    result = worker->thread->result;
    em_source_remove(worker->end);
    worker->end = NULL;
    em__spawner_ended(worker, result, 0);
}

static void overdue(em_worker *worker)
{
    em__worker_emit_error(worker, -ETIMEDOUT, "it does not stop");
}

/* If it cannot be told, the end of the channel tells it. */
static void finish(em_worker *worker)
{
    (void)em__channel_send(worker->channel, EM__FRAME_STOP, NULL, 0, -1);
    em__worker_close(worker);
    if (!worker->ended)
        (void)pthread_join(worker->thread->id, NULL);
    destroy(worker->thread);
}

static void forget(em_worker *worker)
{
    em__free(worker->thread);
}

static const em__worker_kind kind = { em__spawner_receive, em__spawner_closed,
                                      overdue, finish, forget };

/* --- its beginning --- */

/* It takes no signal that is for the process. */
static int create(em__thread *thread)
{
    sigset_t all, before;
    int error;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread->id, NULL, body, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static int wait_for_set_up(em__thread *thread)
{
    int r;

    (void)pthread_mutex_lock(&thread->lock);
    while (!thread->is_set_up)
        (void)pthread_cond_wait(&thread->set_up, &thread->lock);
    r = thread->error;
    (void)pthread_mutex_unlock(&thread->lock);
    return r;
}

static int start(em_worker *worker)
{
    em__thread *thread = worker->thread;
    int r = em_loop_add_timer(worker->loop, UINT64_MAX, 0,
                              em__spawner_call_time, worker, &worker->grace);

    if (r == 0)
        r = em_loop_add_notify(worker->loop, ended, worker, &worker->end);
    if (r < 0)
        return r;
    thread->end = worker->end;
    r = create(thread);
    if (r < 0)
        return r;
    r = wait_for_set_up(thread);
    if (r < 0)
        (void)pthread_join(thread->id, NULL);
    return r;
}

static em__thread *new_thread(const em_worker_options *options, int fd,
                              int slot)
{
    em__thread *thread = em__calloc(1, sizeof(*thread));

    if (!thread)
        return NULL;
    thread->badge = (em__badge){ fd, slot, options->queue_limit };
    thread->main = options->main;
    thread->data = options->data;
    thread->cpus = options->cpus;
    (void)pthread_mutex_init(&thread->lock, NULL); /* cannot fail: defaults */
    (void)pthread_cond_init(&thread->set_up, NULL);
    return thread;
}

/* Of the two ends the first is taken here, the second by the thread, each if
 * nothing failed before. */
static int make(em_loop *loop, const em_worker_options *options, int ends[2],
                int slot, em_worker **ret)
{
    em__thread *thread = new_thread(options, ends[1], slot);
    em_worker *worker;
    int r;

    if (!thread)
        return -ENOMEM;
    r = em__worker_new(loop, &kind, ends[0], options->queue_limit, &worker);
    if (r < 0) {
        destroy(thread);
        return r;
    }
    ends[0] = -1;
    worker->thread = thread;
    worker->pid = getpid();
    worker->slot = slot;
    r = start(worker);
    ends[1] = thread->badge.fd;
    if (r < 0) {
        em__worker_drop(worker);
        destroy(thread);
        return r;
    }
    *ret = worker;
    return 0;
}

int em__thread_spawn(em_loop *loop, const em_worker_options *options, int slot,
                     em_worker **ret)
{
    int ends[2];
    int i;
    int r = em__wire_pair(ends);

    if (r < 0)
        return r;
    r = make(loop, options, ends, slot, ret);
    for (i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            (void)close(ends[i]);
    }
    return r;
}
