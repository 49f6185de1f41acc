/* SPDX-License-Identifier: MIT */
/* Parent: the worker's end of the channel.
 *
 * A process has one, that of its badge or of the fork that made it, and a
 * thread worker has its own.  `claimed` is the process whose end was taken: a
 * forked child finds another number there than its own. */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "worker/internal.h"

static atomic_int claimed;
static em_worker *_Atomic process_end;
static em_loop *_Atomic process_loop; /* its own, to be compared only */
static _Thread_local em_worker *thread_end;

/* --- events --- */

/* Without a listener the loop has nothing more to wait for. */
static void emit_end(em_worker *parent, const char *event)
{
    em__worker_enter(parent);
    if (!em__worker_emit(parent, event, NULL) && !parent->freed)
        em_loop_stop(parent->loop);
    em__worker_leave(parent);
}

static void closed(em_worker *parent)
{
    em__intake_close(&parent->intake);
    emit_end(parent, "disconnect");
}

/* --- connections --- */

static void take(em__intake *intake, em_connection *connection)
{
    em_worker *parent = em__container(intake, em_worker, intake);

    (void)em__worker_emit(parent, "connection", connection);
}

/* A source of connections: they come with a socket and a number. */
static int add_source(em_worker *parent, em__frame *frame)
{
    uint64_t size;
    uint32_t shared;
    int r = -EPROTO;

    if (frame->fd < 0)
        return -EPROTO;
    if (frame->type == EM__FRAME_HANDOFF && frame->size == sizeof(size)) {
        memcpy(&size, frame->data, sizeof(size));
        r = em__intake_add_queue(&parent->intake, frame->fd, (size_t)size);
    } else if (frame->type == EM__FRAME_LISTEN &&
               frame->size == sizeof(shared)) {
        memcpy(&shared, frame->data, sizeof(shared));
        r = em__intake_add_listener(&parent->intake, frame->fd, shared != 0);
    }
    if (r == 0)
        frame->fd = -1;
    return r;
}

static void receive_source(em_worker *parent, em__frame *frame)
{
    int r = add_source(parent, frame);

    if (r == -EPROTO)
        em__worker_refuse(parent);
    else if (r < 0)
        em__worker_emit_error(parent, r, "no connections can come");
}

/* What was given to this worker before it was asked to stop, it serves. */
static void stop(em_worker *parent)
{
    em__worker_enter(parent);
    em__intake_finish(&parent->intake);
    if (!parent->freed)
        emit_end(parent, "stop");
    em__worker_leave(parent);
}

/* --- the channel --- */

static void receive(em_worker *parent, em__frame *frame)
{
    switch (frame->type) {
    case EM__FRAME_MESSAGE:
        em__worker_emit_message(parent, frame);
        break;
    case EM__FRAME_STOP:
        stop(parent);
        break;
    case EM__FRAME_LISTEN:
    case EM__FRAME_HANDOFF:
        receive_source(parent, frame);
        break;
    default:
        em__worker_refuse(parent);
    }
}

/* --- life --- */

static void forget(em_worker *parent)
{
    em__intake_close(&parent->intake);
    if (parent == thread_end) {
        thread_end = NULL;
    } else {
        atomic_store(&process_loop, NULL);
        atomic_store(&process_end, NULL);
    }
}

static void finish(em_worker *parent)
{
    forget(parent);
    em__channel_flush(parent->channel);
}

static const em__worker_kind kind = { receive, closed, NULL, finish, forget };

static void set_end(em_worker *parent, bool of_thread)
{
    if (of_thread) {
        thread_end = parent;
        return;
    }
    atomic_store(&claimed, getpid());
    atomic_store(&process_end, parent);
    atomic_store(&process_loop, parent->loop);
}

int em__parent_open(em_loop *loop, const em__badge *badge, bool of_thread,
                    em_worker **ret)
{
    em_worker *parent;
    int r = em__worker_new(loop, &kind, badge->fd, badge->limit, &parent);

    if (r < 0)
        return r;
    em__intake_init(&parent->intake, loop, take);
    r = em__channel_send(parent->channel, EM__FRAME_ONLINE, NULL, 0, -1);
    if (r < 0) {
        em__channel_give_back(parent->channel);
        em__worker_drop(parent);
        return r;
    }
    em__channel_flush(parent->channel); /* user code may never run the loop */
    parent->pid = getpid();
    parent->slot = badge->slot;
    set_end(parent, of_thread);
    *ret = parent;
    return 0;
}

/* --- what users ask for --- */

static int open_by_badge(em_loop *loop, em_worker **ret)
{
    em__badge badge;
    int r = em__badge_read(&badge);

    if (r < 0)
        return r;
    return em__parent_open(loop, &badge, false, ret);
}

/* Whoever claims the end of this process may try to open it. */
static int claim(em_loop *loop, em_worker **ret)
{
    int before = atomic_load(&claimed);
    int r;

    if (before == getpid() ||
        !atomic_compare_exchange_strong(&claimed, &before, getpid()))
        return atomic_load(&process_loop) ? -EBUSY : -ENOENT;
    r = open_by_badge(loop, ret);
    if (r < 0)
        atomic_store(&claimed, 0);
    return r;
}

int em_worker_parent(em_loop *loop, em_worker **ret)
{
    if (!loop || !ret)
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    if (thread_end && thread_end->loop == loop) {
        *ret = thread_end;
        return 0;
    }
    if (atomic_load(&process_loop) == loop) {
        *ret = atomic_load(&process_end);
        return 0;
    }
    return claim(loop, ret);
}

static int tell(em_worker *parent, em__frame_type type)
{
    if (parent && parent->kind != &kind)
        return -EINVAL;
    return em__worker_tell(parent, type, NULL, 0, -1);
}

int em_worker_ready(em_worker *parent)
{
    return tell(parent, EM__FRAME_READY);
}

int em_worker_done(em_worker *parent)
{
    return tell(parent, EM__FRAME_DONE);
}
