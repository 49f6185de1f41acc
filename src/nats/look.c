/* SPDX-License-Identifier: MIT */
/* Look: what became of a job that was accepted, if its result did not come.
 *
 * The result may have been missed, and then it is in its stream.  Else the job
 * is still in its queue; to be in neither it would have been lost there.  That
 * does happen: in a cluster whose servers were killed or had no room,
 * nats-server 2.9.10 may drop messages that it had accepted (its #4365 tells of
 * replicas that count differently and skip).  A job that was found nowhere,
 * twice, is therefore submitted again.
 *
 * Twice, and with some time in between: it is the leader who is asked for the
 * job, but any replica for the result, and that one may be late. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "nats/durable.h"

enum {
    MISSING_MS = 2000, /* until the second look */
    TIMES = 2
};

/* Takes the three, of which any may be NULL for want of memory: the next look
 * makes up for it, as for what is lost on the way. */
static void request(em_nats *nats, char *subject, char *body, char *reply)
{
    if (subject && body && reply && em_nats_is_connected(nats))
        (void)em__nats_send(nats, subject, reply, body, strlen(body));
    free(subject);
    free(body);
    free(reply);
}

static char *reply_subject(const em__nats_task *task, const char *what)
{
    return em__js_print("%s.%s.%llu", task->tasks->inbox, what,
                        (unsigned long long)task->call->node.key);
}

/* By id and not by client: another process may have submitted it before. */
void em__nats_look(em__nats_task *task)
{
    request(task->tasks->nats,
            em__js_print("$JS.API.DIRECT.GET.%s-results", task->stream),
            em__js_print("{\"last_by_subj\":\"%s.result.*.%s.*\"}",
                         task->stream, task->id),
            reply_subject(task, "look"));
}

void em__nats_looked_in_vain(em__nats_task *task, natsMsg *message)
{
    if (em__js_status(message) != 404 || !task->accepted || !task->sequence)
        return;
    request(task->tasks->nats,
            em__js_print("$JS.API.STREAM.MSG.GET.%s", task->stream),
            em__js_print("{\"seq\":%llu}", (unsigned long long)task->sequence),
            reply_subject(task, "queue"));
}

/* With the same id JetStream would take it for what it has lost.  All who wait
 * for a job of this id make the same of it, so that it is stored once again. */
static void submit_again(em__nats_task *task)
{
    char *id =
        em__js_print("%s.%llu", task->id, (unsigned long long)task->sequence);

    if (id && natsMsgHeader_Set(task->message, EM__NATS_ID, id) == NATS_OK)
        em__nats_task_submit_again(task);
    free(id);
}

void em__nats_looked_for_job(em__nats_task *task, natsMsg *message)
{
    em__js_answer answer;

    em__js_read_answer(message, &answer);
    if (!task->accepted)
        return;
    if (answer.code != EM__JS_NO_MESSAGE) {
        if (answer.error == 0)
            task->missing = 0;
        return;
    }
    task->wait_ms = MISSING_MS;
    if (++task->missing >= TIMES)
        submit_again(task);
}
