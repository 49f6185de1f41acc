/* SPDX-License-Identifier: MIT */
/* Spawning: the descriptors that a worker has, and those that it has not. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/descriptors.h"
#include "workers.h"

/* --- kept and closed --- */

static int open_fds[6];

static int say_open(em_loop *own, em_worker *parent, void *data)
{
    int i;

    (void)own, (void)data;
    for (i = 0; i < 6; i++)
        say(parent, "%d", fcntl(open_fds[i], F_GETFD) >= 0);
    return 0;
}

/* The highest is far from the others, and most of those kept are not. */
static void check_kept(void)
{
    const int kept[] = { open_fds[4], open_fds[1], open_fds[1], 2 };

    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .main = say_open,
                                       .keep_fds = kept, .keep_count = 4)),
                     "010010");
    ck_assert_str_eq(answer_of(say_open, NULL), "000000");
}

TEST(all_descriptors_but_those_to_keep_are_closed)
{
    int i;

    begin_workers();
    for (i = 0; i < 6; i++)
        open_fds[i] = fcntl(0, F_DUPFD_CLOEXEC, i < 4 ? 100 : 1000);
    check_kept();
    fail_every_call("close_range", ENOSYS); /* an old kernel */
    check_kept();
    fail_call("open", 1, ENOENT); /* and no /proc */
    ck_assert_str_eq(answer_of(say_open, NULL), "000000");
    ck_assert(call_failed() || portable());
    fail_every_call(NULL, 0);
    for (i = 0; i < 6; i++)
        (void)close(open_fds[i]);
    end_workers();
}

/* Written by an executed shell, where only what has no close-on-exec lives. */
TEST(kept_descriptors_live_through_exec_and_others_do_not)
{
    static char *const argv[] = {
        "sh", "-c", "echo yes >/proc/self/fd/100; test ! -e /proc/self/fd/101",
        NULL
    };
    char text[16] = "";
    int ends[2];
    int kept, other;
    em_worker *worker;

    begin_workers();
    ck_assert_int_eq(pipe(ends), 0);
    kept = fcntl(ends[1], F_DUPFD_CLOEXEC, 100);
    other = dup2(ends[1], 101);
    ck_assert_int_eq(kept, 100);
    worker =
        spawn(EM_OPTIONS(em_worker_options, .path = "/bin/sh", .argv = argv,
                         .keep_fds = &kept, .keep_count = 1));
    run();
    assert_marks("exit 0");
    ck_assert_int_eq(read(ends[0], text, sizeof(text)), 4);
    ck_assert_str_eq(text, "yes\n");
    (void)close(kept), (void)close(other);
    (void)close(ends[0]), (void)close(ends[1]);
    em_worker_free(worker);
    end_workers();
}

/* --- out of the way of the standard streams --- */

/* In a child, whose numbers are its own.  0: all is as it should be. */
static int lift(unsigned left)
{
    int kind = left ? FD_CLOEXEC : 0, fd = STDIN_FILENO, r;

    if (fcntl(fd, F_SETFD, 0) < 0)
        return 1;
    leave_descriptors(left);
    r = em__descriptors_lift(&fd);
    restore_descriptors();
    if (r != (left ? 0 : -EMFILE))
        return 2;
    if ((fd == STDIN_FILENO) != !left || fcntl(fd, F_GETFD) != kind)
        return 3;
    return (fcntl(STDIN_FILENO, F_GETFD) >= 0) == !left ? 0 : 4;
}

static int status_of(int (*fn)(unsigned), unsigned argument)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(fn(argument));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

TEST(a_descriptor_is_lifted_or_stays_where_it_is)
{
    int fd = 100;

    assert_ok(em__descriptors_lift(&fd));
    ck_assert_int_eq(fd, 100);
    ck_assert_int_eq(status_of(lift, 1), 0);
    ck_assert_int_eq(status_of(lift, 0), 0);
}

/* The copies that were made go with the child. */
static int redirect(unsigned left)
{
    const int stdio[] = { STDERR_FILENO + 1, STDERR_FILENO + 1, 0 };
    int r;

    leave_descriptors(left);
    r = em__descriptors_redirect(stdio);
    restore_descriptors();
    return r == -EMFILE ? 0 : 1;
}

TEST(streams_that_cannot_be_put_aside_are_told)
{
    ck_assert_int_eq(status_of(redirect, 0), 0);
    ck_assert_int_eq(status_of(redirect, 1), 0);
}

TEST(what_is_not_open_is_handed_down_as_nothing)
{
    const int kept[] = { 9999, fcntl(0, F_DUPFD_CLOEXEC, 100) };

    assert_error(-EBADF, em__descriptors_check(kept, 2));
    em__descriptors_hand_down(kept, 2);
    ck_assert_int_eq(fcntl(kept[0], F_GETFD), -1);
    ck_assert_int_eq(fcntl(kept[1], F_GETFD), 0);
    (void)close(kept[1]);
}

/* --- standard streams --- */

static int write_both(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)parent, (void)data;
    (void)!write(1, "one", 3);
    (void)fprintf(stderr, "two");
    (void)printf("three");
    return 0;
}

static const char *read_text(int fd)
{
    static char text[64];
    ssize_t n = read(fd, text, sizeof(text) - 1);

    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    return text;
}

TEST(standard_streams_are_what_they_are_told_to_be)
{
    int out[2], err[2];
    em_worker *worker;

    begin_workers();
    ck_assert_int_eq(pipe(out), 0);
    ck_assert_int_eq(pipe(err), 0);
    worker = spawn(EM_OPTIONS(em_worker_options, .main = write_both,
                              .stdio = { 0, out[1] + 1, err[1] + 1 }));
    run();
    assert_marks("online exit 0");
    ck_assert_str_eq(read_text(out[0]), "onethree");
    ck_assert_str_eq(read_text(err[0]), "two");
    em_worker_free(worker);
    (void)close(out[0]), (void)close(out[1]);
    (void)close(err[0]), (void)close(err[1]);
    end_workers();
}

/* 1 and 2 change places, in this process as in the worker. */
TEST(standard_streams_may_change_places)
{
    int out[2], err[2];
    int saved[2] = { dup(1), dup(2) };
    em_worker *worker;

    begin_workers();
    ck_assert_int_eq(pipe(out), 0);
    ck_assert_int_eq(pipe(err), 0);
    (void)dup2(out[1], 1), (void)dup2(err[1], 2);
    worker = spawn(EM_OPTIONS(em_worker_options, .main = write_both,
                              .stdio = { 0, 2 + 1, 1 + 1 }));
    (void)dup2(saved[0], 1), (void)dup2(saved[1], 2);
    run();
    assert_marks("online exit 0");
    ck_assert_str_eq(read_text(out[0]), "two");
    ck_assert_str_eq(read_text(err[0]), "onethree");
    em_worker_free(worker);
    (void)close(saved[0]), (void)close(saved[1]);
    (void)close(out[0]), (void)close(out[1]);
    (void)close(err[0]), (void)close(err[1]);
    end_workers();
}

SUITE("spawn_fds", all_descriptors_but_those_to_keep_are_closed,
      kept_descriptors_live_through_exec_and_others_do_not,
      a_descriptor_is_lifted_or_stays_where_it_is,
      streams_that_cannot_be_put_aside_are_told,
      what_is_not_open_is_handed_down_as_nothing,
      standard_streams_are_what_they_are_told_to_be,
      standard_streams_may_change_places);
