/* SPDX-License-Identifier: MIT */
/* Descriptor sources. */

#include <config.h>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"

static em_loop *loop;
static int ends[2];

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void finish(void)
{
    em_loop_free(loop);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void make_readable(int i)
{
    ck_assert_int_eq(write(ends[1 - i], "x", 1), 1);
}

static void mark_events(const char *who, unsigned events)
{
    char word[64];

    (void)snprintf(word, sizeof(word), "%s:%s%s%s%s", who,
                   events & EM_READABLE ? "r" : "",
                   events & EM_WRITABLE ? "w" : "",
                   events & EM_HANGUP ? "h" : "", events & EM_ERROR ? "e" : "");
    mark(word);
}

static void note(em_source *source, int fd, unsigned events, void *data)
{
    ck_assert_ptr_eq(em_source_loop(source), loop);
    ck_assert_int_ge(fd, 0);
    mark_events(data, events);
}

static void note_and_read(em_source *source, int fd, unsigned events,
                          void *data)
{
    char byte;

    note(source, fd, events, data);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
}

static void note_and_remove(em_source *source, int fd, unsigned events,
                            void *data)
{
    note(source, fd, events, data);
    em_source_remove(source);
}

static bool host_would_wake(void)
{
    struct pollfd wait = { .fd = em_loop_fd(loop), .events = POLLIN };

    return poll(&wait, 1, 0) == 1;
}

static void one_turn(void)
{
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
}

TEST(a_readable_descriptor_is_told_until_it_was_read)
{
    em_source *source;

    begin();
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "n", &source));
    one_turn();
    assert_marks("");
    make_readable(0);
    one_turn();
    one_turn();
    assert_marks("n:r n:r");
    em_source_remove(source);
    one_turn();
    assert_marks("");
    finish();
}

TEST(interest_can_change_and_pause)
{
    em_source *source;

    begin();
    make_readable(0);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE | EM_WRITABLE, note,
                             "n", &source));
    one_turn();
    assert_ok(em_source_set_events(source, EM_WRITABLE));
    one_turn();
    assert_ok(em_source_set_events(source, 0));
    ck_assert(!em_loop_alive(loop));
    one_turn();
    assert_ok(em_source_set_events(source, EM_READABLE));
    ck_assert(em_loop_alive(loop));
    one_turn();
    assert_marks("n:rw n:w n:r");
    finish();
}

TEST(a_paused_source_does_not_spin_on_a_hang_up)
{
    em_source *source;

    begin();
    assert_ok(em_loop_add_fd(loop, ends[0], 0, note, "n", &source));
    ck_assert(!em_loop_alive(loop));
    (void)shutdown(ends[1], SHUT_RDWR);
    ck_assert(!host_would_wake());
    one_turn();
    assert_marks("");
    finish();
}

TEST(hang_up_is_told_without_asking_and_ends_the_wait)
{
    begin();
    assert_ok(
        em_loop_add_fd(loop, ends[0], EM_READABLE, note_and_remove, "n", NULL));
    (void)shutdown(ends[1], SHUT_RDWR);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("n:rh");
    finish();
}

TEST(an_error_is_told_without_asking_and_ends_the_wait)
{
    int pipe_ends[2];

    begin();
    ck_assert_int_eq(pipe(pipe_ends), 0);
    (void)close(pipe_ends[0]);
    assert_ok(em_loop_add_fd(loop, pipe_ends[1], EM_WRITABLE, note_and_remove,
                             "n", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("n:we");
    (void)close(pipe_ends[1]);
    finish();
}

struct swap {
    em_source *victim;
    em_source *successor;
    int fd;
};

/* Close the victim's descriptor and watch a new one under its number. */
static void reuse_number(em_source *source, int fd, unsigned events, void *data)
{
    struct swap *swap = data;
    int fresh[2];

    note(source, fd, events, "reuser");
    em_source_remove(source);
    em_source_remove(swap->victim);
    (void)close(swap->fd);
    ck_assert_int_eq(pipe(fresh), 0);
    ck_assert(fresh[0] == swap->fd);
    assert_ok(em_loop_add_fd(loop, fresh[0], EM_READABLE, note, "successor",
                             &swap->successor));
    swap->fd = fresh[1];
}

TEST(an_event_of_a_closed_descriptor_is_not_given_to_its_successor)
{
    struct swap swap;
    int pair[2];
    em_source *first;

    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    swap.fd = pair[0];
    /* The one that became ready first is harvested first. */
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, reuse_number, &swap,
                             &first));
    assert_ok(em_loop_add_fd(loop, pair[0], EM_READABLE, note, "victim",
                             &swap.victim));
    make_readable(0);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    one_turn();
    assert_marks("reuser:r");
    one_turn();
    assert_marks("");
    ck_assert_int_eq(write(swap.fd, "x", 1), 1);
    one_turn();
    assert_marks("successor:r");
    em_source_remove(swap.successor);
    (void)close(pair[0]);
    (void)close(pair[1]);
    (void)close(swap.fd);
    finish();
}

TEST(a_descriptor_closed_too_early_does_no_harm_to_its_number)
{
    em_source *stale, *source;
    int number;

    begin();
    number = dup(ends[0]);
    assert_ok(em_loop_add_fd(loop, number, EM_READABLE, note, "stale", &stale));
    (void)close(number);
    ck_assert_int_eq(dup2(ends[1], number), number);
    assert_ok(em_loop_add_fd(loop, number, EM_READABLE, note, "new", &source));
    em_source_remove(stale);
    make_readable(1);
    one_turn();
    assert_marks("new:r");
    em_source_remove(source);
    (void)close(number);
    finish();
}

TEST(a_regular_file_is_always_ready_and_so_is_the_loop)
{
    FILE *file = tmpfile();
    em_source *source;

    begin();
    ck_assert_ptr_nonnull(file);
    assert_ok(em_loop_add_fd(loop, fileno(file), EM_READABLE | EM_WRITABLE,
                             note, "f", &source));
    ck_assert(!on_epoll() || host_would_wake());
    one_turn();
    one_turn();
    assert_marks("f:rw f:rw");
    assert_ok(em_source_set_events(source, EM_READABLE));
    one_turn();
    assert_marks("f:r");
    assert_ok(em_source_set_events(source, 0));
    one_turn();
    assert_marks("");
    assert_ok(em_source_set_events(source, EM_READABLE));
    em_source_remove(source);
    ck_assert(!em_loop_alive(loop));
    one_turn();
    assert_marks("");
    (void)fclose(file);
    finish();
}

TEST(a_directory_is_always_ready_too)
{
    int fd = open(".", O_RDONLY | O_CLOEXEC);

    begin();
    ck_assert_int_ge(fd, 0);
    assert_ok(
        em_loop_add_fd(loop, fd, EM_READABLE, note_and_remove, "d", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("d:r");
    (void)close(fd);
    finish();
}

/* The child keeps the open file, and with it what epoll knows of it. */
TEST(a_descriptor_shared_with_a_child_is_silent_once_removed)
{
    em_source *source;
    int keep[2];
    pid_t pid;

    begin();
    ck_assert_int_eq(pipe(keep), 0);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "n", &source));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char byte;

        (void)close(keep[1]);
        _exit((int)read(keep[0], &byte, 1));
    }
    make_readable(0);
    one_turn();
    assert_marks("n:r");
    em_source_remove(source);
    (void)close(ends[0]);
    ck_assert(!host_would_wake());
    one_turn();
    assert_marks("");
    ck_assert_int_eq(dup2(ends[1], ends[0]), ends[0]);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "m", &source));
    one_turn();
    assert_marks("");
    (void)close(keep[0]);
    (void)close(keep[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    finish();
}

TEST(what_cannot_be_watched_is_refused)
{
    em_source *source = NULL;
    int closed;

    begin();
    closed = dup(0);
    (void)close(closed);
    assert_error(-EBADF,
                 em_loop_add_fd(loop, closed, EM_READABLE, note, 0, &source));
    assert_error(-EBADF,
                 em_loop_add_fd(loop, -1, EM_READABLE, note, 0, &source));
    assert_error(-EBADF,
                 em_loop_add_fd(loop, INT_MAX, EM_READABLE, note, 0, &source));
    assert_error(-EINVAL,
                 em_loop_add_fd(NULL, ends[0], EM_READABLE, note, 0, &source));
    assert_error(-EINVAL,
                 em_loop_add_fd(loop, ends[0], EM_READABLE, NULL, 0, &source));
    assert_error(-EINVAL,
                 em_loop_add_fd(loop, ends[0], EM_HANGUP, note, 0, &source));
    assert_error(-EINVAL, em_loop_add_fd(loop, ends[0], 16, note, 0, &source));
    assert_error(-EINVAL, em_source_set_events(NULL, EM_READABLE));
    ck_assert_ptr_null(source);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, 0, &source));
    assert_error(-EINVAL, em_source_set_events(source, EM_ERROR));
    assert_error(-EINVAL, em_source_set_timer(source, 0, 0));
    finish();
}

TEST(every_failure_leaves_the_loop_as_it_was)
{
    em_source *source = NULL;
    FILE *file = tmpfile();
    unsigned long nth;
    int r;

    begin();
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_loop_add_fd(loop, fileno(file), EM_READABLE, note, 0, &source);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(!em_loop_alive(loop));
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 2);
    em_source_remove(source);
    (void)fclose(file);
    finish();
}

TEST(a_poller_that_refuses_leaves_the_loop_as_it_was)
{
    em_source *source = NULL;

    if (!on_epoll())
        return;
    begin();
    fail_call("epoll_ctl", 1, ENOSPC);
    assert_error(-ENOSPC,
                 em_loop_add_fd(loop, ends[0], EM_READABLE, note, 0, &source));
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "n", &source));
    fail_call("epoll_ctl", 1, ENOMEM);
    assert_error(-ENOMEM, em_source_set_events(source, EM_WRITABLE));
    make_readable(0);
    one_turn();
    assert_marks("n:r");
    finish();
}

enum { PAIRS = 500 };

TEST(many_descriptors_are_all_served)
{
    static int pairs[PAIRS][2];
    int i;

    begin();
    for (i = 0; i < PAIRS; i++) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        assert_ok(em_loop_add_fd(loop, pairs[i][0], EM_READABLE,
                                 i % 2 ? note_and_remove : note_and_read, "",
                                 NULL));
        ck_assert_int_eq(write(pairs[i][1], "x", 1), 1);
    }
    for (i = 0; i < PAIRS / 100; i++) {
        one_turn();
        (void)take_marks();
    }
    for (i = 0; i < PAIRS; i++) {
        struct pollfd left = { .fd = pairs[i][0], .events = POLLIN };

        ck_assert_int_eq(poll(&left, 1, 0), i % 2);
        (void)close(pairs[i][1]);
    }
    em_loop_free(loop);
    for (i = 0; i < PAIRS; i++)
        (void)close(pairs[i][0]);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)take_marks();
}

SUITE("fd", a_readable_descriptor_is_told_until_it_was_read,
      interest_can_change_and_pause, a_paused_source_does_not_spin_on_a_hang_up,
      hang_up_is_told_without_asking_and_ends_the_wait,
      an_error_is_told_without_asking_and_ends_the_wait,
      an_event_of_a_closed_descriptor_is_not_given_to_its_successor,
      a_descriptor_closed_too_early_does_no_harm_to_its_number,
      a_regular_file_is_always_ready_and_so_is_the_loop,
      a_directory_is_always_ready_too,
      a_descriptor_shared_with_a_child_is_silent_once_removed,
      what_cannot_be_watched_is_refused,
      every_failure_leaves_the_loop_as_it_was,
      a_poller_that_refuses_leaves_the_loop_as_it_was,
      many_descriptors_are_all_served);
