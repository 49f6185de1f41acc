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
#include <sys/stat.h>
#include <sys/wait.h>
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

    if (under_valgrind())
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

    if (under_valgrind())
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

    if (under_valgrind())
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

    if (under_valgrind())
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

static int saved_streams[3];

static void close_streams(void)
{
    int i;

    for (i = 0; i < 3; i++)
        saved_streams[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
    for (i = 0; i < 3; i++)
        (void)close(i);
}

static void restore_streams(void)
{
    int i;

    for (i = 0; i < 3; i++) {
        (void)dup2(saved_streams[i], i);
        (void)close(saved_streams[i]);
    }
}

TEST(a_program_without_standard_streams_has_workers_too)
{
    static char *const env[] = { "ROLE=echo", NULL };
    em_worker *worker;

    if (under_valgrind())
        return;
    close_streams();
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
    restore_streams();
    assert_marks("online ready exit 0 wanted online ready exit 0 wanted");
}

static int count_sockets(em_loop *own, em_worker *parent, void *data)
{
    struct stat status;
    int count = 0;
    int i;

    (void)own, (void)data;
    for (i = 0; i < 3; i++)
        count += fstat(i, &status) == 0 && S_ISSOCK(status.st_mode);
    say(parent, "%d", count);
    return 0;
}

/* Its parent's end of the channel, for one, would keep that open for ever. */
TEST(what_has_the_number_of_a_stream_that_is_closed_is_not_inherited)
{
    char text[16];

    if (under_valgrind())
        return;
    begin_workers();
    close_streams();
    (void)snprintf(text, sizeof(text), "%s", answer_of(count_sockets, NULL));
    restore_streams();
    end_workers();
    ck_assert_str_eq(text, "0");
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

    if (portable())
        return;
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

/* It is 1 there, and we have no number. */
static void spawn_in_a_namespace(void)
{
    int number = 42;

    if (unshare(CLONE_NEWPID) < 0) /* who is not root may not */
        return;
    begin_workers();
    ck_assert_str_eq(answer_of(say_data, &number), "42 0");
    end_workers();
}

TEST(a_worker_may_be_the_first_process_of_a_namespace)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        spawn_in_a_namespace();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
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
      a_program_without_standard_streams_has_workers_too,
      what_has_the_number_of_a_stream_that_is_closed_is_not_inherited,
      directory_priority_limits_processors_and_environment_are_set,
      a_forked_worker_has_its_copy_of_the_data_and_us_as_its_parent,
      a_worker_may_be_the_first_process_of_a_namespace,
      signals_are_at_their_defaults_and_not_blocked);
