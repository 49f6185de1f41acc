/* SPDX-License-Identifier: MIT */
/* Inboxes: what a hostile end may send, through a socket and without one. */

#include <config.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ends.h"
#include "worker/inbox.h"

/* MOST: what fits in 1024 bytes of control data, of which musl sends no more;
 * the system takes one more. */
enum { LIMIT = 1000000, HEAD = EM__FRAME_HEAD, MOST = 252 };

/* --- what is sent --- */

static unsigned char wire[1 << 20];
static size_t wire_size;

/* A frame with the data of message 0. */
static void add_frame(em__frame_type type, size_t size, unsigned index,
                      unsigned count)
{
    em__head head = { type, size, index, count };

    em__frame_write_head(wire + wire_size, &head);
    memset(wire + wire_size + HEAD, 0, em__frame_span(size) - HEAD);
    fill(wire + wire_size + HEAD, size, 0);
    wire_size += em__frame_span(size);
}

static void add(size_t size, unsigned index, unsigned count)
{
    add_frame(EM__FRAME_MESSAGE, size, index, count);
}

static void send_part(int socket, size_t size, unsigned fd_count)
{
    union {
        char bytes[CMSG_SPACE(MOST * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { wire, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    struct cmsghdr *header;
    int fd = new_fd();
    unsigned i;

    memset(&control, 0, sizeof(control));
    if (fd_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        for (i = 0; i < fd_count; i++)
            memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(int));
    }
    ck_assert_int_eq(sendmsg(socket, &message, MSG_NOSIGNAL), (ssize_t)size);
    (void)close(fd);
    wire_size -= size;
    memmove(wire, wire + size, wire_size);
}

/* All of it, in one call with so many descriptors. */
static void send_it(int socket, unsigned fd_count)
{
    send_part(socket, wire_size, fd_count);
}

/* What comes of one call on a new channel. */
static void assert_story(unsigned fd_count, const char *story)
{
    int socket = open_bare_end(LIMIT);

    send_it(socket, fd_count);
    take_turns();
    assert_marks(story);
    close_ends();
}

/* --- heads --- */

TEST(every_field_of_a_head_is_looked_at)
{
    static const struct {
        size_t at;
        unsigned char value;
        const char *story;
    } changes[] = {
        { 0, 0x00, "a:closed-71" },
        { 1, 0x00, "a:closed-71" },
        { 2, 0x00, "a:closed-71" },
        { 3, 0x00, "a:closed-71" },
        { 4, EM__FRAME_TYPES, "a:closed-71" },
        { 4, 0xff, "a:closed-71" },
        { 5, 1, "a:closed-71" },
        { 6, 1, "a:closed-71" }, /* a descriptor that did not come */
        { 6, EM__FRAME_BATCH + 1, "a:closed-71" },
        { 6, 0xff, "a:closed-71" },
        { 7, 1, "a:closed-71" },
        { 11, 0xff, "a:closed-90" },
        { 12, 1, "a:closed-90" },
        { 15, 0x80, "a:closed-90" },
        { 15, 0xff, "a:closed-90" },
    };
    size_t i;

    for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        add(10, 0, 0);
        wire[changes[i].at] = changes[i].value;
        assert_story(0, changes[i].story);
    }
}

TEST(the_limit_is_that_of_the_data)
{
    int socket = open_bare_end(100);

    add(100, 0, 0);
    add(101, 0, 0);
    send_it(socket, 0);
    take_turns();
    assert_marks("a:100 a:closed-90");
    close_ends();
}

TEST(what_was_withdrawn_is_passed_by)
{
    add_frame(EM__FRAME_VOID, 100, 0, 0);
    add(1, 0, 0);
    add_frame(EM__FRAME_VOID, 100000, 0, 0);
    add_frame(EM__FRAME_VOID, 0, 0, 2);
    add(2, 1, 2);
    assert_story(2, "a:1 a:2+fd");
}

TEST(an_end_inside_a_frame_is_told)
{
    static const size_t parts[] = { 1, HEAD - 1, HEAD, HEAD + 1, 30, 70000 };
    size_t i;
    int socket;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        socket = open_bare_end(LIMIT);
        add(80000, 0, 1);
        send_part(socket, parts[i], 1);
        (void)shutdown(socket, SHUT_RDWR);
        take_turns();
        assert_marks("a:closed-104");
        wire_size = 0;
        close_ends();
    }
}

/* Nobody has that much: it must not be asked for. */
TEST(announcing_a_size_costs_nothing)
{
    int socket = open_bare_end(SIZE_MAX / 4);
    em__head head = { EM__FRAME_MESSAGE, SIZE_MAX / 4, 0, 0 };

    em__frame_write_head(wire, &head);
    wire_size = 100000;
    send_it(socket, 0);
    take_turns();
    assert_marks("");
    ck_assert_uint_eq(a.closed, 0);
    close_ends();
}

/* Urgent data, which streams of the local domain may have on Linux, is beside
 * what is received, and must neither break that nor keep the loop busy. */
TEST(urgent_data_is_passed_by)
{
    int socket = open_bare_end(LIMIT);

    add(1, 0, 0);
    add(2, 0, 0);
    send_part(socket, 40, 0);
    (void)send(socket, "!", 1, MSG_OOB | MSG_NOSIGNAL);
    take_turns();
    send_it(socket, 0);
    (void)send(socket, "!", 1, MSG_OOB | MSG_NOSIGNAL);
    take_turns();
    assert_marks("a:1 a:2");
    ck_assert_uint_eq(a.closed, 0);
    close_ends();
}

/* --- descriptors --- */

TEST(descriptors_come_with_their_frames)
{
    add(1, 0, 3);
    add(2, 0, 0);
    add(3, 1, 3);
    add(100000, 2, 3);
    assert_story(3, "a:1+fd a:2 a:3+fd a:100000+fd");
}

TEST(a_descriptor_too_many_or_too_few_is_garbage)
{
    add(1, 0, 1);
    assert_story(2, "a:closed-71");
    add(1, 0, 1);
    assert_story(MOST, "a:closed-71");
    add(1, 0, 2);
    assert_story(1, "a:closed-71");
    add(1, 0, 2);
    assert_story(0, "a:closed-71");
    add(1, 0, EM__FRAME_BATCH);
    assert_story(EM__FRAME_BATCH + 1, "a:closed-71");
    add(1, 0, EM__FRAME_BATCH);
    assert_story(EM__FRAME_BATCH, "a:1+fd");
}

TEST(places_in_a_batch_must_be_taken_in_order)
{
    add(1, 1, 2);
    assert_story(2, "a:closed-71");
    add(1, 0, 3);
    add(2, 0, 3);
    assert_story(3, "a:1+fd a:closed-71");
    add(1, 0, 3);
    add(2, 2, 3);
    assert_story(3, "a:1+fd a:closed-71");
    add(1, 0, 3);
    add(2, 1, 2);
    assert_story(3, "a:1+fd a:closed-71");
    add(1, 0, 1);
    add(2, 0, 1);
    assert_story(1, "a:1+fd a:closed-71");
}

/* They would pile up. */
TEST(descriptors_that_no_frame_wants_are_garbage)
{
    int socket = open_bare_end(LIMIT);

    add(500000, 0, 0);
    send_part(socket, 100, 1);
    take_turns();
    send_part(socket, 100, 1);
    take_turns();
    assert_marks("a:closed-71");
    wire_size = 0;
    close_ends();
    socket = open_bare_end(LIMIT);
    add(50, 0, 2);
    send_it(socket, 2);
    add(50, 0, 1);
    send_it(socket, 1);
    take_turns();
    assert_marks("a:50+fd a:closed-71");
    close_ends();
}

TEST(a_batch_may_follow_the_former_one_in_the_same_bytes)
{
    int socket = open_bare_end(LIMIT);

    add(1, 0, 2);
    send_part(socket, 3, 2);
    add(2, 1, 2);
    send_it(socket, 0);
    add(3, 0, 1);
    send_it(socket, 1);
    take_turns();
    assert_marks("a:1+fd a:2+fd a:3+fd");
    close_ends();
}

/* --- without a socket --- */

static void mark_frames(em__inbox *inbox)
{
    em__frame frame;
    int r;

    while ((r = em__inbox_next(inbox, &frame)) > 0) {
        mark_number(r == EM__INBOX_FRAME ? (long)frame.size : -r);
        if (r != EM__INBOX_FRAME)
            continue;
        ck_assert(is_filled(frame.data, frame.size, 0));
        ck_assert_uint_eq((uintptr_t)frame.data % HEAD, 0);
        if (frame.fd >= 0)
            (void)close(frame.fd);
    }
    assert_error(0, r);
}

/* As many bytes as there is room for, at most; how many it took. */
static size_t feed(em__inbox *inbox, const unsigned char *bytes, size_t most,
                   int fd, bool truncated)
{
    struct iovec room[EM__INBOX_ROOMS];
    size_t total, part, i, at = 0;
    size_t count = em__inbox_room(inbox, room, &total);

    most = most < total ? most : total;
    for (i = 0; i < count && at < most; at += part, i++) {
        part = most - at < room[i].iov_len ? most - at : room[i].iov_len;
        memcpy(room[i].iov_base, bytes + at, part);
    }
    assert_ok(em__inbox_add(inbox, most, &fd, fd >= 0, truncated));
    return most;
}

/* All that is on the wire, with a descriptor at its start. */
static void feed_all(em__inbox *inbox, size_t step, int fd, bool truncated)
{
    size_t at, left;

    for (at = 0; at < wire_size; fd = -1, truncated = false) {
        left = wire_size - at;
        at += feed(inbox, wire + at, left < step ? left : step, fd, truncated);
        mark_frames(inbox);
    }
    ck_assert(em__inbox_is_between(inbox));
    em__inbox_free(inbox);
}

static em__inbox *new_inbox(void)
{
    em__inbox *inbox;

    assert_ok(em__inbox_new(LIMIT, &inbox));
    wire_size = 0;
    return inbox;
}

TEST(bytes_may_come_one_by_one)
{
    em__inbox *inbox = new_inbox();

    add(5, 0, 1);
    add(0, 0, 0);
    add(66000, 0, 0);
    add(16, 0, 0);
    feed_all(inbox, 1, new_fd(), false);
    assert_marks("5 0 66000 16");
}

TEST(only_between_frames_may_be_the_end)
{
    em__inbox *inbox = new_inbox();
    size_t at;

    add(5, 0, 0);
    add(70000, 0, 0);
    for (at = 0; at < wire_size; at++) {
        ck_assert_int_eq(em__inbox_is_between(inbox), at == 0 || at == 32);
        (void)feed(inbox, wire + at, 1, -1, false);
        mark_frames(inbox);
    }
    ck_assert(em__inbox_is_between(inbox));
    assert_marks("5 70000");
    em__inbox_free(inbox);
}

TEST(a_truncated_batch_costs_the_messages_whose_descriptors_are_missing)
{
    em__inbox *inbox = new_inbox();

    add(1, 0, 3);
    add(2, 0, 0);
    add(3, 1, 3);
    add(200000, 2, 3);
    add(4, 0, 0);
    feed_all(inbox, 1000, new_fd(), true);
    assert_marks("1 2 -2 -2 4");
}

/* However the bytes of what is passed by were cut. */
TEST(data_is_aligned_behind_what_is_passed_by)
{
    em__inbox *inbox;
    size_t step;

    for (step = 5000; step < 5040; step++) {
        inbox = new_inbox();
        add(70000, 0, 1);
        add(1, 0, 0);
        add_frame(EM__FRAME_VOID, 70001, 0, 0);
        add(2, 0, 0);
        feed_all(inbox, step, -1, true);
        assert_marks("-2 1 2");
    }
}

TEST(a_batch_of_which_nothing_came_is_told_too)
{
    em__inbox *inbox = new_inbox();

    add(1, 0, 1);
    add(2, 0, 0);
    feed_all(inbox, 1000, -1, true);
    assert_marks("-2 2");
    inbox = new_inbox();
    add(1, 0, 1);
    (void)feed(inbox, wire, wire_size, new_fd(), true);
    assert_error(-EPROTO, em__inbox_next(inbox, &(em__frame){ .fd = -1 }));
    em__inbox_free(inbox);
}

/* As no system sends them, but nothing may be left open. */
TEST(a_third_batch_and_one_that_is_too_large_are_closed)
{
    int fds[EM__FRAME_BATCH + 1], kept[2], i;
    em__inbox *inbox = new_inbox();

    for (i = 0; i < 2; i++) {
        kept[i] = new_fd();
        assert_ok(em__inbox_add(inbox, 0, &kept[i], 1, false));
    }
    fds[0] = new_fd();
    assert_error(-EPROTO, em__inbox_add(inbox, 0, fds, 1, false));
    ck_assert(!is_open(fds[0]));
    ck_assert(is_open(kept[0]) && is_open(kept[1]));
    em__inbox_free(inbox);
    ck_assert(!is_open(kept[0]) && !is_open(kept[1]));
    inbox = new_inbox();
    for (i = 0; i <= EM__FRAME_BATCH; i++)
        fds[i] = new_fd();
    assert_error(-EPROTO,
                 em__inbox_add(inbox, 0, fds, EM__FRAME_BATCH + 1, false));
    for (i = 0; i <= EM__FRAME_BATCH; i++)
        ck_assert(!is_open(fds[i]));
    em__inbox_free(inbox);
}

TEST(a_message_without_memory_is_passed_by)
{
    em__inbox *inbox;
    unsigned long nth;

    for (nth = 1;; nth++) {
        inbox = new_inbox();
        add(600000, 0, 1);
        add(4, 0, 0);
        fail_allocation(nth);
        feed_all(inbox, SIZE_MAX, new_fd(), false);
        if (!allocation_failed())
            break;
        assert_marks("-3 4");
    }
    assert_marks("600000 4");
    ck_assert_uint_gt(nth, 2);
}

/* --- noise --- */

static unsigned random_below(unsigned n)
{
    static uint32_t state = 12345;

    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
}

/* A story that could be true, and then a few bytes and descriptors that make it
 * a lie. */
static void add_noise(void)
{
    unsigned frames = 1 + random_below(6);
    unsigned count = random_below(4);
    unsigned i;

    wire_size = 0;
    for (i = 0; i < frames; i++)
        add_frame((em__frame_type)random_below(EM__FRAME_TYPES),
                  random_below(9) ? random_below(300) : random_below(90000),
                  i < count ? i : 0, i < count ? count : 0);
    for (i = random_below(4); i > 0; i--)
        wire[random_below(2) ? random_below((unsigned)wire_size)
                             : random_below(HEAD)] =
            (unsigned char)random_below(256);
}

TEST(whatever_comes_no_descriptor_stays_and_nothing_else_breaks)
{
    unsigned i;
    int socket;

    for (i = 0; i < 500; i++) {
        socket = open_bare_end(LIMIT);
        a.silent = true;
        while (random_below(8) && a.closed == 0) {
            add_noise();
            while (wire_size > 0 && a.closed == 0) {
                send_part(socket, 1 + random_below((unsigned)wire_size),
                          random_below(3) ? 0 : random_below(5));
                assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
                (void)take_marks();
            }
        }
        close_ends();
    }
}

SUITE("inbox", every_field_of_a_head_is_looked_at,
      the_limit_is_that_of_the_data, what_was_withdrawn_is_passed_by,
      an_end_inside_a_frame_is_told, announcing_a_size_costs_nothing,
      urgent_data_is_passed_by, descriptors_come_with_their_frames,
      a_descriptor_too_many_or_too_few_is_garbage,
      places_in_a_batch_must_be_taken_in_order,
      descriptors_that_no_frame_wants_are_garbage,
      a_batch_may_follow_the_former_one_in_the_same_bytes,
      bytes_may_come_one_by_one, only_between_frames_may_be_the_end,
      a_truncated_batch_costs_the_messages_whose_descriptors_are_missing,
      data_is_aligned_behind_what_is_passed_by,
      a_batch_of_which_nothing_came_is_told_too,
      a_third_batch_and_one_that_is_too_large_are_closed,
      a_message_without_memory_is_passed_by,
      whatever_comes_no_descriptor_stays_and_nothing_else_breaks);
