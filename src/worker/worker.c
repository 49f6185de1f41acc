/* SPDX-License-Identifier: MIT */
/* Worker: the handle, at either end of the channel. */

#include <config.h>

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "events/silence.h"
#include "worker/internal.h"

/* --- memory --- */

static void free_if_unused(em_worker *worker)
{
    if (worker->gone && worker->calls == 0)
        em__free(worker);
}

void em__worker_enter(em_worker *worker)
{
    worker->calls++;
}

void em__worker_leave(em_worker *worker)
{
    worker->calls--;
    free_if_unused(worker);
}

static void free_emitter(em_emitter *emitter)
{
    em_worker *worker = em__container(emitter, em_worker, emitter);

    worker->gone = true;
    free_if_unused(worker);
}

/* --- emitting --- */

static bool has_hook(const em_worker *worker)
{
    return worker->hooks && !worker->freed;
}

bool em__worker_emit(em_worker *worker, const char *event, void *arg)
{
    bool heard = false;

    em__worker_enter(worker);
    if (!worker->freed)
        heard = em_emit(&worker->emitter, event, arg);
    if (has_hook(worker))
        worker->hooks->event(worker, event, arg, worker->hook_data);
    em__worker_leave(worker);
    return heard;
}

static void name_origin(const em_worker *worker, char *name, size_t size)
{
    if (!worker->kind->overdue)
        (void)snprintf(name, size, "parent");
    else if (worker->thread)
        (void)snprintf(name, size, "worker thread");
    else
        (void)snprintf(name, size, "worker %ld", (long)worker->pid);
}

/* A hook handles the error, so without a listener it is not even emitted. */
void em__worker_emit_error(em_worker *worker, int error, const char *what)
{
    char message[128], origin[32];
    em_error arg = { error, message, origin };

    if (worker->freed)
        return;
    name_origin(worker, origin, sizeof(origin));
    (void)snprintf(message, sizeof(message), "%s: %s", what,
                   em_strerror(error));
    if (has_hook(worker) && em_listener_count(&worker->emitter, "error") == 0)
        worker->hooks->event(worker, "error", &arg, worker->hook_data);
    else
        (void)em__worker_emit(worker, "error", &arg);
}

void em__worker_emit_message(em_worker *worker, em__frame *frame)
{
    em_message message = { .data = frame->data,
                           .size = frame->size,
                           .fd = frame->fd,
                           .slot = worker->slot };

    (void)em__worker_emit(worker, "message", &message);
    frame->fd = message.fd;
}

/* --- the channel --- */

void em__worker_close(em_worker *worker)
{
    em__channel_close(worker->channel);
    worker->channel = NULL;
}

static void end_channel(em_worker *worker, int error)
{
    em__worker_enter(worker);
    em__worker_close(worker);
    if (error != 0)
        em__worker_emit_error(worker, error, "the channel is closed");
    if (!worker->freed)
        worker->kind->closed(worker);
    em__worker_leave(worker);
}

void em__worker_refuse(em_worker *worker)
{
    end_channel(worker, -EPROTO);
}

static void receive(em__channel *channel, em__frame *frame, void *data)
{
    em_worker *worker = data;

    (void)channel;
    worker->kind->receive(worker, frame);
}

static void drained(em__channel *channel, void *data)
{
    (void)channel;
    (void)em__worker_emit(data, "drain", NULL);
}

static void lost(em__channel *channel, int error, void *data)
{
    (void)channel;
    em__worker_emit_error(data, error, "a message is lost");
}

/* In the middle of a message: expected of who was killed, and for a worker the
 * end of its parent is no error. */
static void closed(em__channel *channel, int error, void *data)
{
    em_worker *worker = data;

    (void)channel;
    if (error == -ECONNRESET && (worker->killed || !worker->kind->overdue))
        error = 0;
    end_channel(worker, error);
}

static const em__channel_calls calls = { receive, drained, lost, closed };

/* --- life --- */

static void leave_loop(em__guest *guest)
{
    em__worker_free(em__container(guest, em_worker, guest));
}

int em__worker_new(em_loop *loop, const em__worker_kind *kind, int fd,
                   size_t limit, em_worker **ret)
{
    em_worker *worker = em__calloc(1, sizeof(*worker));
    int r;

    if (!worker)
        return -ENOMEM;
    worker->loop = loop;
    worker->kind = kind;
    worker->slot = -1;
    worker->due = UINT64_MAX;
    r = em__channel_open(loop, fd, limit, &calls, worker, &worker->channel);
    if (r < 0) {
        em__free(worker);
        return r;
    }
    em_emitter_init(&worker->emitter, loop, free_emitter);
    worker->guest.leave = leave_loop;
    em__loop_join(loop, &worker->guest);
    *ret = worker;
    return 0;
}

/* First freed, so that nothing is emitted any more. */
static void part(em_worker *worker)
{
    worker->freed = true;
    em__loop_part(&worker->guest);
}

void em__worker_drop(em_worker *worker)
{
    part(worker);
    em__worker_close(worker);
    em_source_remove(worker->end);
    em_source_remove(worker->grace);
    worker->end = worker->grace = NULL;
    em_unref(&worker->emitter);
}

void em__worker_free(em_worker *worker)
{
    if (worker->freed)
        return;
    part(worker);
    if (em__loop_is_forked(worker->loop)) {
        worker->kind->forget(worker);
        em__emitter_silence(&worker->emitter);
    } else {
        worker->kind->finish(worker);
    }
    em__worker_drop(worker);
}

/* One that has a keeper goes when the keeper has heard of its end. */
void em_worker_free(em_worker *worker)
{
    if (worker && worker->hooks)
        (void)em_worker_terminate(worker, 0);
    else if (worker)
        em__worker_free(worker);
}

/* --- what users ask for --- */

em_emitter *em_worker_emitter(em_worker *worker)
{
    return worker ? &worker->emitter : NULL;
}

pid_t em_worker_pid(em_worker *worker)
{
    return worker ? worker->pid : -EINVAL;
}

int em_worker_slot(em_worker *worker)
{
    return worker ? worker->slot : -EINVAL;
}

/* Outside a run nobody knows when the turn ends that sends it: a worker may say
 * that it is ready, and then work, sleep or crash. */
int em__worker_tell(em_worker *worker, em__frame_type type, const void *data,
                    size_t size, int fd)
{
    int r;

    if (!worker || worker->freed)
        return -EINVAL;
    if (em__loop_is_forked(worker->loop))
        return -ECHILD;
    if (!worker->channel)
        return -EPIPE;
    r = em__channel_send(worker->channel, type, data, size, fd);
    if (r == 0 && !em__loop_runs_here(worker->loop))
        em__channel_hurry(worker->channel);
    return r;
}

int em_worker_post(em_worker *worker, const void *data, size_t size, int fd)
{
    if ((!data && size > 0) || fd < -1)
        return -EINVAL;
    return em__worker_tell(worker, EM__FRAME_MESSAGE, data, size, fd);
}
