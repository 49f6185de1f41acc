/* SPDX-License-Identifier: MIT */
/* Spawning: a worker becomes what its options say. */

#include <config.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "workers.h"

extern char **environ;

/* --- programs --- */

static void say_arguments(em_worker *parent)
{
    char text[1024];
    FILE *file = fopen("/proc/self/cmdline", "re");
    size_t used = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    size_t i;

    for (i = 0; i + 1 < used; i++) {
        if (text[i] == '\0')
            text[i] = ' ';
    }
    text[used] = '\0';
    say(parent, "%s", text);
    if (file)
        (void)fclose(file);
}

/* What this program does when it is executed as a worker. */
int as_worker(void)
{
    const char *role = getenv("ROLE");
    em_worker *parent;
    em_loop *own;
    int r = em_loop_new(NULL, &own);

    if (r < 0 || em_worker_parent(own, &parent) < 0)
        return 99;
    if (strcmp(role, "echo") == 0)
        r = echo(own, parent, NULL);
    else if (strcmp(role, "arguments") == 0)
        say_arguments(parent);
    else if (strcmp(role, "environment") == 0)
        say(parent, "%d %s", environ[2] ? 3 : 2, getenv("OTHER"));
    em_loop_free(own);
    return r;
}

TEST(this_program_again_finds_its_end_of_the_channel)
{
    static char *const env[] = { "ROLE=echo", NULL };
    em_worker *worker;

    if (on_valgrind())
        return;
    begin_workers();
    worker = spawn(EM_OPTIONS(em_worker_options, .env = env));
    run_until(worker, "ready");
    assert_ok(em_worker_post(worker, "hello", 5, dup(0)));
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    assert_marks("online ready hello fd exit 0 wanted");
    em_worker_free(worker);
    end_workers();
}

TEST(null_options_are_this_program_with_its_environment)
{
    em_worker *worker;

    if (on_valgrind())
        return;
    begin_workers();
    ck_assert_int_eq(setenv("ROLE", "echo", 1), 0);
    worker = spawn(NULL);
    ck_assert_int_eq(unsetenv("ROLE"), 0);
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    assert_marks("online ready exit 0 wanted");
    em_worker_free(worker);
    end_workers();
}

TEST(arguments_are_those_given_or_its_own)
{
    static char *const env[] = { "ROLE=arguments", NULL };
    static char *const argv[] = { "one", "", "three four", NULL };
    char own[1024];
    FILE *file;

    if (on_valgrind())
        return;
    file = fopen("/proc/self/cmdline", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(own, sizeof(own), file));
    (void)fclose(file);
    begin_workers();
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .env = env)), own);
    ck_assert_str_eq(
        answer(EM_OPTIONS(em_worker_options, .env = env, .argv = argv)),
        "one  three four");
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .env = env,
                                       .path = "/proc/self/exe")),
                     "/proc/self/exe");
    end_workers();
}

TEST(the_environment_is_the_one_given_and_the_badge)
{
    static char *const env[] = { "ROLE=environment", "EMITTER_WORKER=1 2 3 4",
                                 "OTHER=other", NULL };

    if (on_valgrind())
        return;
    begin_workers();
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .env = env)),
                     "3 other");
    end_workers();
}

TEST(a_program_that_knows_nothing_of_channels_is_a_worker_too)
{
    static char *const argv[] = { "sh", "-c", "exit 3", NULL };
    em_worker *worker;

    begin_workers();
    worker =
        spawn(EM_OPTIONS(em_worker_options, .path = "/bin/sh", .argv = argv));
    run();
    assert_marks("exit 3");
    em_worker_free(worker);
    end_workers();
}

/* --- what a process has --- */

static int say_own(em_loop *own, em_worker *parent, void *data)
{
    struct rlimit files, core;
    char directory[256];
    cpu_set_t cpus;

    (void)own, (void)data;
    if (!getcwd(directory, sizeof(directory)) ||
        getrlimit(RLIMIT_MEMLOCK, &files) < 0 ||
        getrlimit(RLIMIT_CORE, &core) < 0 ||
        sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
        return 1;
    say(parent, "%s %d %lu %lu %lu %d %s", directory,
        getpriority(PRIO_PROCESS, 0), (unsigned long)files.rlim_cur,
        (unsigned long)files.rlim_max, (unsigned long)core.rlim_cur,
        CPU_COUNT(&cpus), getenv("HOME") ? "home" : "no home");
    return 0;
}

static uint64_t first_cpu(void)
{
    cpu_set_t cpus;
    unsigned i;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    for (i = 0; i < 63 && !CPU_ISSET(i, &cpus); i++)
        ;
    return UINT64_C(1) << i;
}

TEST(directory_priority_limits_processors_and_environment_are_set)
{
    static char *const env[] = { "NONE=1", NULL };
    const em_limit limits[] = { { RLIMIT_MEMLOCK, 50, 60 },
                                { RLIMIT_CORE, 0, 0 } };
    char expected[128];

    (void)snprintf(expected, sizeof(expected), "/proc %d 50 60 0 1 no home",
                   getpriority(PRIO_PROCESS, 0) + 1);
    begin_workers();
    ck_assert_str_eq(
        answer(EM_OPTIONS(em_worker_options, .main = say_own, .cwd = "/proc",
                          .nice = 1, .limits = limits, .limit_count = 2,
                          .cpus = first_cpu(), .env = env)),
        expected);
    end_workers();
}

static int say_data(em_loop *own, em_worker *parent, void *data)
{
    const int *number = data;

    (void)own;
    say(parent, "%d %d", *number, getppid());
    return 0;
}

TEST(a_forked_worker_has_its_copy_of_the_data_and_us_as_its_parent)
{
    char expected[32];
    int number = 42;

    (void)snprintf(expected, sizeof(expected), "42 %d", getpid());
    begin_workers();
    ck_assert_str_eq(answer_of(say_data, &number), expected);
    end_workers();
}

/* --- descriptors --- */

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
    ck_assert(call_failed());
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

TEST(a_program_without_standard_streams_has_workers_too)
{
    static char *const env[] = { "ROLE=echo", NULL };
    int saved[3];
    em_worker *worker;
    int i;

    if (on_valgrind())
        return;
    for (i = 0; i < 3; i++)
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
    for (i = 0; i < 3; i++)
        (void)close(i);
    begin_workers();
    worker = spawn(EM_OPTIONS(em_worker_options, .env = env));
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    em_worker_free(worker);
    worker = spawn_main(echo, NULL);
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    em_worker_free(worker);
    end_workers();
    for (i = 0; i < 3; i++) {
        (void)dup2(saved[i], i);
        (void)close(saved[i]);
    }
    assert_marks("online ready exit 0 wanted online ready exit 0 wanted");
}

/* --- signals --- */

static void handle(int signo)
{
    (void)signo;
}

static int say_signals(em_loop *own, em_worker *parent, void *data)
{
    static const int signals[] = { SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2 };
    struct sigaction action;
    sigset_t mask;
    size_t i;

    (void)own, (void)data;
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    for (i = 0; i < 4; i++) {
        (void)sigaction(signals[i], NULL, &action);
        say(parent, "%d%d", action.sa_handler == SIG_DFL,
            sigismember(&mask, signals[i]));
    }
    return 0;
}

TEST(signals_are_at_their_defaults_and_not_blocked)
{
    struct sigaction action = { .sa_handler = handle };
    sigset_t mask, after;

    begin_workers();
    (void)sigaction(SIGHUP, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    ck_assert_str_eq(answer_of(say_signals, NULL), "10101010");
    (void)sigprocmask(SIG_SETMASK, NULL, &after); /* ours is as it was */
    ck_assert(sigismember(&after, SIGUSR1) && !sigismember(&after, SIGUSR2));
    end_workers();
}

SUITE("spawn", this_program_again_finds_its_end_of_the_channel,
      null_options_are_this_program_with_its_environment,
      arguments_are_those_given_or_its_own,
      the_environment_is_the_one_given_and_the_badge,
      a_program_that_knows_nothing_of_channels_is_a_worker_too,
      directory_priority_limits_processors_and_environment_are_set,
      a_forked_worker_has_its_copy_of_the_data_and_us_as_its_parent,
      all_descriptors_but_those_to_keep_are_closed,
      kept_descriptors_live_through_exec_and_others_do_not,
      standard_streams_are_what_they_are_told_to_be,
      standard_streams_may_change_places,
      a_program_without_standard_streams_has_workers_too,
      signals_are_at_their_defaults_and_not_blocked);
