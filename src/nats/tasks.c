/* SPDX-License-Identifier: MIT */
/* Tasks: what the durable calls of a connection share: where they are answered,
 * and a timer. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nats/durable.h"

/* Where the results of a stream are heard. */
typedef struct mailbox {
    em__list link;
    em__nats_sub *sub;
    char stream[];
} mailbox;

static void forget_tick(void *data)
{
    ((em__nats_tasks *)data)->tick = NULL;
}

static void leave(em__nats_tasks *tasks)
{
    em__list *node, *after;

    em__list_each_safe(&tasks->mailboxes, node, after) {
        mailbox *m = em__container(node, mailbox, link);

        em__nats_unsubscribe(m->sub);
        em__list_remove(node);
        free(m);
    }
    em__nats_unsubscribe(tasks->answers);
    tasks->answers = NULL;
    em_source_set_free(tasks->tick, NULL);
    em_source_remove(tasks->tick);
    tasks->tick = NULL;
}

static void free_tasks(em__nats_tasks *tasks)
{
    leave(tasks);
    free(tasks->inbox);
    free(tasks);
}

/* The calls are still to end. */
void em__nats_tasks_leave(em_nats *nats)
{
    if (nats->tasks)
        leave(nats->tasks);
}

void em__nats_tasks_free(em_nats *nats)
{
    if (nats->tasks)
        free_tasks(nats->tasks);
    nats->tasks = NULL;
}

static int listen_for_answers(em__nats_tasks *tasks)
{
    char *subject = em__js_print("%s.*.*", tasks->inbox);
    int r = -ENOMEM;

    if (subject)
        r = em__nats_subscribe(tasks->nats, subject, NULL,
                               em__nats_task_answered, tasks, &tasks->answers);
    if (r == 0)
        tasks->answers->unheard = em__nats_task_unheard;
    free(subject);
    return r;
}

static int start_ticking(em__nats_tasks *tasks)
{
    int r = em_loop_add_timer(tasks->nats->loop, UINT64_MAX, 0,
                              em__nats_tasks_tick, tasks, &tasks->tick);

    if (r < 0)
        return r;
    em_source_set_free(tasks->tick, forget_tick);
    em_source_unref(tasks->tick); /* calls keep the loop alive, or do not */
    return 0;
}

int em__nats_tasks_open(em_nats *nats)
{
    em__nats_tasks *tasks;
    int r;

    if (nats->tasks)
        return 0;
    tasks = calloc(1, sizeof(*tasks));
    if (!tasks)
        return -ENOMEM;
    tasks->nats = nats;
    em__list_init(&tasks->list);
    em__list_init(&tasks->mailboxes);
    tasks->inbox = em__js_new_inbox();
    r = tasks->inbox ? listen_for_answers(tasks) : -ENOMEM;
    if (r == 0)
        r = start_ticking(tasks);
    if (r < 0) {
        free_tasks(tasks);
        return r;
    }
    tasks->client = tasks->inbox + strlen("_INBOX.");
    nats->tasks = tasks;
    return 0;
}

static mailbox *find_mailbox(const em__nats_tasks *tasks, const char *stream)
{
    em__list *node;

    for (node = tasks->mailboxes.next; node != &tasks->mailboxes;
         node = node->next) {
        if (strcmp(em__container(node, mailbox, link)->stream, stream) == 0)
            return em__container(node, mailbox, link);
    }
    return NULL;
}

/* Before anything is submitted that might be answered there. */
int em__nats_tasks_listen(em__nats_tasks *tasks, const char *stream)
{
    size_t length = strlen(stream) + 1;
    mailbox *m = find_mailbox(tasks, stream);
    char *subject;
    int r = -ENOMEM;

    if (m)
        return 0;
    m = malloc(sizeof(*m) + length);
    subject = em__js_print("%s.result.%s.>", stream, tasks->client);
    if (m && subject)
        r = em__nats_subscribe(tasks->nats, subject, NULL, em__nats_task_result,
                               tasks, &m->sub);
    free(subject);
    if (r < 0) {
        free(m);
        return r;
    }
    memcpy(m->stream, stream, length);
    em__list_append(&tasks->mailboxes, &m->link);
    return 0;
}
