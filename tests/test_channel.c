/* SPDX-License-Identifier: MIT */
/* Channels: what arrives, how much waits, and when they may be closed. */

#include <config.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ends.h"
#include "worker/wire.h"

enum { MIB = 1024 * 1024, LIMIT = 64 * MIB };

/* --- sizes and order --- */

/* Round the places where something changes: alignment, the chunk, the buffer,
 * the socket. */
static const size_t sizes[] = {
    0,       1,     15,    16,    17,          4096,  16300,  16304,
    16320,   16321, 65519, 65520, 65521,       65536, 200000, MIB,
    MIB + 1, 3,     0,     100,   2 * MIB + 3, 1,
};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void check_size(end *it, em__frame *frame)
{
    unsigned long i = it->received - 1;

    ck_assert_int_eq(frame->type, EM__FRAME_MESSAGE);
    ck_assert_int_eq(frame->fd, -1);
    ck_assert_uint_eq(frame->size, sizes[i % SIZES]);
    ck_assert(is_filled(frame->data, frame->size, i));
}

static void send_size(end *it, unsigned long i)
{
    unsigned char *bytes = malloc(sizes[i] + 1);

    fill(bytes, sizes[i], i);
    while (send_bytes(it, bytes, sizes[i], -1) < 0)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    free(bytes);
}

TEST(messages_of_every_size_arrive_in_order_in_both_directions)
{
    unsigned long i;

    open_ends(LIMIT);
    a.on_frame = b.on_frame = check_size;
    a.silent = b.silent = true;
    for (i = 0; i < SIZES; i++) {
        send_size(&a, i);
        send_size(&b, i);
    }
    turn_until_received(&a, SIZES);
    turn_until_received(&b, SIZES);
    close_ends();
}

static unsigned char large[LIMIT];

static void check_large(end *it, em__frame *frame)
{
    (void)it;
    ck_assert_uint_eq(frame->size, enough(LIMIT));
    ck_assert_int_ge(frame->fd, 0);
    ck_assert_int_eq(memcmp(frame->data, large, frame->size), 0);
}

TEST(a_message_of_64_mib_arrives_with_its_descriptor)
{
    size_t size = enough(LIMIT), i;

    open_ends(LIMIT);
    b.on_frame = check_large;
    for (i = 0; i < size; i += 4000)
        large[i] = (unsigned char)(i / 4000);
    assert_ok(send_bytes(&a, large, size, new_fd()));
    turn_until_received(&b, 1);
    (void)take_marks();
    close_ends();
}

TEST(types_are_told)
{
    open_ends(100);
    assert_ok(em__channel_send(a.channel, EM__FRAME_READY, NULL, 0, -1));
    b.on_frame = NULL;
    take_turns();
    assert_marks("b:0");
    assert_error(-EINVAL,
                 em__channel_send(a.channel, EM__FRAME_VOID, 0, 0, -1));
    assert_error(-EINVAL,
                 em__channel_send(a.channel, EM__FRAME_TYPES, 0, 0, -1));
    assert_error(-EINVAL, send_bytes(&a, NULL, 1, -1));
    assert_error(-EINVAL, em__channel_send(NULL, EM__FRAME_STOP, NULL, 0, -1));
    close_ends();
}

/* --- descriptors --- */

enum { MIXED = 3000, KINDS = 40 };

static int kinds[KINDS];

static bool has_fd(unsigned long i)
{
    return i % 7 < 4 || i % 100 > 50;
}

static size_t size_of(unsigned long i)
{
    return i % 211 == 0 ? 70000 + i : i * 37 % 900;
}

static void check_mixed(end *it, em__frame *frame)
{
    unsigned long i = it->received - 1;

    ck_assert_uint_eq(frame->size, size_of(i));
    ck_assert(is_filled(frame->data, frame->size, i));
    ck_assert_int_eq(frame->fd >= 0, has_fd(i));
    if (!has_fd(i))
        return;
    ck_assert(is_same(frame->fd, kinds[i % KINDS]));
    ck_assert_int_eq(fcntl(frame->fd, F_GETFD), FD_CLOEXEC);
}

static void send_mixed(end *it, unsigned long i)
{
    static unsigned char bytes[70000 + MIXED];
    int fd = has_fd(i) ? dup(kinds[i % KINDS]) : -1;

    fill(bytes, size_of(i), i);
    while (send_bytes(it, bytes, size_of(i), fd) < 0)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
}

static void open_kinds(void)
{
    int i;

    for (i = 0; i < KINDS; i++)
        kinds[i] = new_fd();
}

static void close_kinds(void)
{
    int i;

    for (i = 0; i < KINDS; i++)
        (void)close(kinds[i]);
}

/* Both directions at once, each `batch` messages a turn. */
static void exchange_mixed(unsigned long batch)
{
    unsigned long i;

    open_kinds();
    a.on_frame = b.on_frame = check_mixed;
    a.silent = b.silent = true;
    for (i = 0; i < MIXED; i++) {
        send_mixed(&a, i);
        send_mixed(&b, i);
        if (i % batch == 0)
            assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    }
    turn_until_received(&a, MIXED);
    turn_until_received(&b, MIXED);
    close_kinds();
    close_ends();
}

TEST(each_descriptor_arrives_with_its_message)
{
    open_ends(MIB);
    exchange_mixed(1000);
}

TEST(each_descriptor_arrives_with_its_message_one_at_a_time)
{
    open_ends(MIB);
    exchange_mixed(1);
}

/* The system then takes a message in many parts, the descriptors of a batch
 * with the first. */
TEST(each_descriptor_arrives_with_its_message_through_a_small_socket)
{
    int ends[2], size = 1;

    open_ends(MIB);
    close_end(&a);
    close_end(&b);
    assert_ok(em__wire_pair(ends));
    assert_ok(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
    assert_ok(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
    open_end(&a, loop, ends[0], MIB);
    open_end(&b, loop, ends[1], MIB);
    exchange_mixed(100);
}

static void keep_fd(end *it, em__frame *frame)
{
    it->error = frame->fd;
    frame->fd = -1;
}

TEST(a_descriptor_is_closed_here_and_kept_there_only_if_it_is_taken)
{
    int fd, same;

    open_ends(100);
    fd = new_fd();
    same = dup(fd);
    b.on_frame = keep_fd;
    send_text(&a, "x", fd);
    take_turns();
    assert_marks("b:1+fd");
    ck_assert(is_same(b.error, same));
    ck_assert_int_ne(b.error, same);
    (void)close(b.error);
    b.on_frame = NULL;
    send_text(&a, "x", same);
    take_turns();
    assert_marks("b:1+fd");
    close_ends();
}

TEST(a_descriptor_that_is_not_open_is_refused_and_others_stay_the_senders)
{
    static char bytes[101];
    int fd;

    open_ends(100);
    fd = new_fd();
    assert_error(-EBADF, send_bytes(&a, "", 1, -2));
    assert_error(-EBADF, send_bytes(&a, "", 1, 9999));
    assert_error(-EMSGSIZE, send_bytes(&a, bytes, 101, fd));
    ck_assert(is_open(fd));
    assert_ok(send_bytes(&a, bytes, 100, -1));
    take_turns();
    assert_marks("b:100");
    (void)close(fd);
    close_ends();
}

/* --- how much waits --- */

static void send_until_full(end *it, const char *bytes, size_t size, int fd)
{
    int r = 0;

    while (r == 0)
        r = send_bytes(it, bytes, size, fd);
    assert_error(-EAGAIN, r);
}

TEST(a_full_queue_refuses_and_tells_once_when_half_of_it_is_free)
{
    static char bytes[10000];
    int fd;

    open_ends(100000);
    fd = new_fd();
    a.silent = b.silent = true;
    send_until_full(&a, bytes, sizeof(bytes), -1);
    assert_error(-EAGAIN, send_bytes(&a, bytes, sizeof(bytes), fd));
    ck_assert(is_open(fd));
    (void)close(fd);
    ck_assert_uint_eq(a.drained, 0);
    take_turns();
    ck_assert_uint_eq(a.drained, 1);
    ck_assert_uint_gt(b.received, 10);
    close_ends();
}

/* Four fit into the queue, and no more than that is given away. */
TEST(a_queue_that_the_socket_takes_is_not_full)
{
    static char bytes[100];
    int i;

    open_ends(500);
    b.silent = true;
    for (i = 0; i < 50; i++)
        assert_ok(send_bytes(&a, bytes, 100, -1));
    take_turns();
    ck_assert_uint_eq(b.received, 50);
    assert_marks("");
    close_ends();
}

TEST(one_message_of_the_limit_fits_whatever_its_head_needs)
{
    static char bytes[1000];

    open_ends(sizeof(bytes));
    assert_ok(send_bytes(&a, bytes, 1000, -1));
    take_turns();
    assert_marks("b:1000");
    close_ends();
}

/* --- ends --- */

TEST(an_end_that_closes_is_told_after_all_that_it_had_sent)
{
    open_ends(100000);
    send_text(&a, "one", -1);
    send_text(&a, "three", new_fd());
    close_end(&a);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("b:3 b:5+fd b:closed0");
    assert_error(-EPIPE, send_bytes(&b, "", 1, -1));
    close_ends();
}

TEST(an_end_that_closes_with_messages_unread_is_told_likewise)
{
    open_ends(100);
    send_text(&a, "never", -1);
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    close_end(&b);
    (void)take_marks();
    take_turns();
    assert_marks("a:closed0");
    close_ends();
}

TEST(what_is_queued_when_nobody_receives_is_given_up_with_its_descriptors)
{
    static char bytes[10000];

    open_ends(10000000);
    b.silent = true;
    send_until_full(&a, bytes, sizeof(bytes), -1);
    assert_error(-EAGAIN, send_bytes(&a, bytes, sizeof(bytes), -1));
    assert_ok(send_bytes(&a, "", 1, new_fd()));
    close_end(&b);
    take_turns();
    assert_marks("a:drained a:closed0");
    close_ends();
}

TEST(a_close_sends_what_can_be_sent_and_gives_up_the_rest)
{
    static char bytes[50000];
    int i;

    open_ends(LIMIT);
    b.silent = true;
    for (i = 0; i < 100; i++)
        assert_ok(send_bytes(&a, bytes, sizeof(bytes), new_fd()));
    close_end(&a);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_uint_gt(b.received, 1);
    ck_assert_uint_eq(b.closed, 1);
    close_ends();
}

/* --- closing inside the calls --- */

static unsigned char copy[100000];

static void close_it(end *it, em__frame *frame)
{
    close_end(it);
    /* The data is there until this returns. */
    memcpy(copy, frame->data, frame->size);
}

static void close_in_call(end *it, const char *what)
{
    (void)what;
    close_end(it);
}

TEST(a_channel_may_be_closed_while_it_receives)
{
    static unsigned char bytes[100000];

    open_ends(1000000);
    fill(bytes, sizeof(bytes), 1);
    b.on_frame = close_it;
    assert_ok(send_bytes(&a, bytes, 1000, new_fd()));
    assert_ok(send_bytes(&a, bytes, 1, new_fd()));
    take_turns();
    ck_assert(is_filled(copy, 1000, 1));
    assert_marks("b:1000+fd a:closed0");
    close_ends();
    open_ends(1000000);
    b.on_frame = close_it;
    assert_ok(send_bytes(&a, bytes, 100000, new_fd()));
    take_turns();
    ck_assert(is_filled(copy, 100000, 1));
    assert_marks("b:100000+fd a:closed0");
    close_ends();
}

TEST(a_channel_may_be_closed_when_it_has_drained)
{
    static char bytes[10000];

    open_ends(100000);
    a.on_call = close_in_call;
    b.silent = true;
    send_until_full(&a, bytes, sizeof(bytes), -1);
    take_turns();
    assert_marks("a:drained");
    ck_assert_uint_eq(b.closed, 1);
    close_ends();
}

TEST(a_channel_may_be_closed_when_a_message_was_lost)
{
    int fd;

    open_ends(100);
    a.on_call = close_in_call;
    fd = new_fd();
    send_text(&a, "x", fd);
    (void)close(fd);
    take_turns();
    assert_marks("a:lost-9 b:closed0");
    close_ends();
}

TEST(a_channel_may_be_closed_when_it_has_ended)
{
    open_ends(100);
    a.on_call = close_in_call;
    close_end(&b);
    take_turns();
    assert_marks("a:closed0");
    ck_assert(!em_loop_alive(loop));
    close_ends();
}

static void send_back(end *it, em__frame *frame)
{
    int fd = frame->fd;

    frame->fd = -1;
    assert_ok(send_bytes(it, frame->data, frame->size, fd));
}

TEST(a_channel_sends_while_it_receives)
{
    open_ends(100);
    b.on_frame = send_back;
    send_text(&a, "four", new_fd());
    send_text(&a, "three", -1);
    take_turns();
    assert_marks("b:4+fd b:5 a:4+fd a:5");
    close_ends();
}

static void stop_and_drain(end *it, em__frame *frame)
{
    static char bytes[100];

    em_loop_stop(loop);
    memcpy(bytes, frame->data, frame->size);
    em__channel_drain(it->channel);
    ck_assert_int_eq(memcmp(bytes, frame->data, frame->size), 0);
}

TEST(a_run_that_is_stopped_leaves_the_other_messages_for_the_next)
{
    open_ends(1000);
    b.on_frame = stop_and_drain;
    send_text(&a, "1", -1);
    send_text(&a, "22", new_fd());
    send_text(&a, "333", -1);
    turn_until_received(&b, 1);
    assert_marks("b:1");
    turn_until_received(&b, 2);
    assert_marks("b:2+fd");
    close_end(&a);
    turn_until_received(&b, 3);
    assert_marks("b:3");
    close_ends();
}

SUITE("channel", messages_of_every_size_arrive_in_order_in_both_directions,
      a_message_of_64_mib_arrives_with_its_descriptor, types_are_told,
      each_descriptor_arrives_with_its_message,
      each_descriptor_arrives_with_its_message_one_at_a_time,
      each_descriptor_arrives_with_its_message_through_a_small_socket,
      a_descriptor_is_closed_here_and_kept_there_only_if_it_is_taken,
      a_descriptor_that_is_not_open_is_refused_and_others_stay_the_senders,
      a_full_queue_refuses_and_tells_once_when_half_of_it_is_free,
      a_queue_that_the_socket_takes_is_not_full,
      one_message_of_the_limit_fits_whatever_its_head_needs,
      an_end_that_closes_is_told_after_all_that_it_had_sent,
      an_end_that_closes_with_messages_unread_is_told_likewise,
      what_is_queued_when_nobody_receives_is_given_up_with_its_descriptors,
      a_close_sends_what_can_be_sent_and_gives_up_the_rest,
      a_channel_may_be_closed_while_it_receives,
      a_channel_may_be_closed_when_it_has_drained,
      a_channel_may_be_closed_when_a_message_was_lost,
      a_channel_may_be_closed_when_it_has_ended,
      a_channel_sends_while_it_receives,
      a_run_that_is_stopped_leaves_the_other_messages_for_the_next);
