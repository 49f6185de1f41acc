/* SPDX-License-Identifier: MIT */
/* Worker: libemitter. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <emitter.h>

#include "worker.h"

enum { LIMIT = 128 * 1024 * 1024 };

typedef struct end end;
typedef void go_on_fn(end *it, const em_message *message);

/* What either end does with what comes; the spawner's also tells what the
 * worker, which inherits it, is to do. */
struct end {
    bench_run *run;
    em_loop *loop;
    em_worker *worker;
    unsigned long sent, received;
    double began;
    int fd; /* to be passed, or -1 */
    int error;
    go_on_fn *go_on; /* NULL: there is room again */
    go_on_fn *answer;
};

static void stop(end *it, int error)
{
    it->error = error;
    em_loop_stop(it->loop);
}

static int post(end *it, const void *data, size_t size, int fd)
{
    int r = em_worker_post(it->worker, data, size, fd);

    if (r == 0)
        it->sent++;
    else if (fd >= 0)
        (void)close(fd);
    if (r < 0 && r != -EAGAIN)
        stop(it, r);
    return r;
}

static void on_message(em_emitter *emitter, void *arg, void *data)
{
    end *it = data;

    (void)emitter;
    it->received++;
    it->go_on(it, arg);
}

static void on_drain(em_emitter *emitter, void *arg, void *data)
{
    end *it = data;

    (void)emitter, (void)arg;
    it->go_on(it, NULL);
}

static void on_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter;
    stop(data, error->code);
}

static int listen_to(end *it)
{
    em_emitter *emitter = em_worker_emitter(it->worker);
    int r = em_on(emitter, "message", on_message, it);

    if (r == 0)
        r = em_on(emitter, "drain", on_drain, it);
    return r < 0 ? r : em_on(emitter, "error", on_error, it);
}

static int run_until_stopped(end *it, int r)
{
    if (r == 0)
        r = em_loop_run(it->loop, EM_RUN_DEFAULT);
    return r < 0 ? r : it->error;
}

/* The worker, until the channel is closed. */
static int serve(em_loop *loop, em_worker *parent, void *data)
{
    const end *spawner = data;
    end it = { .run = spawner->run,
               .loop = loop,
               .worker = parent,
               .fd = -1,
               .go_on = spawner->answer };

    memory_begin();
    (void)run_until_stopped(&it, listen_to(&it));
    memory_end();
    return 0;
}

static void on_exit(em_emitter *emitter, void *arg, void *data)
{
    const em_exit *exit = arg;

    (void)emitter;
    stop(data, exit->code == 0 ? 0 : -ECHILD);
}

/* Both must have counted their memory before it is looked at. */
static int end_worker(end *it, int r)
{
    int exit_r = em_on(em_worker_emitter(it->worker), "exit", on_exit, it);

    if (exit_r == 0)
        exit_r = em_worker_terminate(it->worker, UINT64_MAX);
    exit_r = run_until_stopped(it, exit_r);
    em_worker_free(it->worker);
    return r < 0 ? r : exit_r;
}

static int ask(bench_run *run, go_on_fn *answer, void (*first)(end *it),
               go_on_fn *go_on)
{
    end it = { .run = run, .fd = -1, .go_on = go_on, .answer = answer };
    em_worker_options options = { .size = sizeof(options),
                                  .main = serve,
                                  .data = &it,
                                  .queue_limit = LIMIT };
    int r = memory_share();

    if (r == 0)
        r = em_loop_new(NULL, &it.loop);
    if (r == 0)
        r = em_worker_spawn(it.loop, &options, &it.worker);
    if (r == 0)
        r = listen_to(&it);
    if (r < 0)
        return r;
    first(&it);
    r = run_until_stopped(&it, it.error);
    r = end_worker(&it, r);
    em_loop_free(it.loop);
    return r;
}

/* --- round trips --- */

static void send_back(end *it, const em_message *message)
{
    (void)post(it, message->data, message->size, -1);
}

static void travel(end *it)
{
    it->began = bench_now();
    (void)post(it, message_bytes(it->run), it->run->parameter->size, -1);
}

static void travel_on(end *it, const em_message *message)
{
    (void)message;
    bench_latency(it->run, bench_now() - it->began);
    if (it->received == it->run->count)
        stop(it, 0);
    else
        travel(it);
}

int trip_em(bench_run *run)
{
    return ask(run, send_back, travel, travel_on);
}

/* --- one way, and one message back to tell the end --- */

static void count(end *it, const em_message *message)
{
    if (message && it->received == it->run->count)
        (void)post(it, NULL, 0, -1);
}

/* Until it is refused, and again when there is room. */
static void stream_on(end *it, const em_message *message)
{
    int r = 0;

    if (message)
        stop(it, 0);
    while (r == 0 && it->sent < it->run->count)
        r = post(it, message_bytes(it->run), it->run->parameter->size,
                 it->fd < 0 ? -1 : fcntl(it->fd, F_DUPFD_CLOEXEC, 0));
}

static void stream(end *it)
{
    stream_on(it, NULL);
}

int stream_em(bench_run *run)
{
    return ask(run, count, stream, stream_on);
}

/* --- descriptors: a new one for each message, which takes it along --- */

static void pass(end *it)
{
    it->fd = message_fd();
    stream_on(it, NULL);
}

int pass_em(bench_run *run)
{
    return ask(run, count, pass, stream_on);
}

/* --- large messages --- */

static void acknowledge(end *it, const em_message *message)
{
    (void)message;
    (void)post(it, NULL, 0, -1);
}

static void large(end *it)
{
    memory_begin();
    travel(it);
}

static void large_on(end *it, const em_message *message)
{
    (void)message;
    if (it->received < it->run->count) {
        travel(it);
        return;
    }
    memory_end();
    stop(it, 0);
}

int large_em(bench_run *run)
{
    int r;

    (void)message_bytes(run); /* which is not the library's memory */
    r = ask(run, acknowledge, large, large_on);
    run->value = memory_peak();
    return r;
}
