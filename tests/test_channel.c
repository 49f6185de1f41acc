/* SPDX-License-Identifier: MIT */
/* Channels. */

#include <config.h>

#include <unistd.h>

#include "testing.h"
#include "worker/channel.h"
#include "worker/wire.h"

static em_loop *loop;
static em__channel *a, *b;

static void note(em__channel *channel, em__frame *frame, void *data)
{
    (void)channel, (void)data;
    mark_number((long)frame->size);
    if (frame->fd >= 0)
        mark("fd");
}

static void note_drained(em__channel *channel, void *data)
{
    (void)channel, (void)data;
    mark("drained");
}

static void note_lost(em__channel *channel, int error, void *data)
{
    (void)channel, (void)data, (void)error;
    mark("lost");
}

static void note_closed(em__channel *channel, int error, void *data)
{
    (void)channel, (void)data;
    mark("closed");
    mark_number(error);
}

static const em__channel_calls calls = { note, note_drained, note_lost,
                                         note_closed };

TEST(messages_arrive_in_order_and_then_the_end)
{
    static const char long_one[200000];
    int ends[2];

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em__wire_pair(ends));
    assert_ok(em__channel_open(loop, ends[0], 1 << 20, &calls, NULL, &a));
    assert_ok(em__channel_open(loop, ends[1], 1 << 20, &calls, NULL, &b));
    assert_ok(em__channel_send(a, EM__FRAME_MESSAGE, "hello", 5, dup(0)));
    assert_ok(em__channel_send(a, EM__FRAME_MESSAGE, NULL, 0, -1));
    assert_ok(em__channel_send(a, EM__FRAME_MESSAGE, long_one, 100000, -1));
    em__channel_close(a);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("5 fd 0 100000 closed 0");
    em__channel_close(b);
    em_loop_free(loop);
}

SUITE("channel", messages_arrive_in_order_and_then_the_end);
