/* SPDX-License-Identifier: MIT */
/* Worker: libuv's pipes with descriptors, which have no messages: bytes are
 * counted. */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "worker.h"

enum { WINDOW = 64 }; /* writes under way */

typedef struct end {
    uv_loop_t loop;
    uv_pipe_t pipe;
    uv_pipe_t passed; /* the handle that is sent */
    bench_run *run;
    unsigned long sent, written;
    size_t bytes; /* received */
    double began;
    bool passes;
    int error;
    void (*go_on)(struct end *it, const char *bytes, size_t size);
    char buffer[65536];
} end;

typedef struct request {
    uv_write_t write;
    end *end;
} request;

static void stop(end *it, int error)
{
    it->error = error;
    uv_stop(&it->loop);
}

static void allocate(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
    end *it = handle->data;

    (void)size;
    *ret = uv_buf_init(it->buffer, sizeof(it->buffer));
}

static void drop(uv_handle_t *handle)
{
    free(handle);
}

/* Descriptors must be accepted one by one, into handles of their own. */
static void take_handles(end *it)
{
    uv_pipe_t *taken;

    while (uv_pipe_pending_count(&it->pipe) > 0) {
        taken = malloc(sizeof(*taken));
        if (!taken || uv_pipe_init(&it->loop, taken, 0) < 0 ||
            uv_accept((uv_stream_t *)&it->pipe, (uv_stream_t *)taken) < 0)
            abort();
        uv_close((uv_handle_t *)taken, drop);
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    end *it = stream->data;

    if (size < 0) {
        stop(it, size == UV_EOF ? 0 : (int)size);
        return;
    }
    take_handles(it);
    it->bytes += (size_t)size;
    it->go_on(it, buffer->base, (size_t)size);
}

static void stream_on(end *it, const char *bytes, size_t size);

static void on_written(uv_write_t *write, int error)
{
    request *mine = (request *)write;
    end *it = mine->end;

    free(mine);
    it->written++;
    if (error < 0)
        stop(it, error);
    else if (it->go_on == stream_on)
        stream_on(it, NULL, 0);
}

static void transmit(end *it, const void *bytes, size_t size)
{
    uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)size);
    request *mine = malloc(sizeof(*mine));

    if (!mine)
        abort();
    mine->end = it;
    it->sent++;
    if (uv_write2(&mine->write, (uv_stream_t *)&it->pipe, &buffer, 1,
                  it->passes ? (uv_stream_t *)&it->passed : NULL,
                  on_written) < 0)
        abort();
}

static int open_end(end *it, bench_run *run, int fd, bool handles)
{
    int r = uv_loop_init(&it->loop);

    it->run = run;
    it->pipe.data = it;
    if (r == 0)
        r = uv_pipe_init(&it->loop, &it->pipe, handles);
    if (r == 0)
        r = uv_pipe_open(&it->pipe, fd);
    return r < 0 ? r
                 : uv_read_start((uv_stream_t *)&it->pipe, allocate, on_read);
}

static int run_end(end *it, int r)
{
    if (r == 0)
        (void)uv_run(&it->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&it->pipe, NULL);
    if (it->passes)
        uv_close((uv_handle_t *)&it->passed, NULL);
    (void)uv_run(&it->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&it->loop);
    return r < 0 ? r : it->error;
}

static int answer(bench_run *run, int fd, bool handles,
                  void (*go_on)(end *it, const char *bytes, size_t size))
{
    static end it;

    it.go_on = go_on;
    return run_end(&it, open_end(&it, run, fd, handles));
}

static int ask(bench_run *run, int (*theirs)(bench_run *run, int fd),
               bool handles, void (*first)(end *it),
               void (*go_on)(end *it, const char *bytes, size_t size))
{
    static end it;
    mate other;
    int r = mate_start(&other, run, theirs);
    int theirs_r;

    it.go_on = go_on;
    if (r == 0)
        r = open_end(&it, run, other.fd, handles);
    if (r == 0)
        first(&it);
    r = run_end(&it, r);
    other.fd = -1;
    theirs_r = mate_end(&other);
    return r < 0 ? r : theirs_r;
}

/* --- round trips --- */

static void send_back(end *it, const char *bytes, size_t size)
{
    (void)bytes, (void)size;
    if (it->bytes % it->run->parameter->size == 0)
        transmit(it, message_bytes(it->run), it->run->parameter->size);
}

static int echo(bench_run *run, int fd)
{
    return answer(run, fd, false, send_back);
}

static void travel(end *it)
{
    it->began = bench_now();
    transmit(it, message_bytes(it->run), it->run->parameter->size);
}

static void travel_on(end *it, const char *bytes, size_t size)
{
    (void)bytes, (void)size;
    if (it->bytes % it->run->parameter->size != 0)
        return;
    bench_latency(it->run, bench_now() - it->began);
    if (it->sent == it->run->count)
        stop(it, 0);
    else
        travel(it);
}

int trip_uv(bench_run *run)
{
    return ask(run, echo, false, travel, travel_on);
}

/* --- one way --- */

static void count(end *it, const char *bytes, size_t size)
{
    (void)bytes, (void)size;
    if (it->bytes == it->run->count * it->run->parameter->size)
        transmit(it, "x", 1);
}

static int read_all(bench_run *run, int fd)
{
    return answer(run, fd, false, count);
}

static int read_handles(bench_run *run, int fd)
{
    return answer(run, fd, true, count);
}

static void stream_on(end *it, const char *bytes, size_t size)
{
    (void)bytes;
    if (size > 0)
        stop(it, 0);
    while (it->sent < it->run->count && it->sent - it->written < WINDOW)
        transmit(it, message_bytes(it->run), it->run->parameter->size);
}

static void stream(end *it)
{
    stream_on(it, NULL, 0);
}

int stream_uv(bench_run *run)
{
    return ask(run, read_all, false, stream, stream_on);
}

/* --- descriptors: of a pipe, which is what such a handle can be --- */

static void pass(end *it)
{
    int ends[2];

    if (pipe(ends) < 0 || uv_pipe_init(&it->loop, &it->passed, 0) < 0 ||
        uv_pipe_open(&it->passed, ends[0]) < 0)
        abort();
    it->passes = true;
    stream_on(it, NULL, 0);
}

int pass_uv(bench_run *run)
{
    return ask(run, read_handles, true, pass, stream_on);
}
