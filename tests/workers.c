/* SPDX-License-Identifier: MIT */
/* Workers: what their tests share. */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers.h"

em_loop *master;

void begin_workers(void)
{
    assert_ok(em_loop_new(NULL, &master));
}

void end_workers(void)
{
    em_loop_free(master);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* --- events --- */

static void note(em_emitter *emitter, void *arg, void *data)
{
    (void)arg, (void)data;
    mark(em_event(emitter));
}

static void note_message(em_emitter *emitter, void *arg, void *data)
{
    const em_message *message = arg;
    char text[512];

    (void)emitter, (void)data;
    (void)snprintf(text, sizeof(text), "%.*s", (int)message->size,
                   message->size > 0 ? (const char *)message->data : "");
    mark(text);
    if (message->fd >= 0)
        mark("fd");
}

static void note_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter, (void)data;
    ck_assert_ptr_nonnull(error->origin);
    mark("error");
    mark_number(error->code);
}

static void note_exit(em_emitter *emitter, void *arg, void *data)
{
    const em_exit *end = arg;

    (void)emitter;
    ck_assert_int_eq(end->pid, em_worker_pid(data));
    ck_assert_int_eq(end->slot, -1);
    mark(end->signal ? "killed" : "exit");
    mark_number(end->signal ? end->signal : end->code);
    if (end->signal)
        ck_assert_int_eq(end->code, -1);
    if (end->wanted)
        mark("wanted");
}

void listen_to(em_worker *worker)
{
    em_emitter *emitter = em_worker_emitter(worker);

    assert_ok(em_on(emitter, "online", note, NULL));
    assert_ok(em_on(emitter, "ready", note, NULL));
    assert_ok(em_on(emitter, "drain", note, NULL));
    assert_ok(em_on(emitter, "message", note_message, NULL));
    assert_ok(em_on(emitter, "error", note_error, NULL));
    assert_ok(em_on(emitter, "exit", note_exit, worker));
}

em_worker *spawn(const em_worker_options *options)
{
    em_worker *worker;

    assert_ok(em_worker_spawn(master, options, &worker));
    listen_to(worker);
    return worker;
}

em_worker *spawn_main(em_worker_main_fn *main, void *data)
{
    return spawn(EM_OPTIONS(em_worker_options, .main = main, .data = data));
}

void run(void)
{
    assert_error(0, em_loop_run(master, EM_RUN_DEFAULT));
}

static void stop_run(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    em_loop_stop(data);
}

void run_until(em_worker *worker, const char *event)
{
    assert_ok(em_once(em_worker_emitter(worker), event, stop_run, master));
    assert_ok(em_loop_run(master, EM_RUN_DEFAULT));
}

/* --- answers --- */

static char answered[4096];

static void collect(em_emitter *emitter, void *arg, void *data)
{
    const em_message *message = arg;
    size_t used = strlen(answered);

    (void)emitter, (void)data;
    ck_assert_uint_lt(used + message->size, sizeof(answered));
    memcpy(answered + used, message->data, message->size);
    answered[used + message->size] = '\0';
}

static void check_exit(em_emitter *emitter, void *arg, void *data)
{
    const em_exit *end = arg;

    (void)emitter, (void)data;
    ck_assert_msg(end->code == 0, "code %d, signal %d, after: %s", end->code,
                  end->signal, answered);
}

const char *answer(const em_worker_options *options)
{
    em_worker *worker;

    answered[0] = '\0';
    assert_ok(em_worker_spawn(master, options, &worker));
    assert_ok(em_on(em_worker_emitter(worker), "message", collect, NULL));
    assert_ok(em_on(em_worker_emitter(worker), "exit", check_exit, NULL));
    run();
    em_worker_free(worker);
    return answered;
}

const char *answer_of(em_worker_main_fn *main, void *data)
{
    return answer(EM_OPTIONS(em_worker_options, .main = main, .data = data));
}

/* --- in a worker --- */

void say(em_worker *parent, const char *format, ...)
{
    char text[512];
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (em_worker_post(parent, text, (size_t)size, -1) < 0)
        abort();
}

int idle(em_loop *own, em_worker *parent, void *data)
{
    (void)parent, (void)data;
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return 0;
}

static void post_back(em_emitter *emitter, void *arg, void *data)
{
    em_message *message = arg;

    (void)emitter;
    if (em_worker_post(data, message->data, message->size, message->fd) == 0)
        message->fd = -1;
}

int echo(em_loop *own, em_worker *parent, void *data)
{
    (void)data;
    if (em_on(em_worker_emitter(parent), "message", post_back, parent) < 0 ||
        em_worker_ready(parent) < 0)
        return EXIT_FAILURE;
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return 0;
}

int hang(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)parent, (void)data;
    for (;;)
        (void)pause();
}
