/* SPDX-License-Identifier: MIT */
/* Call: a baton that runs elsewhere, as its caller sees it.
 *
 * A call is in the table while it is under way, and each of its ends takes it
 * out, which is why after comes once: the answer, the time, a cancel that came
 * before the request had left, the connection that took the request and broke,
 * a server that went away (probe.c), the end.  Whatever comes for a number that
 * is not there is late and dropped.
 *
 * After is called at once where the loop called us, else the call waits in
 * nats->over until it does. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <emitter/error.h>

#include "base/options.h"
#include "nats/call.h"
#include "nats/link.h"

/* --- ends --- */

/* Out of the table.  Its timer may be on the way to here, and be removed by the
 * loop's own end later than the call. */
static void take_out(em_nats_call *call)
{
    call->ended = true;
    em__nats_table_remove(&call->nats->calls, &call->node);
    em__list_remove(&call->link);
    em__nats_task_free(call->task);
    call->task = NULL;
    em_source_set_free(call->timer, NULL);
    em_source_remove(call->timer);
    call->timer = NULL;
}

static void free_call(em_nats_call *call)
{
    free(call->holder);
    free(call);
}

/* The connection lives on while this goes on, and its loop longer than it. */
static void tell(em_nats_call *call, int status, const void *data, size_t size)
{
    em_emitter *emitter = em_ref(&call->nats->emitter);
    em_loop *loop = call->nats->loop;
    em_nats_bytes result = { data, size, call->subject };

    if (call->after)
        call->after(call, status, &result, call->data);
    if (call->error_to_owner && status < 0)
        (void)em_emit_error(call->owner, status, "%s: %s", call->subject,
                            em_strerror(status));
    if (call->free_data)
        call->free_data(call->data);
    em_unref(call->owner);
    if (!call->unref)
        em_loop_unref(loop);
    free_call(call);
    em_unref(emitter);
}

void em__nats_call_end(em_nats_call *call, int status, const void *data,
                       size_t size)
{
    take_out(call);
    tell(call, status, data, size);
}

/* Its after follows from em__nats_tell_calls. */
void em__nats_call_end_later(em_nats_call *call, int status)
{
    take_out(call);
    call->status = status;
    em__list_append(&call->nats->over, &call->link);
}

/* An after may end other calls, and the connection. */
void em__nats_tell_calls(em_nats *nats)
{
    em_nats_call *call;

    while (!em__list_empty(&nats->over)) {
        call = em__container(nats->over.next, em_nats_call, link);
        em__list_remove(&call->link);
        tell(call, call->status, "", 0);
    }
}

/* Those whose request a connection took that is not there any more. */
void em__nats_lose_calls(em_nats *nats)
{
    unsigned epoch = em__nats_link_epoch(nats->link);
    em__list *node, *after;

    em__list_each_safe(&nats->asking, node, after) {
        em_nats_call *call = em__container(node, em_nats_call, link);

        if (call->sent && call->epoch != epoch)
            em__nats_call_end_later(call, -ECONNRESET);
    }
    em__nats_tell_calls(nats);
}

void em__nats_drop_calls(em_nats *nats)
{
    while (!em__list_empty(&nats->asking))
        em__nats_call_end_later(
            em__container(nats->asking.next, em_nats_call, link), -ESHUTDOWN);
    em__nats_tell_calls(nats);
}

/* --- what is sent --- */

/* To its server, or to all who may be it. */
int em__nats_call_send(em_nats_call *call, em__nats_kind kind)
{
    em_nats *nats = call->nats;
    char reply[EM__NATS_INBOX];
    int r;

    em__nats_inbox_reply(nats, call->node.key, reply);
    if (call->holder)
        return em__nats_frame_send(nats, call->holder, reply,
                                   &(em__nats_frame){ .kind = kind }, false);
    nats->control.used = 0;
    r = em__nats_append_control(&nats->control, call->subject);
    return r < 0
               ? r
               : em__nats_frame_send(nats, nats->control.bytes, reply,
                                     &(em__nats_frame){ .kind = kind }, false);
}

/* While a server is waited for the request stays with us, and goes nowhere if
 * its call ends meanwhile. */
bool em__nats_call_leaves(em_nats *nats, const char *reply)
{
    em__nats_node *node;
    em_nats_call *call;
    uint64_t number;

    if (!reply || !em__nats_inbox_number(nats, reply, &number))
        return true;
    node = em__nats_table_first(&nats->calls, number);
    if (!node)
        return false;
    call = em__container(node, em_nats_call, node);
    call->epoch = em__nats_link_epoch(nats->link);
    call->sent = true;
    return true;
}

static int request(em_nats_call *call, const em_nats_run_options *o)
{
    em_nats *nats = call->nats;
    char reply[EM__NATS_INBOX];
    int r;

    em__nats_inbox_reply(nats, call->node.key, reply);
    call->epoch = em__nats_link_epoch(nats->link);
    r = em__nats_frame_send(nats, o->subject, reply,
                            &(em__nats_frame){ .kind = EM__NATS_RUN,
                                               .data = o->payload,
                                               .size = o->payload_size },
                            true);
    call->sent = r == 0 && em__list_empty(&nats->waiting);
    return r;
}

static void timed_out(em_source *timer, void *data)
{
    em_nats_call *call = data;

    (void)timer;
    if (call->sent)
        (void)em__nats_call_send(call, EM__NATS_CANCEL);
    em__nats_call_end(
        call, call->task ? em__nats_task_lateness(call->task) : -ETIMEDOUT, "",
        0);
}

static void forget_timer(void *data)
{
    ((em_nats_call *)data)->timer = NULL;
}

/* --- the beginning --- */

static int limit_time(em_nats_call *call, uint64_t timeout_ms)
{
    int r;

    if (timeout_ms == 0)
        return 0;
    r = em_loop_add_timer(call->nats->loop, timeout_ms, 0, timed_out, call,
                          &call->timer);
    if (r < 0)
        return r;
    em_source_set_free(call->timer, forget_timer);
    em_source_unref(call->timer); /* the call decides */
    return 0;
}

static int make(em_nats *nats, const em_nats_run_options *o, em_nats_call **ret)
{
    size_t length = strlen(o->subject) + 1;
    em_nats_call *call = malloc(sizeof(*call) + length);
    int r;

    if (!call)
        return -ENOMEM;
    *call = (em_nats_call){ .nats = nats,
                            .after = o->after,
                            .progress = o->progress,
                            .data = o->data,
                            .free_data = o->free_data,
                            .owner = o->owner,
                            .error_to_owner = o->error_to_owner,
                            .unref = o->unref };
    memcpy(call->subject, o->subject, length);
    r = em__nats_table_add(&nats->calls, &call->node, nats->last_number + 1);
    if (r < 0) {
        free(call);
        return r;
    }
    nats->last_number++;
    em__list_init(&call->link);
    em__list_append(&nats->asking, &call->link);
    *ret = call;
    return 0;
}

static int start(em_nats *nats, const em_nats_run_options *o,
                 em_nats_call **ret)
{
    em_nats_call *call = NULL;
    int r = em__nats_inbox_open(nats);

    if (r == 0)
        r = em__nats_probe_open(nats);
    if (r == 0)
        r = make(nats, o, &call);
    if (r < 0)
        return r;
    r = limit_time(call, o->timeout_ms);
    if (r == 0)
        r = o->stream ? em__nats_task_new(call, o) : request(call, o);
    if (r < 0) {
        take_out(call);
        free_call(call);
        return r;
    }
    (void)em_ref(call->owner);
    if (!call->unref)
        em_loop_ref(nats->loop);
    *ret = call;
    return 0;
}

static int check(em_nats *nats, const em_nats_run_options *o)
{
    if (!nats || !em__nats_is_subject(o->subject, false) ||
        (!o->payload && o->payload_size > 0) ||
        (o->owner && em_emitter_loop(o->owner) != nats->loop) ||
        (o->error_to_owner && !o->owner) ||
        (o->stream && !em__nats_is_stream(o->stream)) ||
        (o->id && (!o->stream || !em__nats_is_id(o->id))))
        return -EINVAL;
    if (nats->pid != getpid())
        return -ECHILD;
    if (nats->state == EM__NATS_CONNECTING)
        return -ENOTCONN;
    return nats->state == EM__NATS_OPEN ? 0 : -ESHUTDOWN;
}

int em_nats_run(em_nats *nats, const em_nats_run_options *options,
                em_nats_call **ret)
{
    em_nats_run_options o;
    em_nats_call *call;
    int r = em__options_read(options, &o, sizeof(o));

    if (r == 0)
        r = check(nats, &o);
    if (r == 0)
        r = start(nats, &o, &call);
    if (r == 0 && ret)
        *ret = call;
    return r;
}

int em_nats_cancel(em_nats_call *call)
{
    em_nats *nats;
    int r;

    if (!call)
        return -EINVAL;
    nats = call->nats;
    if (nats->pid != getpid())
        return -ECHILD;
    if (call->ended || call->cancelled)
        return -EALREADY;
    call->cancelled = true;
    if (call->sent) {
        (void)em__nats_call_send(call, EM__NATS_CANCEL);
        return -EBUSY;
    }
    r = call->task ? em__nats_task_cancel(call->task) : 0;
    em__nats_call_end_later(call, -ECANCELED);
    (void)em_source_notify(nats->wake);
    return r;
}
