/* SPDX-License-Identifier: MIT */
/* Spawning: one precise error, and nothing left behind. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers.h"

/* User code that begins although the spawn has failed makes itself known. */
static int betray(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)parent, (void)data;
    (void)kill(getppid(), SIGKILL);
    return 0;
}

static bool failed; /* a call, in the last one */

static int try(const em_worker_options *options)
{
    em_worker *worker = NULL;
    int r = em_worker_spawn(master, options, &worker);

    failed = call_failed();
    if (r < 0) {
        ck_assert_ptr_null(worker);
        ck_assert(!em_loop_alive(master));
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        return r;
    }
    em_worker_free(worker);
    run(); /* what it leaves for the end of the turn */
    return 0;
}

#define TRY(...) try(EM_OPTIONS(em_worker_options, __VA_ARGS__))

TEST(nonsense_is_refused)
{
    static char *const argv[] = { "x", NULL };
    const em_limit limit = { RLIMIT_CORE, 0, 0 };
    const int stdin_fd = 0;
    em_worker_options options = { .size = 1 };
    em_worker *worker;
    struct {
        em_worker_options known;
        int unknown;
    } larger = { { .size = sizeof(larger) }, 1 };

    begin_workers();
    assert_error(-EINVAL, em_worker_spawn(NULL, NULL, &worker));
    assert_error(-EINVAL, em_worker_spawn(master, NULL, NULL));
    assert_error(-EINVAL, try(&options));
    assert_error(-E2BIG, try(&larger.known));
    assert_error(-EINVAL, TRY(.main = betray, .path = "/bin/true"));
    assert_error(-EINVAL, TRY(.main = betray, .argv = argv));
    assert_error(-EINVAL, TRY(.main = betray, .limit_count = 1));
    assert_error(-EINVAL, TRY(.main = betray, .keep_count = 1));
    assert_error(-EINVAL, TRY(.main = betray, .stdio = { 0, -1, 0 }));
    assert_error(-EINVAL, TRY(.main = betray, .queue_limit = SIZE_MAX));
    assert_error(-EINVAL, TRY(.thread = true));
    assert_error(-EINVAL, TRY(.thread = true, .path = "/bin/true"));
    assert_error(-EINVAL, TRY(.thread = true, .main = betray, .argv = argv));
    assert_error(-EINVAL, TRY(.thread = true, .main = betray, .env = argv));
    assert_error(-EINVAL, TRY(.thread = true, .main = betray, .user = "root"));
    assert_error(-EINVAL, TRY(.thread = true, .main = betray, .group = "root"));
    assert_error(-EINVAL, TRY(.thread = true, .main = betray, .cwd = "/"));
    assert_error(-EINVAL, TRY(.thread = true, .main = betray, .nice = 1));
    assert_error(-EINVAL, TRY(.thread = true, .main = betray, .limits = &limit,
                              .limit_count = 1));
    assert_error(-EINVAL, TRY(.thread = true, .main = betray,
                              .keep_fds = &stdin_fd, .keep_count = 1));
    assert_error(-EINVAL,
                 TRY(.thread = true, .main = betray, .stdio = { 1, 0, 0 }));
    end_workers();
}

/* --- what the system refuses --- */

TEST(a_bad_path_is_told_as_execve_tells_it)
{
    char name[] = "/tmp/emitter-test-XXXXXX";
    int fd = mkstemp(name);

    begin_workers();
    assert_error(-ENOENT, TRY(.path = "/nonexistent"));
    assert_error(-ENOENT, TRY(.path = ""));
    assert_error(-EACCES, TRY(.path = "/"));
    assert_error(-ENOTDIR, TRY(.path = "/dev/null/x"));
    ck_assert_int_ge(fd, 0);
    assert_error(-EACCES, TRY(.path = name));
    ck_assert_int_eq(write(fd, "no program", 10), 10);
    ck_assert_int_eq(fchmod(fd, 0700), 0);
    (void)close(fd);
    assert_error(-ENOEXEC, TRY(.path = name));
    ck_assert_int_eq(unlink(name), 0);
    end_workers();
}

TEST(a_path_without_an_end_is_told)
{
    char directory[] = "/tmp/emitter-test-XXXXXX";
    char path[64], longest[PATH_MAX + 1];

    memset(longest, '/', PATH_MAX);
    longest[PATH_MAX] = '\0';
    begin_workers();
    assert_error(-ENAMETOOLONG, TRY(.path = longest));
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/loop", directory);
    ck_assert_int_eq(symlink("loop", path), 0);
    assert_error(-ELOOP, TRY(.path = path));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(directory), 0);
    end_workers();
}

/* Linux 6.11 and 6.12 let it pass, and see that this is no program. */
TEST(a_program_that_is_being_written_is_told)
{
    char name[] = "/tmp/emitter-test-XXXXXX";
    int fd = mkstemp(name), r;

    begin_workers();
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fchmod(fd, 0700), 0);
    r = TRY(.path = name);
    if (r != -ENOEXEC)
        assert_error(-ETXTBSY, r);
    (void)close(fd);
    ck_assert_int_eq(unlink(name), 0);
    end_workers();
}

TEST(a_bad_directory_limit_priority_or_processor_is_told)
{
    const em_limit unknown = { 1000, 0, 0 };
    const em_limit wrong = { RLIMIT_CORE, 2, 1 };

    begin_workers();
    assert_error(-ENOENT, TRY(.main = betray, .cwd = "/nonexistent"));
    assert_error(-ENOTDIR, TRY(.main = betray, .cwd = "/dev/null"));
    assert_error(-EINVAL,
                 TRY(.main = betray, .limits = &unknown, .limit_count = 1));
    assert_error(-EINVAL,
                 TRY(.main = betray, .limits = &wrong, .limit_count = 1));
    assert_error(portable() ? -ENOTSUP : -EINVAL,
                 TRY(.main = betray, .cpus = UINT64_C(1) << 63));
    end_workers();
}

TEST(a_descriptor_that_is_not_open_is_told)
{
    const int nonsense[] = { 0, -1 };
    int closed;

    begin_workers();
    closed = dup(0);
    (void)close(closed);
    assert_error(-EBADF,
                 TRY(.main = betray, .keep_fds = &closed, .keep_count = 1));
    assert_error(-EBADF,
                 TRY(.main = betray, .keep_fds = nonsense, .keep_count = 2));
    assert_error(-EBADF, TRY(.main = betray, .stdio = { 0, 0, closed + 1 }));
    end_workers();
}

/* A limit that leaves the worker no descriptor for a loop of its own. */
TEST(a_worker_that_cannot_make_its_loop_is_told)
{
    const em_limit few = { RLIMIT_NOFILE, 4, 4 };

    if (under_valgrind()) /* which has limits of its own */
        return;
    begin_workers();
    assert_error(-EMFILE,
                 TRY(.main = betray, .limits = &few, .limit_count = 1));
    end_workers();
}

static int rest(em_loop *own, em_worker *parent, void *data)
{
    return hang(own, parent, data);
}

TEST(a_process_at_its_limit_of_descriptors_is_told)
{
    struct rlimit before, few;
    rlim_t count;
    int r = -EMFILE;

    if (under_valgrind())
        return;
    begin_workers();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    for (count = 4; r < 0; count++) {
        assert_error(-EMFILE, r);
        few.rlim_cur = count;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        r = TRY(.main = rest);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert_uint_lt(count, 64);
    }
    assert_ok(r);
    end_workers();
}

/* --- injected failures --- */

/* Each call fails once, and the spawn with it, until it takes place without
 * that call. */
static void fail_each(const em_worker_options *options,
                      const char *const *functions)
{
    for (; *functions; functions++) {
        unsigned long nth;
        int r = -ENOTTY;

        for (nth = 1; r < 0; nth++) {
            assert_error(-ENOTTY, r);
            fail_call(*functions, nth, ENOTTY);
            r = try(options);
            ck_assert_msg(failed == (r < 0), "%s", *functions);
        }
        ck_assert_msg(nth > 2, "%s is not called", *functions);
    }
}

TEST(every_call_that_fails_is_told)
{
    static const char *const forked[] = {
        "fork",  "socketpair",        "dup2",   "setrlimit", "nice", "chdir",
        "prctl", "sched_setaffinity", "waitid", NULL
    };
/* Without close_range the open descriptors are listed, and tried one by one
 * where they cannot be.  gcov too opens files, before a program is executed. */
#if defined(EM_COVERAGE) || !defined(HAVE_CLOSE_RANGE)
    static const char *const executed[] = { "execve", "prctl", NULL };
#else
    static const char *const executed[] = { "execve", "open", "prctl", NULL };
#endif
    static const char *const threads[] = { "socketpair", "pthread_create",
                                           "sched_setaffinity", NULL };
    static char *const env[] = { "ROLE=rest", NULL };
    const em_limit limit = { RLIMIT_CORE, 0, 0 };

    if (portable())
        return;
    begin_workers();
    fail_each(EM_OPTIONS(em_worker_options, .main = rest, .cwd = "/",
                         .limits = &limit, .limit_count = 1, .nice = 1,
                         .cpus = 3, .stdio = { 0, 1 + 1, 0 }),
              forked);
    fail_each(EM_OPTIONS(em_worker_options, .env = env), executed);
    fail_each(
        EM_OPTIONS(em_worker_options, .thread = true, .main = idle, .cpus = 3),
        threads);
    end_workers();
}

int as_worker(void)
{
    return hang(NULL, NULL, NULL);
}

/* What root is never refused, and what a program on a disk does not need. */
TEST(a_system_without_descriptors_for_a_program_is_told)
{
    static const int errors[] = { EMFILE, ENFILE, ENOMEM, EIO };
    size_t i;

    begin_workers();
    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        fail_call("execve", 1, errors[i]);
        assert_error(-errors[i], TRY(.path = "/bin/true"));
        ck_assert(failed);
    }
    end_workers();
}

/* Also those of the loop in the worker. */
TEST(every_call_of_a_poller_that_fails_is_told)
{
#ifdef HAVE_PIDFD_OPEN /* else it is no function that could be wrapped */
    static const char *const pidfd[] = { "pidfd_open", NULL };
#endif
    static const char *const epoll[] = { "epoll_create1", "epoll_ctl",
                                         "eventfd", NULL };
    static const char *const poll[] = { "pipe2", NULL };

    if (portable())
        return;
    begin_workers();
    fail_each(EM_OPTIONS(em_worker_options, .main = rest),
              on_epoll() ? epoll : poll);
#ifdef HAVE_PIDFD_OPEN
    fail_each(EM_OPTIONS(em_worker_options, .main = rest), pidfd);
#endif
    end_workers();
}

TEST(calls_that_are_interrupted_are_made_again)
{
    em_worker *worker;

    begin_workers();
    fail_call("waitpid", 1, EINTR);
    assert_error(-ENOENT, TRY(.path = "/nonexistent"));
    ck_assert(failed);
    assert_ok(em_worker_spawn(
        master, EM_OPTIONS(em_worker_options, .main = rest), &worker));
    fail_call("waitpid", 1, EINTR);
    em_worker_free(worker);
    ck_assert(call_failed());
    end_workers();
}

/* The byte that lets the child go, and what the child says of its failure. */
TEST(what_parent_and_child_tell_each_other_is_not_lost_to_a_signal)
{
    unsigned long nth;

    begin_workers();
    for (nth = 1; nth <= 2; nth++) {
        fail_call("send", nth, EINTR);
        assert_error(-ENOENT, TRY(.path = "/nonexistent"));
        ck_assert(failed);
    }
    for (nth = 1; nth <= 2; nth++) { /* either of them waits */
        fail_call("recv", nth, EINTR);
        assert_ok(TRY(.main = rest));
        ck_assert(failed);
    }
    for (nth = 1; nth <= 2; nth++) {
        fail_call("dup2", nth, EINTR);
        assert_ok(TRY(.main = rest, .stdio = { 0, 3, 3 }));
        ck_assert(failed);
    }
    end_workers();
}

/* Allocations in the child count too, each on its own copy. */
static void fail_allocations(const em_worker_options *options)
{
    unsigned long nth;
    int r = -ENOMEM;

    for (nth = 1; r < 0; nth++) {
        assert_error(-ENOMEM, r);
        fail_allocation(nth);
        r = try(options);
        (void)allocation_failed();
    }
    ck_assert_uint_gt(nth, 8);
}

TEST(without_memory_there_is_no_worker)
{
    static char *const env[] = { "ROLE=rest", NULL };
    const int kept = 0;

    begin_workers();
    fail_allocations(EM_OPTIONS(em_worker_options, .main = rest,
                                .keep_fds = &kept, .keep_count = 1));
    fail_allocations(EM_OPTIONS(em_worker_options, .env = env));
    fail_allocations(
        EM_OPTIONS(em_worker_options, .thread = true, .main = idle));
    end_workers();
}

/* --- many --- */

enum { CYCLES = 1000, SLOW_CYCLES = 50 };

TEST(a_thousand_workers_that_are_killed_leave_nothing)
{
    em_worker *worker;
    int i;

    begin_workers();
    for (i = 0; i < (under_valgrind() ? SLOW_CYCLES : CYCLES); i++) {
        assert_ok(em_worker_spawn(
            master, EM_OPTIONS(em_worker_options, .main = rest), &worker));
        ck_assert_int_eq(kill(em_worker_pid(worker), SIGKILL), 0);
        run();
        em_worker_free(worker);
    }
    end_workers();
}

SUITE("spawn_fail", nonsense_is_refused, a_bad_path_is_told_as_execve_tells_it,
      a_path_without_an_end_is_told, a_program_that_is_being_written_is_told,
      a_system_without_descriptors_for_a_program_is_told,
      a_bad_directory_limit_priority_or_processor_is_told,
      a_descriptor_that_is_not_open_is_told,
      a_worker_that_cannot_make_its_loop_is_told,
      a_process_at_its_limit_of_descriptors_is_told,
      every_call_that_fails_is_told, every_call_of_a_poller_that_fails_is_told,
      calls_that_are_interrupted_are_made_again,
      what_parent_and_child_tell_each_other_is_not_lost_to_a_signal,
      without_memory_there_is_no_worker,
      a_thousand_workers_that_are_killed_leave_nothing);
