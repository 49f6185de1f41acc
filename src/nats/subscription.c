/* SPDX-License-Identifier: MIT */
/* Subscription: messages that come, delivered on the loop.
 *
 * They are libnats' synchronous ones, which have no thread: its parser, called
 * by the loop, puts each message into its subscription's list, and the loop
 * takes them out before it reads again. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nats/link.h"

static void free_sub(em__nats_sub *sub)
{
    em__list_remove(&sub->link);
    natsSubscription_Destroy(sub->handle);
    free(sub->subject);
    free(sub->group);
    free(sub);
}

static int open_sub(em__nats_sub *sub)
{
    em_nats *nats = sub->nats, *former = em__nats_enter(nats);
    natsStatus s;

    if (!sub->fn)
        s = em__nats_link_hear_none(nats->link, nats->nc, sub->subject,
                                    &sub->handle);
    else if (sub->group)
        s = natsConnection_QueueSubscribeSync(&sub->handle, nats->nc,
                                              sub->subject, sub->group);
    else
        s = natsConnection_SubscribeSync(&sub->handle, nats->nc, sub->subject);
    if (s != NATS_OK)
        sub->handle = NULL;
    else if (sub->fn) /* one read never brings more than its buffer holds */
        s = natsSubscription_SetPendingLimits(sub->handle, -1, -1);
    em__nats_leave(former);
    return em__nats_errno(s);
}

static bool is_open(const em_nats *nats)
{
    return nats->nc && nats->state == EM__NATS_OPEN &&
           em__nats_link_is_ready(nats->link);
}

static char *copy(const char *string)
{
    return string ? strdup(string) : NULL;
}

int em__nats_subscribe(em_nats *nats, const char *subject, const char *group,
                       void (*fn)(em__nats_sub *, natsMsg *), void *data,
                       em__nats_sub **ret)
{
    em__nats_sub *sub = calloc(1, sizeof(*sub));
    int r = 0;

    if (!sub)
        return -ENOMEM;
    *sub = (em__nats_sub){ .nats = nats,
                           .subject = copy(subject),
                           .group = copy(group),
                           .fn = fn,
                           .data = data };
    em__list_init(&sub->link);
    if (!sub->subject || (group && !sub->group))
        r = -ENOMEM;
    else if (is_open(nats))
        r = open_sub(sub);
    if (r < 0) {
        free_sub(sub);
        return r;
    }
    em__list_append(&nats->subs, &sub->link);
    *ret = sub;
    return 0;
}

/* While it is broken libnats is not called; see publish.c. */
static void reap(em_nats *nats)
{
    em__list *node, *after;
    em_nats *former = em__nats_enter(nats);

    em__list_each_safe(&nats->subs, node, after) {
        em__nats_sub *sub = em__container(node, em__nats_sub, link);

        if (sub->gone && (!sub->handle || is_open(nats)))
            free_sub(sub);
    }
    em__nats_leave(former);
}

/* From the end on all are gone, also those that have an owner still, who is to
 * take them off: none is freed before em__nats_drop_subs does. */
void em__nats_unsubscribe(em__nats_sub *sub)
{
    if (!sub)
        return;
    sub->gone = true;
    sub->data = NULL;
    if (!sub->nats->delivering && sub->nats->state < EM__NATS_ENDING)
        reap(sub->nats);
}

void em__nats_subscribe_all(em_nats *nats)
{
    em__list *node, *after;
    int r;

    if (nats->delivering || !is_open(nats))
        return;
    reap(nats);
    em__list_each_safe(&nats->subs, node, after) {
        em__nats_sub *sub = em__container(node, em__nats_sub, link);

        r = sub->handle ? 0 : open_sub(sub);
        if (r < 0)
            em__nats_error(nats, r, "cannot subscribe", sub->subject);
    }
}

static void deliver(em__nats_sub *sub, natsMsg *message)
{
    sub->keeps = false;
    sub->fn(sub, message);
    if (!sub->keeps)
        natsMsg_Destroy(message);
}

/* Only what came by now: nothing comes while this goes on.  To ask before each
 * message would take the subscription's lock twice for it. */
static void deliver_sub(em__nats_sub *sub)
{
    uint64_t queued = 0;
    natsMsg *message;
    natsStatus s;

    if (!sub->handle || !sub->fn ||
        natsSubscription_QueuedMsgs(sub->handle, &queued) != NATS_OK)
        return;
    for (; queued > 0 && !sub->gone; queued--) {
        s = natsSubscription_NextMsg(&message, sub->handle, 0);
        if (s == NATS_OK)
            deliver(sub, message);
        else if (s != NATS_NO_RESPONDERS)
            return;
        else if (sub->unheard)
            sub->unheard(sub);
    }
}

/* Subscriptions that listeners take off stay linked until the end, so that the
 * walk keeps its place; new ones come behind it. */
void em__nats_deliver(em_nats *nats)
{
    em__list *node;

    nats->delivering = true;
    for (node = nats->subs.next; node != &nats->subs; node = node->next) {
        em__nats_sub *sub = em__container(node, em__nats_sub, link);

        if (!sub->gone)
            deliver_sub(sub);
    }
    nats->delivering = false;
    if (nats->state >= EM__NATS_ENDING)
        em__nats_drop_subs(nats);
    else
        reap(nats);
}

/* The end.  Destroying them takes libnats' lock, which a thread of its own may
 * hold while it connects, so those that are left go with the connection. */
void em__nats_drop_subs(em_nats *nats)
{
    em__list *node, *after;

    em__list_each_safe(&nats->subs, node, after) {
        em__nats_sub *sub = em__container(node, em__nats_sub, link);

        sub->gone = true;
        if (!nats->delivering && nats->state == EM__NATS_CLOSED)
            free_sub(sub);
    }
}
