/* SPDX-License-Identifier: MIT */
/* Task: a durable call: submitted until it is accepted, then waited for.
 *
 * A publish that nobody answered is repeated with the same id, which JetStream
 * stores once (ADR-22 has why a stream may be without a leader for a while).
 * Then the result comes by a subscription; what came while the connection was
 * broken, or before a call with a known id was made, is looked for (look.c): at
 * each new connection, and ever more seldom in between. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/call.h"
#include "nats/durable.h"

enum {
    TICK_MS = 250,
    SUBMIT_MS = 1000, /* until it is repeated, at first */
    SUBMIT_MAX_MS = 4000,
    LOOK_MS = 1000, /* until it is looked for, at first */
    LOOK_MAX_MS = 30000,
    LOOKS = 512, /* a tick */
    MAX_ID = 128,
    MAX_RESULT = 64 + MAX_ID + EM__JS_INBOX /* a stream's name, too */
};

bool em__nats_is_id(const char *id)
{
    return em__nats_is_subject(id, false) && !strpbrk(id, ".*>") &&
           strlen(id) <= MAX_ID;
}

/* --- the end of a task --- */

void em__nats_task_free(em__nats_task *task)
{
    if (!task)
        return;
    em__list_remove(&task->link);
    natsMsg_Destroy(task->message);
    free(task);
}

int em__nats_task_lateness(const em__nats_task *task)
{
    return !task->told && task->refused ? task->refused : -ETIMEDOUT;
}

/* --- asking --- */

static int ask(em__nats_task *task)
{
    int r;

    task->asked_at = em_loop_now(task->tasks->nats->loop);
    if (task->accepted) {
        em__nats_look(task);
        return 0;
    }
    r = em__nats_offer(task->tasks->nats, task->message);
    task->left = task->left || r == 0;
    return r;
}

static void wait_longer(em__nats_task *task)
{
    uint64_t most = task->accepted ? LOOK_MAX_MS : SUBMIT_MAX_MS;

    task->wait_ms = task->wait_ms * 2 < most ? task->wait_ms * 2 : most;
}

/* Those that nobody has answered, with the list's end left alone: a listener
 * may submit more. */
static void ask_again(em__nats_tasks *tasks)
{
    uint64_t now = em_loop_now(tasks->nats->loop);
    int left = LOOKS;
    em__list *node, *after;

    em__list_each_safe(&tasks->list, node, after) {
        em__nats_task *task = em__container(node, em__nats_task, link);

        if (task->asked_at + task->wait_ms > now || left-- == 0)
            continue;
        if (ask(task) == -EAGAIN)
            return;
        wait_longer(task);
    }
}

void em__nats_tasks_tick(em_source *timer, void *data)
{
    em__nats_tasks *tasks = data;

    tasks->ticking = !em__list_empty(&tasks->list);
    if (!tasks->ticking)
        (void)em_source_set_timer(timer, UINT64_MAX, 0);
    else if (em_nats_is_connected(tasks->nats))
        ask_again(tasks);
}

void em__nats_tasks_attached(em_nats *nats)
{
    em__nats_tasks *tasks = nats->tasks;
    em__list *node;

    if (!tasks)
        return;
    for (node = tasks->list.next; node != &tasks->list; node = node->next) {
        em__nats_task *task = em__container(node, em__nats_task, link);

        task->wait_ms = task->accepted ? LOOK_MS : SUBMIT_MS;
        task->asked_at = 0;
    }
    ask_again(tasks);
}

/* --- answers --- */

static em_nats_call *find(em_nats *nats, uint64_t number)
{
    em__nats_node *node = em__nats_table_first(&nats->calls, number);
    em_nats_call *call = node ? em__container(node, em_nats_call, node) : NULL;

    return call && call->task ? call : NULL;
}

static bool is_for_good(int error)
{
    return error == -EMSGSIZE || error == -EPERM || error == -EBADMSG;
}

/* Told once, also if it was lost and accepted again. */
static void accepted(em__nats_task *task, const em__js_answer *answer)
{
    bool told = task->told;

    task->accepted = task->told = true;
    task->sequence = answer->sequence;
    task->missing = 0;
    task->wait_ms = LOOK_MS;
    if (answer->duplicate) /* it may be done since long */
        (void)ask(task);
    if (!told && task->accepted_fn)
        task->accepted_fn(task->call, task->call->data);
}

/* Its stream has lost it. */
void em__nats_task_submit_again(em__nats_task *task)
{
    task->accepted = false;
    task->wait_ms = SUBMIT_MS;
    (void)ask(task);
}

static void on_submitted(em__nats_task *task, natsMsg *message)
{
    em__js_answer answer;

    if (task->accepted)
        return;
    em__js_read_answer(message, &answer);
    if (answer.error == 0) {
        accepted(task, &answer);
        return;
    }
    task->refused = answer.error;
    if (is_for_good(answer.error))
        em__nats_call_end(task->call, answer.error, "", 0);
}

void em__nats_task_answered(em__nats_sub *sub, natsMsg *message)
{
    em__nats_tasks *tasks = sub->data;
    em_nats *nats = tasks->nats;
    const char *subject = natsMsg_GetSubject(message);
    em_nats_call *call;

    if (strstr(subject, ".hand.")) {
        em__nats_hands_taken(nats, message);
        return;
    }
    call = find(nats, em__js_last_number(subject));
    if (!call)
        return;
    if (strstr(subject, ".submit."))
        on_submitted(call->task, message);
    else if (strstr(subject, ".queue."))
        em__nats_looked_for_job(call->task, message);
    else if (em__js_status(message) == 0)
        em__nats_call_answer(nats, call->node.key, message);
    else
        em__nats_looked_in_vain(call->task, message);
}

/* One of those that are not accepted yet; it is tried again in any case. */
void em__nats_task_unheard(em__nats_sub *sub)
{
    em__nats_tasks *tasks = sub->data;
    em__list *node;

    for (node = tasks->list.next; node != &tasks->list; node = node->next) {
        em__nats_task *task = em__container(node, em__nats_task, link);

        if (!task->accepted && !task->refused)
            task->refused = -EHOSTUNREACH;
    }
}

/* A number is never given twice, so a result that comes again finds no call. */
void em__nats_task_result(em__nats_sub *sub, natsMsg *message)
{
    em_nats *nats = sub->nats;
    em_nats_call *call =
        find(nats, em__js_last_number(natsMsg_GetSubject(message)));

    if (call)
        em__nats_call_answer(nats, call->node.key, message);
}

void em__nats_task_handed(em_nats *nats, const em__nats_hand *hand)
{
    em_nats_call *call = find(nats, hand->call);

    if (call)
        em__nats_call_frame(call, hand->result, hand->size);
}

void em__nats_tasks_hear(em_nats *nats, natsMsg *result)
{
    const char *subject = natsMsg_GetSubject(result);
    em_nats_call *call = find(nats, em__js_last_number(subject));

    if (call && nats->tasks && strstr(subject, nats->tasks->client))
        em__nats_call_answer(nats, call->node.key, result);
}

/* --- the beginning of a task --- */

static int pack(em__nats_task *task, const em__nats_letter *letter,
                const char *subject, const char *reply)
{
    em_nats_buffer *b = &task->tasks->nats->scratch;
    natsStatus s;
    int r;

    b->used = 0;
    r = em__nats_letter_append(b, letter);
    if (r < 0)
        return r;
    s = natsMsg_Create(&task->message, subject, reply, b->bytes, (int)b->used);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(task->message, EM__NATS_ID, task->id);
    return em__nats_errno(s);
}

/* Where the job goes, in a buffer that is reused. */
static int job_subject(const em__nats_task *task, const char *subject,
                       em_nats_buffer *ret)
{
    int r;

    ret->used = 0;
    r = em_nats_append(ret, task->stream, strlen(task->stream));
    if (r == 0)
        r = em_nats_append(ret, ".job.", strlen(".job."));
    return r == 0 ? em_nats_append(ret, subject, strlen(subject) + 1) : r;
}

static int make_message(em__nats_task *task, const em_nats_run_options *o)
{
    em__nats_tasks *tasks = task->tasks;
    unsigned long long number = task->call->node.key;
    em_nats_buffer *subject = &tasks->nats->control;
    char reply[EM__JS_INBOX], hand[EM__JS_INBOX] = "", result[MAX_RESULT];
    int r = job_subject(task, o->subject, subject);

    if (r < 0)
        return r;
    (void)snprintf(reply, sizeof(reply), "%s.submit.%llu", tasks->inbox,
                   number);
    (void)snprintf(result, sizeof(result), "%s.result.%s.%s.%llu", task->stream,
                   tasks->client, task->id, number);
    if (!o->id)
        (void)snprintf(hand, sizeof(hand), "%s.hand.all", tasks->inbox);
    return pack(task,
                &(em__nats_letter){ result, hand, task->id, o->payload,
                                    o->payload_size },
                subject->bytes, reply);
}

/* With its strings behind it.  One that nobody names is this client's own. */
static em__nats_task *allocate(em_nats_call *call, const em_nats_run_options *o)
{
    em__nats_tasks *tasks = call->nats->tasks;
    size_t room = strlen(o->id ? o->id : tasks->client) + 24;
    size_t length = strlen(o->stream) + 1;
    em__nats_task *task = calloc(1, sizeof(*task) + room + length);

    if (!task)
        return NULL;
    em__list_init(&task->link);
    task->tasks = tasks;
    task->call = call;
    task->accepted_fn = o->accepted;
    task->wait_ms = SUBMIT_MS;
    if (o->id)
        (void)snprintf(task->id, room, "%s", o->id);
    else
        (void)snprintf(task->id, room, "%s-%llu", tasks->client,
                       (unsigned long long)call->node.key);
    task->stream = memcpy(task->id + room, o->stream, length);
    return task;
}

static int submit(em__nats_task *task, const em_nats_run_options *o)
{
    em__nats_tasks *tasks = task->tasks;
    int r = em__nats_tasks_listen(tasks, o->stream);

    if (r == 0)
        r = make_message(task, o);
    if (r == 0)
        r = ask(task);
    if (r < 0 && r != -EAGAIN)
        return r;
    em__list_append(&tasks->list, &task->link);
    if (!tasks->ticking && tasks->tick)
        (void)em_source_set_timer(tasks->tick, TICK_MS, TICK_MS);
    tasks->ticking = true;
    return 0;
}

/* Those that wait for a server are not counted: they are not handed to libnats,
 * which is what the bound is on. */
static int check(em_nats *nats, const em_nats_run_options *o)
{
    size_t largest = atomic_load(&nats->largest);

    if (o->payload_size > largest ||
        largest - o->payload_size < EM__NATS_AROUND)
        return -EMSGSIZE;
    if (nats->queued < nats->limit)
        return 0;
    nats->hungry = true;
    return -EAGAIN;
}

int em__nats_task_new(em_nats_call *call, const em_nats_run_options *options)
{
    int r = check(call->nats, options);
    em__nats_task *task;

    if (r == 0)
        r = em__nats_tasks_open(call->nats);

    if (r < 0)
        return r;
    task = allocate(call, options);
    if (!task)
        return -ENOMEM;
    r = submit(task, options);
    if (r < 0) {
        em__nats_task_free(task);
        return r;
    }
    call->task = task;
    return 0;
}
