/* SPDX-License-Identifier: MIT */
/* Child sources, with pidfds and without. */

#include <config.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"

static em_loop *loop;

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
}

/* A child that ends with that status, once the pipe closed. */
static pid_t child_waiting(int status, int pipe_ends[2])
{
    char byte;
    pid_t pid;

    if (pipe_ends)
        ck_assert_int_eq(pipe(pipe_ends), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (pipe_ends) {
            (void)close(pipe_ends[1]);
            (void)!read(pipe_ends[0], &byte, 1);
        }
        _exit(status);
    }
    if (pipe_ends)
        (void)close(pipe_ends[0]);
    return pid;
}

static pid_t child(int status)
{
    return child_waiting(status, NULL);
}

static void note(em_source *source, pid_t pid, int status, void *data)
{
    ck_assert_ptr_eq(em_source_loop(source), loop);
    ck_assert_int_gt(pid, 0);
    if (data)
        mark(data);
    if (status < 0)
        mark(status == -ECHILD ? "reaped" : "error");
    else if (WIFEXITED(status))
        mark_number(WEXITSTATUS(status));
    else
        mark("killed");
}

static void note_free(void *data)
{
    (void)data;
    mark("free");
}

static void without_pidfds(void)
{
    fail_every_call("pidfd_open", ENOSYS);
}

static void see_one_end(void)
{
    em_source *source;
    int ends[2];
    pid_t pid = child_waiting(7, ends);

    assert_ok(em_loop_add_child(loop, pid, note, "end", &source));
    em_source_set_free(source, note_free);
    ck_assert(em_loop_alive(loop));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("");
    (void)close(ends[1]);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("end 7");
    ck_assert(!em_loop_alive(loop));
    ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), -1);
    em_source_remove(source);
    assert_marks("free");
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

TEST(a_child_that_ends_is_reaped_and_told_once)
{
    begin();
    see_one_end();
    em_loop_free(loop);
}

TEST(without_pidfds_it_is_the_same)
{
    begin();
    without_pidfds();
    see_one_end();
    see_one_end();
    fail_every_call("pidfd_open", EPERM);
    see_one_end();
    em_loop_free(loop);
}

static void see_one_that_ended_before(void)
{
    siginfo_t info;
    pid_t pid = child(3);

    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_ok(em_loop_add_child(loop, pid, note, NULL, NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("3");
}

TEST(a_child_that_had_ended_before_is_told_too)
{
    begin();
    see_one_that_ended_before();
    without_pidfds();
    see_one_that_ended_before();
    em_loop_free(loop);
}

TEST(a_killed_child_is_told_as_waitpid_does)
{
    int ends[2];
    pid_t pid = child_waiting(0, ends);

    begin();
    assert_ok(em_loop_add_child(loop, pid, note, NULL, NULL));
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("killed");
    (void)close(ends[1]);
    em_loop_free(loop);
}

TEST(a_removed_source_leaves_the_child_to_the_caller)
{
    em_source *source;
    pid_t pid = child(5);
    int status, i;

    begin();
    for (i = 0; i < 2; i++) {
        assert_ok(em_loop_add_child(loop, pid, note, NULL, &source));
        em_source_remove(source);
        assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
        assert_marks("");
        without_pidfds();
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WEXITSTATUS(status), 5);
    em_loop_free(loop);
}

static void lose_one(void)
{
    int ends[2];
    pid_t pid = child_waiting(5, ends);

    assert_ok(em_loop_add_child(loop, pid, note, NULL, NULL));
    (void)close(ends[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
}

TEST(a_child_that_somebody_else_reaped_is_told_as_such)
{
    begin();
    lose_one();
    without_pidfds();
    lose_one();
    assert_marks("reaped reaped");
    em_loop_free(loop);
}

static void remove_other(em_source *source, pid_t pid, int status, void *data)
{
    em_source **other = data;

    (void)source, (void)pid, (void)status;
    mark("remover");
    em_source_remove(*other);
}

static void end_one_of_two(void)
{
    em_source *sources[2];
    pid_t pids[2] = { child(0), child(0) };
    siginfo_t info;
    int i, rest;

    for (i = 0; i < 2; i++)
        ck_assert_int_eq(waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOWAIT),
                         0);
    for (i = 0; i < 2; i++)
        assert_ok(em_loop_add_child(loop, pids[i], remove_other,
                                    &sources[1 - i], &sources[i]));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("remover");
    ck_assert_int_gt(waitpid(-1, &rest, 0), 0);
}

TEST(a_source_removed_by_anothers_end_in_the_same_turn_is_not_called)
{
    begin();
    end_one_of_two();
    em_loop_free(loop);
    begin();
    without_pidfds();
    end_one_of_two();
    em_loop_free(loop);
}

static void stop(em_source *source, pid_t pid, int status, void *data)
{
    note(source, pid, status, data);
    em_loop_stop(em_source_loop(source));
}

TEST(what_a_stop_left_unasked_is_told_in_the_next_run)
{
    siginfo_t info;
    pid_t pids[2] = { child(4), child(4) };
    int i;

    begin();
    without_pidfds();
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOWAIT),
                         0);
        assert_ok(em_loop_add_child(loop, pids[i], stop, NULL, NULL));
    }
    assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("4");
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("4");
    em_loop_free(loop);
}

/* Also a sixteenth of it is as many of each status. */
enum { STORM = 1120 };

static void count(em_source *source, pid_t pid, int status, void *data)
{
    (void)source, (void)pid;
    ck_assert(WIFEXITED(status));
    ++((int *)data)[WEXITSTATUS(status)];
}

static void weather_a_storm(void)
{
    int ends[10] = { 0 };
    int i, many = (int)enough(STORM);

    for (i = 0; i < many; i++)
        assert_ok(em_loop_add_child(loop, child(i % 10), count, ends, NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    for (i = 0; i < 10; i++)
        ck_assert_int_eq(ends[i], many / 10);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

/* A pidfd each. */
static void raise_limit(void)
{
    struct rlimit files;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}

TEST(a_thousand_children_that_end_at_once_are_all_told)
{
    raise_limit();
    begin();
    weather_a_storm();
    em_loop_free(loop);
}

TEST(a_thousand_children_are_all_told_without_pidfds_too)
{
    begin();
    without_pidfds();
    weather_a_storm();
    em_loop_free(loop);
}

TEST(a_loop_freed_with_children_lets_go_of_them)
{
    int ends[2];
    pid_t pid = child_waiting(0, ends);
    int i;

    for (i = 0; i < 2; i++) {
        begin();
        assert_ok(em_loop_add_child(loop, pid, note, NULL, NULL));
        em_loop_free(loop);
        without_pidfds();
    }
    (void)close(ends[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

TEST(a_forked_child_frees_what_watched_its_siblings)
{
    int ends[2];
    pid_t sibling = child_waiting(0, ends);
    size_t before = blocks_in_use();
    int i, status;
    pid_t pid;

    for (i = 0; i < 2; i++) {
        begin();
        assert_ok(em_loop_add_child(loop, sibling, note, NULL, NULL));
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            em_loop_free(loop);
            _exit(blocks_in_use() == before ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        em_loop_free(loop);
        without_pidfds();
    }
    (void)close(ends[1]);
    ck_assert_int_eq(waitpid(sibling, NULL, 0), sibling);
}

/* Everything that can fail while a source for `pid` is made, in turn. */
static void fail_each(pid_t pid, const char *const *calls)
{
    em_source *source = NULL;
    unsigned long nth;
    int r;

    for (; *calls; calls++) {
        fail_call(*calls, 1, EMFILE);
        assert_error(-EMFILE,
                     em_loop_add_child(loop, pid, note, NULL, &source));
        ck_assert(call_failed());
        ck_assert(!em_loop_alive(loop));
    }
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_loop_add_child(loop, pid, note, NULL, &source);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert_ptr_null(source);
    }
    assert_ok(r);
    em_source_remove(source);
}

TEST(every_failure_leaves_the_loop_as_it_was)
{
#if defined(HAVE_PIDFD_OPEN)
    static const char *const with[] = { "waitid", "pidfd_open", NULL };
    static const char *const without[] = { "waitid", "sigaction", NULL };
#elif defined(SYS_pidfd_open) /* a system call, which cannot be wrapped */
    static const char *const with[] = { "waitid", NULL };
    static const char *const *const without = with;
#else
    static const char *const without[] = { "waitid", "sigaction", NULL };
    static const char *const *const with = without;
#endif
    int ends[2];
    pid_t pid = child_waiting(0, ends);

    begin();
    fail_each(pid, with);
    em_loop_free(loop);
    begin();
    without_pidfds();
    fail_each(pid, without);
    em_loop_free(loop);
    (void)close(ends[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

TEST(an_interrupted_wait_is_taken_up_again)
{
    siginfo_t info;
    pid_t pid = child(0);

    begin();
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    fail_call("waitid", 1, EINTR);
    assert_ok(em_loop_add_child(loop, pid, note, NULL, NULL));
    ck_assert(call_failed());
    fail_call("waitpid", 1, EINTR);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert(call_failed());
    assert_marks("0");
    em_loop_free(loop);
}

TEST(who_is_no_child_is_refused)
{
    begin();
    assert_error(-EINVAL, em_loop_add_child(NULL, 1, note, NULL, NULL));
    assert_error(-EINVAL, em_loop_add_child(loop, 0, note, NULL, NULL));
    assert_error(-EINVAL, em_loop_add_child(loop, -1, note, NULL, NULL));
    assert_error(-EINVAL, em_loop_add_child(loop, 1, NULL, NULL, NULL));
    assert_error(-ECHILD, em_loop_add_child(loop, 1, note, NULL, NULL));
    assert_error(-ECHILD, em_loop_add_child(loop, getpid(), note, NULL, NULL));
    em_loop_free(loop);
}

SUITE("child", a_child_that_ends_is_reaped_and_told_once,
      without_pidfds_it_is_the_same, a_child_that_had_ended_before_is_told_too,
      a_killed_child_is_told_as_waitpid_does,
      a_removed_source_leaves_the_child_to_the_caller,
      a_child_that_somebody_else_reaped_is_told_as_such,
      a_source_removed_by_anothers_end_in_the_same_turn_is_not_called,
      what_a_stop_left_unasked_is_told_in_the_next_run,
      a_thousand_children_that_end_at_once_are_all_told,
      a_thousand_children_are_all_told_without_pidfds_too,
      a_loop_freed_with_children_lets_go_of_them,
      a_forked_child_frees_what_watched_its_siblings,
      every_failure_leaves_the_loop_as_it_was,
      an_interrupted_wait_is_taken_up_again, who_is_no_child_is_refused);
