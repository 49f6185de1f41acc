/* SPDX-License-Identifier: MIT */
/* Answer: what servers send for a call.
 *
 * Anybody who learnt a call's subject may send anything there: what makes no
 * sense ends the call with -EBADMSG, and what comes for one that has ended is
 * dropped. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "nats/call.h"

static void fail(em_nats_call *call, int status)
{
    em__nats_call_end(call, status, "", 0);
}

static void on_result(em_nats_call *call, const em__nats_frame *frame)
{
    if (frame->number == call->items)
        em__nats_call_end(call, frame->status, frame->data, frame->size);
    else
        fail(call, frame->number > call->items ? -ECONNRESET : -EBADMSG);
}

/* Items that are missing were lost with a connection. */
static void on_item(em_nats_call *call, const em__nats_frame *frame)
{
    em_nats_bytes item = { frame->data, frame->size, call->subject };

    if (frame->number > call->items) {
        fail(call, -ECONNRESET);
        return;
    }
    if (frame->number < call->items)
        return;
    call->items++;
    call->asked = 0;
    if (call->progress)
        call->progress(call, &item, call->data);
}

static void on_hold(em_nats_call *call, const char *holder)
{
    if (!em__nats_is_subject(holder, false)) {
        fail(call, -EBADMSG);
        return;
    }
    call->asked = 0;
    call->known = true;
    if (!call->holder)
        call->holder = strdup(holder); /* else all servers are asked again */
}

static void on_frame(em_nats_call *call, const em__nats_frame *frame,
                     const char *reply)
{
    switch (frame->kind) {
    case EM__NATS_RESULT:
        on_result(call, frame);
        break;
    case EM__NATS_ITEM:
        on_item(call, frame);
        break;
    case EM__NATS_HOLD:
        on_hold(call, reply);
        break;
    case EM__NATS_GONE:
        fail(call, -ECONNRESET);
        break;
    default:
        fail(call, -EBADMSG);
    }
}

/* The NATS server has said that nobody listens: to the request, or to our
 * asking after it. */
void em__nats_call_unheard(em_nats *nats, uint64_t number)
{
    em__nats_node *node = em__nats_table_first(&nats->calls, number);
    em_nats_call *call;

    if (!node)
        return;
    call = em__container(node, em_nats_call, node);
    fail(call, call->known || call->asked > 0 ? -ECONNRESET : -EHOSTUNREACH);
}

static void on_bytes(em_nats_call *call, const void *bytes, size_t size,
                     const char *reply)
{
    em__nats_frame frame;

    if (em__nats_frame_read(bytes, size, &frame) < 0)
        fail(call, -EBADMSG);
    else
        on_frame(call, &frame, reply);
}

void em__nats_call_frame(em_nats_call *call, const void *bytes, size_t size)
{
    on_bytes(call, bytes, size, NULL);
}

void em__nats_call_answer(em_nats *nats, uint64_t number, natsMsg *message)
{
    em__nats_node *node = em__nats_table_first(&nats->calls, number);

    if (node)
        on_bytes(
            em__container(node, em_nats_call, node), natsMsg_GetData(message),
            (size_t)natsMsg_GetDataLength(message), natsMsg_GetReply(message));
}
