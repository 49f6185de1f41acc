/* SPDX-License-Identifier: MIT */
/* Senders: a channel whose system calls and allocations fail as it sends. */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"

enum { LIMIT = 1000000 };

/* Until nothing more is to come, of what may take some milliseconds. */
static void turn_until_closed(end *it)
{
    while (it->closed == 0)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
}

/* Three messages, of which the middle one has a descriptor, after which the
 * nth call fails; nothing may get lost. */
static void assert_overcome(unsigned long nth, int error)
{
    open_ends(LIMIT);
    send_text(&a, "1", -1);
    send_text(&a, "22", new_fd());
    send_text(&a, "333", -1);
    fail_call("sendmsg", nth, error);
    turn_until_received(&b, 3);
    ck_assert(call_failed());
    assert_marks("b:1 b:2+fd b:3");
    close_ends();
}

TEST(what_the_system_has_too_little_of_is_waited_for)
{
    static const int errors[] = { EAGAIN, EINTR, ENOBUFS, ENOMEM,
                                  ETOOMANYREFS };
    size_t i;
    unsigned long nth;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        for (nth = 1; nth <= 2; nth++)
            assert_overcome(nth, errors[i]);
}

/* Turns until the retry, which comes after some milliseconds at most. */
TEST(what_stays_too_little_is_asked_for_again_and_again)
{
    uint64_t began;

    open_ends(LIMIT);
    send_text(&a, "1", new_fd());
    fail_every_call("sendmsg", ETOOMANYREFS);
    began = em_loop_now(loop);
    while (em_loop_now(loop) < began + 200)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("");
    fail_every_call(NULL, 0);
    turn_until_received(&b, 1);
    assert_marks("b:1+fd");
    close_ends();
}

TEST(a_retry_waits_while_the_other_direction_goes_on)
{
    open_ends(LIMIT);
    fail_call("sendmsg", 1, ENOBUFS);
    send_text(&a, "1", -1);
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    ck_assert(call_failed());
    send_text(&b, "22", -1);
    turn_until_received(&a, 1);
    turn_until_received(&b, 1);
    close_ends();
    ck_assert_ptr_nonnull(strstr(take_marks(), "a:2"));
}

static void assert_given_up(int error)
{
    open_ends(LIMIT);
    send_text(&a, "1", new_fd());
    fail_call("sendmsg", 1, error);
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    ck_assert(call_failed());
    assert_error(-EPIPE, send_bytes(&a, "", 1, -1));
    send_text(&b, "22", -1);
    close_end(&b);
    turn_until_closed(&a);
    assert_marks("a:2 a:closed0");
    close_ends();
}

TEST(what_the_other_end_sends_is_received_after_it_receives_no_more)
{
    assert_given_up(EPIPE);
    assert_given_up(ECONNRESET);
}

TEST(a_descriptor_that_cannot_be_sent_costs_its_own_message_only)
{
    static const int errors[] = { EBADF, EINVAL, EPERM, EACCES };
    size_t i;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        open_ends(LIMIT);
        fail_call("sendmsg", 1, errors[i]);
        send_text(&a, "1", new_fd());
        assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
        ck_assert_int_eq(a.error, -errors[i]);
        ck_assert(call_failed());
        send_text(&a, "22", new_fd());
        take_turns();
        ck_assert_uint_eq(a.lost, 1);
        ck_assert_uint_eq(b.received, 1);
        (void)take_marks();
        close_ends();
    }
}

TEST(a_descriptor_closed_before_it_was_sent_costs_its_own_message_only)
{
    int fd;

    open_ends(LIMIT);
    fd = new_fd();
    send_text(&a, "1", new_fd());
    send_text(&a, "22", fd);
    send_text(&a, "333", new_fd());
    send_text(&a, "4444", -1);
    (void)close(fd);
    take_turns();
    assert_marks("a:lost-9 b:1+fd b:3+fd b:4");
    close_ends();
}

/* A long message is sent at once, inside the send, where nothing is called. */
TEST(a_descriptor_lost_inside_a_send_is_told_later)
{
    static char bytes[100000];
    int fd;

    open_ends(LIMIT);
    fd = new_fd();
    send_text(&a, "1", fd);
    (void)close(fd);
    assert_ok(send_bytes(&a, bytes, sizeof(bytes), -1));
    assert_marks("");
    take_turns();
    assert_marks("a:lost-9 b:100000");
    close_ends();
}

TEST(a_socket_that_fails_ends_the_channel)
{
    open_ends(LIMIT);
    send_text(&a, "1", -1);
    fail_call("sendmsg", 1, ENOTSOCK);
    take_turns();
    ck_assert(call_failed());
    assert_marks("a:closed-88 b:closed0");
    assert_error(-EPIPE, send_bytes(&a, "", 1, -1));
    close_ends();
}

TEST(a_send_that_has_no_memory_changes_nothing)
{
    static char bytes[50000];
    unsigned long nth;
    int fd, r;

    open_ends(LIMIT);
    fd = new_fd();
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = send_bytes(&a, bytes, sizeof(bytes), fd);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(is_open(fd));
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 2);
    take_turns();
    assert_marks("b:50000+fd");
    close_ends();
}

TEST(a_message_now_and_then_allocates_nothing)
{
    size_t before;
    int i;

    open_ends(LIMIT);
    send_text(&a, "first", new_fd());
    take_turns();
    (void)take_marks();
    b.silent = true;
    before = allocations_made();
    for (i = 0; i < 100; i++) {
        send_text(&a, "another", new_fd());
        take_turns();
    }
    ck_assert_uint_eq(allocations_made(), before);
    ck_assert_uint_eq(b.received, 101);
    close_ends();
}

/* The wait for a socket that is full is refused, and asked for again. */
TEST(a_poller_that_refuses_is_asked_again)
{
    static char bytes[10000];
    unsigned long sent = 0;

    if (!on_epoll())
        return;
    open_ends(LIMIT);
    b.silent = true;
    fail_call("epoll_ctl", 1, ENOMEM);
    while (send_bytes(&a, bytes, sizeof(bytes), -1) == 0)
        sent++;
    ck_assert(call_failed());
    turn_until_received(&b, sent);
    assert_marks("a:drained");
    close_ends();
}

TEST(a_flush_waits_until_all_is_the_systems)
{
    static char bytes[40000];

    open_ends(LIMIT);
    fail_call("sendmsg", 1, ENOMEM);
    send_text(&a, "1", new_fd());
    assert_ok(send_bytes(&a, bytes, sizeof(bytes), -1));
    em__channel_flush(a.channel);
    ck_assert(call_failed());
    fail_every_call("sendmsg", EINVAL);
    close_end(&a);
    fail_every_call(NULL, 0);
    turn_until_closed(&b);
    assert_marks("b:1+fd b:40000 b:closed0");
    close_ends();
}

SUITE("sender", what_the_system_has_too_little_of_is_waited_for,
      what_stays_too_little_is_asked_for_again_and_again,
      a_retry_waits_while_the_other_direction_goes_on,
      what_the_other_end_sends_is_received_after_it_receives_no_more,
      a_descriptor_that_cannot_be_sent_costs_its_own_message_only,
      a_descriptor_closed_before_it_was_sent_costs_its_own_message_only,
      a_descriptor_lost_inside_a_send_is_told_later,
      a_socket_that_fails_ends_the_channel,
      a_send_that_has_no_memory_changes_nothing,
      a_message_now_and_then_allocates_nothing,
      a_poller_that_refuses_is_asked_again,
      a_flush_waits_until_all_is_the_systems);
