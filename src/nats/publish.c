/* SPDX-License-Identifier: MIT */
/* Publish: messages that leave, and the bound on those that have not yet.
 *
 * Libnats is not called while its own thread connects: that thread holds the
 * connection's lock for as long as a connect takes, and the loop would wait for
 * it.  Until then messages stay here, in order. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nats/call.h"
#include "nats/link.h"

/* What a message costs besides its subject and its bytes, about. */
enum { OVERHEAD = 24 };

/* From this much on it is offered to the system within the turn. */
enum { CHUNK = 64 * 1024 };

typedef struct waiting {
    em__list link;
    size_t size;
    char *subject, *reply; /* reply NULL: none */
    char bytes[];          /* the message, then both strings */
} waiting;

static size_t cost(const char *subject, size_t size)
{
    return size + strlen(subject) + OVERHEAD;
}

static int wait_for_server(em_nats *nats, const char *subject,
                           const char *reply, const void *data, size_t size)
{
    size_t length = strlen(subject) + 1;
    size_t reply_length = reply ? strlen(reply) + 1 : 0;
    waiting *w = malloc(sizeof(*w) + size + length + reply_length);

    if (!w)
        return -ENOMEM;
    w->size = size;
    w->subject = w->bytes + size;
    w->reply = reply ? w->subject + length : NULL;
    if (size > 0)
        memcpy(w->bytes, data, size);
    memcpy(w->subject, subject, length);
    if (reply)
        memcpy(w->reply, reply, reply_length);
    em__list_append(&nats->waiting, &w->link);
    return 0;
}

static int hand_over(em_nats *nats, const char *subject, const char *reply,
                     const void *data, size_t size)
{
    em_nats *former = em__nats_enter(nats);
    natsStatus s;

    if (reply)
        s = natsConnection_PublishRequest(nats->nc, subject, reply, data,
                                          (int)size);
    else
        s = natsConnection_Publish(nats->nc, subject, data, (int)size);
    em__nats_leave(former);
    return em__nats_errno(s);
}

static int check(const em_nats *nats, size_t size)
{
    if (nats->state == EM__NATS_CONNECTING)
        return -ENOTCONN;
    if (nats->state != EM__NATS_OPEN)
        return -ESHUTDOWN;
    return size > atomic_load(&nats->largest) ? -EMSGSIZE : 0;
}

/* Answers are let past the limit. */
static bool is_full(const em_nats *nats, const char *subject, size_t size)
{
    return nats->queued > 0 &&
           (nats->queued >= nats->limit ||
            cost(subject, size) > nats->limit - nats->queued);
}

int em__nats_answer(em_nats *nats, const char *subject, const char *reply,
                    const void *data, size_t size)
{
    size_t costs = cost(subject, size);
    int r = check(nats, size);

    if (r < 0)
        return r;
    nats->queued += costs; /* the hooks may set it to nothing */
    if (em__list_empty(&nats->waiting) && em__nats_link_is_ready(nats->link))
        r = hand_over(nats, subject, reply, data, size);
    else
        r = wait_for_server(nats, subject, reply, data, size);
    if (r < 0) {
        nats->queued -= costs < nats->queued ? costs : nats->queued;
        return r;
    }
    nats->unsent += costs;
    if (nats->unsent >= CHUNK)
        em__nats_flush(nats);
    return 0;
}

/* What is sent again until it is answered need not wait here: now, or -EAGAIN.
 * The message stays the caller's. */
int em__nats_offer(em_nats *nats, natsMsg *message)
{
    size_t costs = cost(natsMsg_GetSubject(message),
                        (size_t)natsMsg_GetDataLength(message));
    em_nats *former;
    natsStatus s;

    if (nats->state >= EM__NATS_ENDING)
        return -ESHUTDOWN;
    if (!em__list_empty(&nats->waiting) ||
        !em__nats_link_is_ready(nats->link) ||
        is_full(nats, natsMsg_GetSubject(message),
                (size_t)natsMsg_GetDataLength(message)))
        return -EAGAIN;
    nats->queued += costs; /* the hooks may set it to nothing */
    former = em__nats_enter(nats);
    s = natsConnection_PublishMsg(nats->nc, message);
    em__nats_leave(former);
    if (s != NATS_OK) {
        nats->queued -= costs < nats->queued ? costs : nats->queued;
        return em__nats_errno(s);
    }
    nats->unsent += costs;
    if (nats->unsent >= CHUNK)
        em__nats_flush(nats);
    return 0;
}

int em__nats_send(em_nats *nats, const char *subject, const char *reply,
                  const void *data, size_t size)
{
    int r = check(nats, size);

    if (r == 0 && is_full(nats, subject, size)) {
        nats->hungry = true;
        r = -EAGAIN;
    }
    return r < 0 ? r : em__nats_answer(nats, subject, reply, data, size);
}

/* Its caller has gone. */
static int leave_out(em_nats *nats, const waiting *w)
{
    size_t costs = cost(w->subject, w->size);

    nats->queued -= costs < nats->queued ? costs : nats->queued;
    return 0;
}

/* The connection may break again meanwhile; then they wait on. */
void em__nats_send_waiting(em_nats *nats)
{
    waiting *w;
    int r;

    while (nats->state <= EM__NATS_CLOSING && !em__list_empty(&nats->waiting) &&
           em__nats_link_is_ready(nats->link)) {
        w = em__container(nats->waiting.next, waiting, link);
        em__list_remove(&w->link);
        r = em__nats_call_leaves(nats, w->reply)
                ? hand_over(nats, w->subject, w->reply, w->bytes, w->size)
                : leave_out(nats, w);
        if (r < 0)
            em__nats_error(nats, r, "a message that waited is lost",
                           w->subject);
        free(w);
    }
}

void em__nats_drop_waiting(em_nats *nats)
{
    em__list *node, *after;

    em__list_each_safe(&nats->waiting, node, after) {
        em__list_remove(node);
        free(em__container(node, waiting, link));
    }
    nats->queued = 0;
}

/* --- the bound --- */

static void tell_drained(em_loop *loop, void *data)
{
    em_nats *nats = data;

    (void)loop;
    if (nats->state == EM__NATS_OPEN)
        em__nats_emit(nats, "drain");
    em_unref(&nats->emitter);
}

/* Libnats has written all it had.  'drain' is deferred: this runs inside its
 * hook, with its lock held. */
void em__nats_sent(em_nats *nats)
{
    em__list *node, *after;

    nats->queued = 0;
    em__list_each_safe(&nats->waiting, node, after) {
        const waiting *w = em__container(node, waiting, link);

        nats->queued += cost(w->subject, w->size);
    }
    if (nats->queued <= nats->limit / 2)
        atomic_store(&nats->clogged, false);
    if (!nats->hungry || nats->queued > nats->limit / 2)
        return;
    if (em_loop_defer(nats->loop, tell_drained, nats) == 0) {
        nats->hungry = false;
        (void)em_ref(&nats->emitter);
    }
}

int em_nats_publish(em_nats *nats, const char *subject, const void *data,
                    size_t size)
{
    if (!nats || !em__nats_is_subject(subject, false) || (!data && size > 0))
        return -EINVAL;
    return em__nats_send(nats, subject, NULL, data, size);
}

size_t em_nats_queued(em_nats *nats)
{
    return nats ? nats->queued : 0;
}
