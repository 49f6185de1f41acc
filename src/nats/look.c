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
 * job, but any replica for the result, and that one may be late.
 *
 * A call that is cancelled has its job deleted from the queue. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/call.h"
#include "nats/durable.h"

enum {
    MISSING_MS = 2000, /* until the second look */
    TIMES = 2
};

/* An answer that was lost is not waited for: the next look asks again. */
static void ask(em__nats_task *task, const char *what, char *subject,
                char *body)
{
    char reply[EM__JS_INBOX];

    (void)snprintf(reply, sizeof(reply), "%s.%s.%llu", task->tasks->inbox, what,
                   (unsigned long long)task->call->node.key);
    em__js_ask(task->tasks->nats, subject, reply, body);
}

/* By id and not by client: another process may have submitted it before. */
void em__nats_look(em__nats_task *task)
{
    ask(task, "look",
        em__js_print("$JS.API.DIRECT.GET.%s-results", task->stream),
        em__js_print("{\"last_by_subj\":\"%s.result.*.%s.*\"}", task->stream,
                     task->id));
}

void em__nats_looked_in_vain(em__nats_task *task, natsMsg *message)
{
    if (em__js_status(message) != 404 || !task->accepted || !task->sequence)
        return;
    ask(task, "queue", em__js_print("$JS.API.STREAM.MSG.GET.%s", task->stream),
        em__js_print("{\"seq\":%llu}", (unsigned long long)task->sequence));
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

/* Also one that runs: it is done, but not once more if its server dies.  The
 * answer finds no call.  Another call of this id finds the job missing, and
 * submits it again. */
int em__nats_task_cancel(em__nats_task *task)
{
    if (!task->left)
        return 0;
    if (task->accepted && task->sequence > 0)
        ask(task, "cancel",
            em__js_print("$JS.API.STREAM.MSG.DELETE.%s", task->stream),
            em__js_print("{\"seq\":%llu,\"no_erase\":true}",
                         (unsigned long long)task->sequence));
    return -EBUSY;
}
