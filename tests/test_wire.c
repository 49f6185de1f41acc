/* SPDX-License-Identifier: MIT */
/* Wires: what a channel makes of its socket, its loop and its process. */

#include <config.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ends.h"
#include "worker/wire.h"

enum { LIMIT = 1000000 };

static const em__channel_calls no_calls;

/* --- opening --- */

static void assert_refused(int error, int fd)
{
    em__channel *channel = NULL;

    assert_error(error,
                 em__channel_open(loop, fd, LIMIT, &no_calls, NULL, &channel));
    ck_assert_ptr_null(channel);
    ck_assert(fd < 0 || fd == 9999 || is_open(fd));
    (void)close(fd);
}

TEST(only_a_stream_of_the_local_domain_is_taken)
{
    int ends[2];
    int bare = open_bare_end(LIMIT);
    em__channel *channel = NULL;

    assert_refused(-EBADF, -1);
    assert_refused(-EBADF, 9999);
    assert_refused(-ENOTSOCK, new_fd());
    assert_refused(-EPROTOTYPE, socket(AF_INET, SOCK_STREAM, 0));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_refused(-EPROTOTYPE, ends[0]);
    assert_refused(-EPROTOTYPE, ends[1]);
    assert_error(-EINVAL,
                 em__channel_open(NULL, bare, 1, &no_calls, NULL, &channel));
    assert_error(-EINVAL,
                 em__channel_open(loop, bare, 0, &no_calls, NULL, &channel));
    assert_error(-EINVAL, em__channel_open(loop, bare, SIZE_MAX, &no_calls,
                                           NULL, &channel));
    assert_error(-EINVAL,
                 em__channel_open(loop, bare, 1, NULL, NULL, &channel));
    assert_error(-EINVAL,
                 em__channel_open(loop, bare, 1, &no_calls, NULL, NULL));
    ck_assert_ptr_null(channel);
    em__channel_close(NULL);
    em__channel_drain(NULL);
    em__channel_flush(NULL);
    close_ends();
}

TEST(a_socket_that_cannot_be_asked_what_it_is_is_refused)
{
    static const char *const calls[] = { "getsockopt", "getsockname" };
    int bare = open_bare_end(LIMIT);
    size_t i;

    for (i = 0; i < 2; i++) {
        fail_call(calls[i], 1, ENOBUFS);
        assert_refused(-ENOBUFS, dup(bare));
        ck_assert(call_failed());
    }
    close_ends();
}

TEST(a_channel_that_cannot_be_opened_leaves_all_as_it_was)
{
    em__channel *channel;
    int fd = dup(open_bare_end(LIMIT));
    unsigned long nth;
    int r;

    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em__channel_open(loop, fd, LIMIT, &no_calls, NULL, &channel);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(is_open(fd));
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 3);
    em__channel_close(channel);
    ck_assert(!is_open(fd));
    close_ends();
}

TEST(both_ends_are_closed_on_exec_whoever_made_them)
{
    int ends[2];

    (void)open_bare_end(LIMIT);
    close_end(&a);
    fail_call("socketpair", 1, EMFILE);
    assert_error(-EMFILE, em__wire_pair(ends));
    assert_ok(em__wire_pair(ends));
    ck_assert_int_eq(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(ends[1], F_SETFD, 0), 0);
    open_end(&a, loop, ends[1], LIMIT);
    ck_assert_int_eq(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
    (void)close(ends[0]);
    close_ends();
}

/* --- receiving --- */

static void assert_received_despite(int error)
{
    unsigned long nth;

    for (nth = 1; nth <= 2; nth++) {
        open_ends(LIMIT);
        fail_call("recvmsg", nth, error);
        send_text(&a, "1", new_fd());
        send_text(&a, "22", -1);
        turn_until_received(&b, 2);
        send_text(&a, "333", new_fd());
        turn_until_received(&b, 3);
        ck_assert(call_failed());
        assert_marks("b:1+fd b:2 b:3+fd");
        close_ends();
    }
}

TEST(a_receive_that_fails_for_now_is_made_again)
{
    assert_received_despite(EAGAIN);
    assert_received_despite(EINTR);
    assert_received_despite(ENOMEM);
    assert_received_despite(ENOBUFS);
}

TEST(a_receive_that_fails_for_good_ends_the_channel)
{
    static const int errors[] = { EBADF, EFAULT, EINVAL, ENOTCONN, ENOTSOCK };
    size_t i;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        open_ends(LIMIT);
        b.silent = true;
        send_text(&a, "1", new_fd());
        fail_call("recvmsg", 1, errors[i]);
        take_turns();
        ck_assert(call_failed());
        ck_assert_int_eq(b.error, -errors[i]);
        assert_marks("a:closed0");
        close_ends();
    }
}

static int kept[8];

static void keep_fd(end *it, em__frame *frame)
{
    if (frame->fd >= 0)
        kept[it->received - 1] = frame->fd;
    frame->fd = -1;
}

static void allow_numbers_below(rlim_t number)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = number;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Whether the system knows of it: valgrind imitates the limit, but not where
 * descriptors are received. */
static bool is_known(FILE *limits, rlim_t number)
{
    unsigned long known = 0;
    char line[256];

    while (fgets(line, sizeof(line), limits))
        (void)sscanf(line, "Max open files %lu", &known);
    return known == number;
}

/* Of five, two are below what the process may use when it receives. */
static void lose_some(rlim_t number, rlim_t before)
{
    take_turns();
    assert_marks("b:1+fd b:1+fd b:lost-24 b:lost-24 b:2 b:lost-24");
    allow_numbers_below(before);
    send_text(&a, "4444", new_fd());
    allow_numbers_below(number);
    take_turns();
    assert_marks("b:lost-24");
    allow_numbers_below(before);
    (void)close(kept[0]);
    (void)close(kept[1]);
    b.on_frame = NULL;
    send_text(&a, "55555", new_fd());
    take_turns();
    assert_marks("b:5+fd");
}

/* The sender's numbers are free again once it has sent. */
TEST(messages_whose_descriptors_cannot_be_received_are_lost_whole)
{
    FILE *limits = fopen("/proc/self/limits", "r");
    struct rlimit before;
    int fds[5];
    int i;

    open_ends(LIMIT);
    ck_assert_ptr_nonnull(limits);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    b.on_frame = keep_fd;
    for (i = 0; i < 5; i++)
        fds[i] = new_fd();
    for (i = 0; i < 4; i++)
        send_text(&a, "1", fds[i]);
    send_text(&a, "22", -1);
    send_text(&a, "333", fds[4]);
    allow_numbers_below((rlim_t)fds[2]);
    if (is_known(limits, (rlim_t)fds[2]))
        lose_some((rlim_t)fds[2], before.rlim_cur);
    allow_numbers_below(before.rlim_cur);
    (void)fclose(limits);
    close_ends();
}

/* --- a peer that is dead --- */

TEST(what_the_dead_had_sent_is_received_at_once)
{
    static char bytes[10000];
    int i;

    open_ends(LIMIT);
    for (i = 0; i < 10; i++)
        assert_ok(send_bytes(&a, bytes, sizeof(bytes), i == 5 ? new_fd() : -1));
    close_end(&a);
    em__channel_drain(b.channel);
    assert_marks("b:10000 b:10000 b:10000 b:10000 b:10000 b:10000+fd b:10000 "
                 "b:10000 b:10000 b:10000 b:closed0");
    em__channel_drain(b.channel);
    assert_marks("");
    close_ends();
}

/* Somebody else holds the other end: no end of file, and no wait for it. */
TEST(a_drain_does_not_wait_for_who_inherited_the_other_end)
{
    open_ends(LIMIT);
    send_text(&a, "1", -1);
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    em__channel_drain(b.channel);
    assert_marks("b:1");
    em__channel_drain(b.channel);
    assert_marks("");
    close_ends();
}

static void drain_it(end *it, em__frame *frame)
{
    (void)frame;
    em__channel_drain(it->channel);
}

TEST(a_drain_inside_a_receive_does_nothing)
{
    open_ends(LIMIT);
    b.on_frame = drain_it;
    send_text(&a, "1", -1);
    send_text(&a, "22", -1);
    take_turns();
    assert_marks("b:1 b:2");
    close_ends();
}

/* --- loops and forks --- */

TEST(a_channel_may_outlive_its_loop)
{
    open_ends(LIMIT);
    send_text(&a, "goes out as the loop is freed", new_fd());
    send_text(&b, "1", -1);
    em_loop_free(loop);
    loop = NULL;
    assert_error(-ESHUTDOWN, send_bytes(&a, "", 1, -1));
    em__channel_drain(b.channel);
    assert_marks("b:29+fd");
    close_ends();
}

static void free_the_loop(end *it, em__frame *frame)
{
    (void)it, (void)frame;
    em_loop_free(loop);
}

TEST(a_loop_may_be_freed_while_a_channel_receives)
{
    open_ends(LIMIT);
    b.on_frame = free_the_loop;
    send_text(&a, "1", new_fd());
    send_text(&a, "22", new_fd());
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    loop = NULL;
    assert_error(-ESHUTDOWN, send_bytes(&a, "", 1, -1));
    ck_assert_ptr_nonnull(strstr(take_marks(), "b:1+fd"));
    close_ends();
}

/* What it returns tells the parent which check failed. */
static int use_inherited(bool free_the_loop_first)
{
    if (send_bytes(&a, "never", 5, -1) != -ECHILD)
        return 1;
    em__channel_drain(b.channel);
    if (b.received != 0)
        return 2;
    if (free_the_loop_first)
        em_loop_free(loop);
    close_end(&a);
    close_end(&b);
    if (!free_the_loop_first)
        em_loop_free(loop);
    return blocks_in_use() == 0 ? 0 : 3;
}

static void fork_and_use(bool free_the_loop_first)
{
    int status;
    pid_t child;

    open_ends(LIMIT);
    send_text(&a, "the parent's", new_fd());
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(use_inherited(free_the_loop_first));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    take_turns();
    assert_marks("b:12+fd");
    close_ends();
}

TEST(a_forked_child_can_only_close_what_it_inherited)
{
    fork_and_use(true);
    fork_and_use(false);
}

/* --- between processes, and between threads --- */

enum { ROUNDS = 2000 };

static size_t size_of(unsigned long i)
{
    return i % 101 == 0 ? 150000 : i * 13 % 700;
}

static void send_round(end *it, unsigned long i)
{
    static _Thread_local unsigned char bytes[150000];

    fill(bytes, size_of(i), i);
    assert_ok(send_bytes(it, bytes, size_of(i), i % 3 ? -1 : new_fd()));
}

static void check_round(end *it, em__frame *frame)
{
    unsigned long i = it->received - 1;

    ck_assert_uint_eq(frame->size, size_of(i));
    ck_assert(is_filled(frame->data, frame->size, i));
    ck_assert_int_eq(frame->fd < 0, i % 3 != 0);
    if (it->received < ROUNDS)
        send_round(it, it->received);
    else
        close_end(it);
}

static void send_back(end *it, em__frame *frame)
{
    assert_ok(send_bytes(it, frame->data, frame->size, frame->fd));
    frame->fd = -1;
}

/* The other end, on a loop of its own. */
static void *echo(void *fd)
{
    em_loop *own;

    b = (end){ .name = "b", .silent = true, .on_frame = send_back };
    assert_ok(em_loop_new(NULL, &own));
    open_end(&b, own, *(int *)fd, LIMIT);
    assert_error(0, em_loop_run(own, EM_RUN_DEFAULT));
    ck_assert_uint_eq(b.received, ROUNDS);
    ck_assert_uint_eq(b.closed, 1);
    close_end(&b);
    em_loop_free(own);
    return NULL;
}

static void ask(int fd)
{
    open_end(&a, loop, fd, LIMIT);
    a.on_frame = check_round;
    a.silent = true;
    send_round(&a, 0);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_uint_eq(a.received, ROUNDS);
}

TEST(messages_and_descriptors_go_between_threads)
{
    pthread_t thread;
    int ends[2];

    (void)open_bare_end(LIMIT);
    close_end(&a);
    assert_ok(em__wire_pair(ends));
    ck_assert_int_eq(pthread_create(&thread, NULL, echo, &ends[1]), 0);
    ask(ends[0]);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    close_ends();
}

TEST(messages_and_descriptors_go_between_processes)
{
    int ends[2], status;
    pid_t child;

    (void)open_bare_end(LIMIT);
    close_end(&a);
    assert_ok(em__wire_pair(ends));
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)close(ends[0]);
        (void)echo(&ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    ask(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    close_ends();
}

SUITE("wire", only_a_stream_of_the_local_domain_is_taken,
      a_socket_that_cannot_be_asked_what_it_is_is_refused,
      a_channel_that_cannot_be_opened_leaves_all_as_it_was,
      both_ends_are_closed_on_exec_whoever_made_them,
      a_receive_that_fails_for_now_is_made_again,
      a_receive_that_fails_for_good_ends_the_channel,
      messages_whose_descriptors_cannot_be_received_are_lost_whole,
      what_the_dead_had_sent_is_received_at_once,
      a_drain_does_not_wait_for_who_inherited_the_other_end,
      a_drain_inside_a_receive_does_nothing, a_channel_may_outlive_its_loop,
      a_loop_may_be_freed_while_a_channel_receives,
      a_forked_child_can_only_close_what_it_inherited,
      messages_and_descriptors_go_between_threads,
      messages_and_descriptors_go_between_processes);
