/* SPDX-License-Identifier: MIT */
/* Spawner: the end of the channel at which a worker was made. */

#include <config.h>

#include <errno.h>

#include "base/options.h"
#include "worker/descriptors.h"
#include "worker/internal.h"

enum { DEFAULT_LIMIT = 64 * 1024 * 1024 }; /* bytes */

/* --- events --- */

/* Each comes once, however often the other end says so. */
static void note(em_worker *worker, bool *noted, const char *event)
{
    if (*noted)
        return;
    *noted = true;
    (void)em__worker_emit(worker, event, NULL);
}

void em__spawner_receive(em_worker *worker, em__frame *frame)
{
    switch (frame->type) {
    case EM__FRAME_MESSAGE:
        em__worker_emit_message(worker, frame);
        break;
    case EM__FRAME_ONLINE:
        note(worker, &worker->online, "online");
        break;
    case EM__FRAME_READY:
        note(worker, &worker->ready, "ready");
        break;
    case EM__FRAME_DONE:
        if (worker->hooks)
            worker->hooks->done(worker, worker->hook_data);
        break;
    default:
        em__worker_refuse(worker);
    }
}

/* What there is to tell comes with its end. */
void em__spawner_closed(em_worker *worker)
{
    (void)worker;
}

void em__spawner_ended(em_worker *worker, int code, int signo)
{
    em_exit arg = { .pid = worker->pid, .code = code, .signal = signo };

    em__worker_enter(worker);
    worker->ended = true;
    em_source_remove(worker->grace);
    worker->grace = NULL;
    if (worker->channel)
        em__channel_drain(worker->channel);
    em__worker_close(worker);
    arg.wanted = worker->wanted;
    arg.slot = worker->slot;
    (void)em__worker_emit(worker, "exit", &arg);
    em__worker_leave(worker);
}

/* --- the end --- */

void em__spawner_call_time(em_source *timer, void *data)
{
    em_worker *worker = data;

    (void)timer;
    worker->kind->overdue(worker);
}

/* Without a channel it knows already, as far as it can. */
static int ask(em_worker *worker)
{
    int r;

    if (worker->asked)
        return 0;
    r = em__worker_tell(worker, EM__FRAME_STOP, NULL, 0, -1);
    if (r < 0 && r != -EPIPE)
        return r;
    worker->asked = true;
    if (worker->hooks)
        worker->hooks->asked(worker, worker->hook_data);
    return 0;
}

static void shorten(em_worker *worker, uint64_t grace_ms)
{
    uint64_t now = em_loop_now(worker->loop);
    uint64_t due = grace_ms < UINT64_MAX - now ? now + grace_ms : UINT64_MAX;

    if (due >= worker->due)
        return;
    worker->due = due;
    (void)em_source_set_timer(worker->grace, grace_ms, 0);
}

int em_worker_terminate(em_worker *worker, uint64_t grace_ms)
{
    int r;

    if (!worker || worker->freed || !worker->kind->overdue)
        return -EINVAL;
    if (em__loop_is_forked(worker->loop))
        return -ECHILD;
    if (worker->ended)
        return -ESRCH;
    r = ask(worker);
    if (r < 0)
        return r;
    worker->wanted = true;
    shorten(worker, grace_ms);
    return 0;
}

/* --- the beginning --- */

/* What a thread shares with all others of its process. */
static bool is_for_processes(const em_worker_options *options)
{
    return options->path || options->argv || options->env || options->user ||
           options->group || options->cwd || options->nice ||
           options->limit_count > 0 || options->keep_count > 0 ||
           options->stdio[0] || options->stdio[1] || options->stdio[2];
}

static int check(const em_worker_options *options)
{
    int i, r;

    if ((options->main && (options->path || options->argv)) ||
        (options->limit_count > 0 && !options->limits) ||
        (options->keep_count > 0 && !options->keep_fds))
        return -EINVAL;
    if (options->thread)
        return options->main && !is_for_processes(options) ? 0 : -EINVAL;
    for (i = 0; i < 3; i++) {
        int fd = options->stdio[i] - 1;

        if (fd < -1)
            return -EINVAL;
        r = fd < 0 ? 0 : em__descriptors_check(&fd, 1);
        if (r < 0)
            return r;
    }
    return em__descriptors_check(options->keep_fds, options->keep_count);
}

int em__worker_spawn(em_loop *loop, const em_worker_options *options, int slot,
                     const em__worker_hooks *hooks, void *data, em_worker **ret)
{
    em_worker_options given;
    int r;

    if (!loop || !ret)
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    r = em__options_read(options, &given, sizeof(given));
    if (r == 0)
        r = check(&given);
    if (r < 0)
        return r;
    if (!given.queue_limit)
        given.queue_limit = DEFAULT_LIMIT;
    r = given.thread ? em__thread_spawn(loop, &given, slot, ret)
                     : em__process_spawn(loop, &given, slot, ret);
    if (r < 0)
        return r;
    (*ret)->hooks = hooks;
    (*ret)->hook_data = data;
    return 0;
}

int em_worker_spawn(em_loop *loop, const em_worker_options *options,
                    em_worker **ret)
{
    return em__worker_spawn(loop, options, -1, NULL, NULL, ret);
}
