/* SPDX-License-Identifier: MIT */
/* Ends: two channels, or one and a bare socket, that note what they get. */

#include <config.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ends.h"
#include "worker/wire.h"

end a, b;
em_loop *loop;

static int bare = -1;

/* --- what they note --- */

static void note(end *it, const char *what, const char *more)
{
    char word[64];

    (void)snprintf(word, sizeof(word), "%s:%s%s", it->name, what, more);
    if (!it->silent)
        mark(word);
}

static void note_error(end *it, const char *what, int error)
{
    char more[32];

    (void)snprintf(more, sizeof(more), "%d", error);
    it->error = error;
    note(it, what, more);
    if (it->on_call)
        it->on_call(it, what);
}

static void receive(em__channel *channel, em__frame *frame, void *data)
{
    end *it = data;
    char size[32];

    ck_assert_ptr_eq(channel, it->channel);
    ck_assert_uint_eq((uintptr_t)frame->data % EM__FRAME_HEAD, 0);
    (void)snprintf(size, sizeof(size), "%zu", frame->size);
    it->received++;
    note(it, size, frame->fd >= 0 ? "+fd" : "");
    if (it->on_frame)
        it->on_frame(it, frame);
}

static void drained(em__channel *channel, void *data)
{
    end *it = data;

    (void)channel;
    it->drained++;
    note(it, "drained", "");
    if (it->on_call)
        it->on_call(it, "drained");
}

static void lost(em__channel *channel, int error, void *data)
{
    (void)channel;
    ((end *)data)->lost++;
    note_error(data, "lost", error);
}

static void closed(em__channel *channel, int error, void *data)
{
    (void)channel;
    ((end *)data)->closed++;
    note_error(data, "closed", error);
}

static const em__channel_calls calls = { receive, drained, lost, closed };

/* --- opening and closing --- */

void open_end(end *it, em_loop *on, int fd, size_t limit)
{
    assert_ok(em__channel_open(on, fd, limit, &calls, it, &it->channel));
}

void open_ends(size_t limit)
{
    int fd = open_bare_end(limit);

    bare = -1;
    open_end(&b, loop, fd, limit);
}

int open_bare_end(size_t limit)
{
    int ends[2];

    a = (end){ .name = "a" };
    b = (end){ .name = "b" };
    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em__wire_pair(ends));
    open_end(&a, loop, ends[0], limit);
    bare = ends[1];
    return bare;
}

void close_end(end *it)
{
    em__channel *channel = it->channel;

    it->channel = NULL;
    em__channel_close(channel);
}

void close_ends(void)
{
    close_end(&a);
    close_end(&b);
    if (bare >= 0)
        (void)close(bare);
    bare = -1;
    em_loop_free(loop);
    loop = NULL;
}

/* --- turns --- */

static uint64_t calls_so_far(void)
{
    em_loop_counts counts = { .size = sizeof(counts) };

    assert_ok(em_loop_metrics(loop, &counts));
    return counts.callbacks;
}

/* A turn may only have sent. */
void take_turns(void)
{
    uint64_t before;

    do {
        before = calls_so_far();
        assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
        assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    } while (calls_so_far() != before);
}

void turn_until_received(end *it, unsigned long count)
{
    while (it->received < count)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
}

int send_bytes(end *it, const void *bytes, size_t size, int fd)
{
    return em__channel_send(it->channel, EM__FRAME_MESSAGE, bytes, size, fd);
}

void send_text(end *it, const char *text, int fd)
{
    assert_ok(send_bytes(it, text, strlen(text), fd));
}

/* --- bytes and descriptors --- */

void fill(unsigned char *bytes, size_t size, unsigned long i)
{
    uint64_t word = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at, part;

    for (at = 0; at < size; at += part, word += word >> 7 | 1) {
        part = size - at < sizeof(word) ? size - at : sizeof(word);
        memcpy(bytes + at, &word, part);
    }
}

bool is_filled(const void *data, size_t size, unsigned long i)
{
    static unsigned char expected[4 * 1024 * 1024];

    ck_assert_uint_le(size, sizeof(expected));
    fill(expected, size, i);
    return size == 0 || memcmp(data, expected, size) == 0;
}

int new_fd(void)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[1]);
    return ends[0];
}

bool is_same(int fd, int other)
{
    struct stat one, two;

    return fstat(fd, &one) == 0 && fstat(other, &two) == 0 &&
           one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}
