/* SPDX-License-Identifier: MIT */
/* Task: a function to be called on the loop's thread, posted or deferred. */

#include <config.h>

#include <errno.h>

#include "base/alloc.h"
#include "loop/internal.h"

struct task {
    em__mail mail;
    em_task_fn *fn;
    void *data;
};

static void deliver(em_loop *loop, em__mail *mail, em__delivery how)
{
    struct task task = *em__container(mail, struct task, mail);

    em__free(em__container(mail, struct task, mail));
    if (how == EM__FORKED)
        return;
    em__loop_calling(loop, (void (*)(void))task.fn);
    task.fn(loop, task.data);
}

static void deliver_post(em_loop *loop, em__mail *mail, em__delivery how)
{
    em__loop_count_post(loop);
    deliver(loop, mail, how);
}

static int new_task(em_task_fn *fn, void *data, struct task **ret)
{
    struct task *task;

    if (!fn)
        return -EINVAL;
    task = em__malloc(sizeof(*task));
    if (!task)
        return -ENOMEM;
    *task = (struct task){ { NULL, deliver }, fn, data };
    *ret = task;
    return 0;
}

int em_loop_post(em_loop *loop, em_task_fn *fn, void *data)
{
    struct task *task;
    int r;

    if (!loop)
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    r = new_task(fn, data, &task);
    if (r < 0)
        return r;
    task->mail.deliver = deliver_post;
    r = em__loop_send(loop, &task->mail);
    if (r < 0)
        em__free(task);
    return r;
}

void em__loop_defer(em_loop *loop, em__mail *mail)
{
    mail->next = NULL;
    if (loop->defers)
        loop->last_defer->next = mail;
    else
        loop->defers = mail;
    loop->last_defer = mail;
    em__loop_touch(loop);
    em__host_alive_changed(loop);
}

int em_loop_defer(em_loop *loop, em_task_fn *fn, void *data)
{
    struct task *task;
    int r = em__loop_check(loop);

    if (r < 0)
        return r;
    r = new_task(fn, data, &task);
    if (r < 0)
        return r;
    em__loop_defer(loop, &task->mail);
    return 0;
}

void em__task_run_defers(em_loop *loop)
{
    em__mail *mail;

    while ((mail = loop->defers) && !em__loop_halted(loop)) {
        loop->defers = mail->next;
        mail->deliver(loop, mail, EM__RUNNING);
        em__loop_called(loop);
    }
}
