/* SPDX-License-Identifier: MIT */
/* Inbox: where a connection is answered, by one subscription for all.
 *
 * Its subject is one that nobody else has, and a token: the number of a call,
 * or "jobs", where callers ask after what this connection holds of theirs.
 * What a call sends has another token behind, "none", as its reply subject,
 * where the NATS server says that nobody listens; answers leave it away.  So
 * that word comes by a subscription of its own, which must be of another kind
 * (link.c) and has next to nothing to do. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/call.h"
#include "nats/job.h"

static bool read_digits(const char *token, uint64_t *ret)
{
    char *end;

    if (strspn(token, "0123456789abcdef") != strlen(token) || !*token ||
        strlen(token) > 16)
        return false;
    *ret = strtoull(token, &end, 16);
    return true;
}

bool em__nats_inbox_number(const em_nats *nats, const char *subject,
                           uint64_t *ret)
{
    size_t length = nats->inbox ? strlen(nats->inbox) : 0;
    char answer[EM__NATS_INBOX];

    return length > 0 && strncmp(subject, nats->inbox, length) == 0 &&
           em__nats_inbox_answer(subject, answer) &&
           read_digits(answer + length, ret);
}

void em__nats_inbox_reply(const em_nats *nats, uint64_t number,
                          char subject[EM__NATS_INBOX])
{
    (void)snprintf(subject, EM__NATS_INBOX, "%s%" PRIx64 ".none", nats->inbox,
                   number);
}

bool em__nats_inbox_answer(const char *reply, char subject[EM__NATS_INBOX])
{
    size_t length = reply ? strlen(reply) : 0;
    size_t last = sizeof(".none") - 1;

    if (length <= last || length >= EM__NATS_INBOX ||
        strcmp(reply + length - last, ".none") != 0 ||
        !em__nats_is_subject(reply, false))
        return false;
    memcpy(subject, reply, length - last);
    subject[length - last] = '\0';
    return true;
}

void em__nats_inbox_jobs(const em_nats *nats, char subject[EM__NATS_INBOX])
{
    (void)snprintf(subject, EM__NATS_INBOX, "%sjobs", nats->inbox);
}

/* What is for neither is late, or of somebody who tries. */
static void on_message(em__nats_sub *sub, natsMsg *message)
{
    const char *token = strrchr(natsMsg_GetSubject(message), '.');
    uint64_t number;

    if (!token)
        return;
    if (read_digits(token + 1, &number))
        em__nats_call_answer(sub->nats, number, message);
    else if (strcmp(token + 1, "jobs") == 0)
        em__nats_job_control(sub->nats, message, true);
}

static int choose(em_nats *nats)
{
    natsInbox *inbox;
    natsStatus s = natsInbox_Create(&inbox);
    size_t length;

    if (s != NATS_OK)
        return em__nats_errno(s);
    length = strlen(inbox);
    nats->inbox = malloc(length + 2);
    if (nats->inbox)
        (void)snprintf(nats->inbox, length + 2, "%s.", inbox);
    natsInbox_Destroy(inbox);
    return nats->inbox ? 0 : -ENOMEM;
}

static int listen_at(em_nats *nats, const char *tokens,
                     void (*fn)(em__nats_sub *, natsMsg *), em__nats_sub **ret)
{
    char subject[EM__NATS_INBOX];

    if (*ret)
        return 0;
    (void)snprintf(subject, sizeof(subject), "%s%s", nats->inbox, tokens);
    return em__nats_subscribe(nats, subject, NULL, fn, NULL, ret);
}

int em__nats_inbox_open(em_nats *nats)
{
    int r = nats->inbox ? 0 : choose(nats);

    if (r == 0)
        r = listen_at(nats, "*", on_message, &nats->inbox_sub);
    if (r == 0)
        r = listen_at(nats, "*.none", NULL, &nats->none_sub);
    return r;
}
