/* SPDX-License-Identifier: MIT */
/* Signal sources. */

#include <config.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter/baton.h>
#include <emitter/loop.h>

#include "testing.h"

static em_loop *loop;

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
}

static void note(em_source *source, int signo, void *data)
{
    (void)source;
    ck_assert_int_eq(signo, SIGUSR1);
    mark(data);
}

static void note_number(em_source *source, int signo, void *data)
{
    (void)source, (void)data;
    mark(signo == SIGUSR2 ? "usr2" : "other");
}

static volatile sig_atomic_t formers;

static void former(int signo)
{
    (void)signo;
    formers = formers + 1;
}

static void install(int signo, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler };

    ck_assert_int_eq(sigaction(signo, &action, NULL), 0);
}

static void (*handler_of(int signo))(int)
{
    struct sigaction now;

    ck_assert_int_eq(sigaction(signo, NULL, &now), 0);
    return now.sa_handler;
}

TEST(a_signal_calls_its_source_on_the_loop)
{
    em_source *source;

    begin();
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "x", &source));
    ck_assert(em_loop_alive(loop));
    (void)raise(SIGUSR1);
    assert_marks("");
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    em_source_remove(source);
    ck_assert(!em_loop_alive(loop));
    em_loop_free(loop);
}

TEST(signals_before_the_call_merge_and_those_after_it_call_again)
{
    em_source *source;

    begin();
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "x", &source));
    (void)raise(SIGUSR1);
    (void)raise(SIGUSR1);
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    (void)raise(SIGUSR1);
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    em_loop_free(loop);
}

TEST(the_former_action_is_put_back_with_the_last_source)
{
    em_source *one, *two;

    begin();
    install(SIGUSR1, former);
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "x", &one));
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "y", &two));
    em_source_remove(one);
    ck_assert(handler_of(SIGUSR1) != former);
    em_source_remove(two);
    (void)raise(SIGUSR1);
    ck_assert_int_eq(formers, 1);
    install(SIGUSR1, SIG_IGN);
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "x", NULL));
    em_loop_free(loop);
    ck_assert(handler_of(SIGUSR1) == SIG_IGN);
}

TEST(an_action_that_somebody_installed_since_is_left_alone)
{
    em_source *source;

    begin();
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "x", &source));
    install(SIGUSR1, former);
    em_source_remove(source);
    (void)raise(SIGUSR1);
    ck_assert_int_eq(formers, 1);
    em_loop_free(loop);
}

TEST(the_sources_of_a_signal_on_all_loops_are_called_in_order)
{
    em_loop *other = NULL;

    begin();
    assert_ok(em_loop_new(NULL, &other));
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "a", NULL));
    assert_ok(em_loop_add_signal(other, SIGUSR1, note, "b", NULL));
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "c", NULL));
    assert_ok(em_loop_add_signal(loop, SIGUSR2, note_number, NULL, NULL));
    (void)raise(SIGUSR1);
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("a c");
    assert_error(1, em_loop_run(other, EM_RUN_NOWAIT));
    assert_marks("b");
    (void)raise(SIGUSR2);
    assert_error(1, em_loop_run(other, EM_RUN_NOWAIT));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("usr2");
    em_loop_free(other);
    em_loop_free(loop);
}

static void remove_other(em_source *source, int signo, void *data)
{
    em_source **other = data;

    (void)source, (void)signo;
    mark("remover");
    em_source_remove(*other);
    *other = NULL;
}

TEST(a_source_removed_after_its_signal_came_is_not_called)
{
    em_source *sources[2];

    begin();
    assert_ok(em_loop_add_signal(loop, SIGUSR1, remove_other, &sources[1],
                                 &sources[0]));
    assert_ok(em_loop_add_signal(loop, SIGUSR1, remove_other, &sources[0],
                                 &sources[1]));
    (void)raise(SIGUSR1);
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("remover");
    em_loop_free(loop);
}

static void *interrupt(void *data)
{
    ck_assert_int_eq(pthread_kill(*(pthread_t *)data, SIGUSR1), 0);
    return NULL;
}

TEST(a_signal_wakes_a_waiting_loop)
{
    pthread_t self = pthread_self();
    pthread_t thread;

    begin();
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "x", NULL));
    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt, &self), 0);
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    em_loop_free(loop);
}

static atomic_bool storming;

static void *storm(void *data)
{
    (void)data;
    while (storming)
        (void)raise(SIGUSR1);
    return NULL;
}

static void ignore(em_source *source, int signo, void *data)
{
    (void)source, (void)signo, (void)data;
}

TEST(sources_come_and_go_while_signals_arrive_on_other_threads)
{
    em_source *kept, *source;
    pthread_t threads[2];
    int i;

    begin();
    assert_ok(em_loop_add_signal(loop, SIGUSR1, ignore, NULL, &kept));
    storming = true;
    for (i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, storm, NULL), 0);
    for (i = 0; i < 300; i++) {
        assert_ok(em_loop_add_signal(loop, SIGUSR1, ignore, NULL, &source));
        assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
        em_source_remove(source);
    }
    storming = false;
    for (i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    em_loop_free(loop);
}

/* The child's loop did not get the signal, and its action is the former one. */
static void in_the_child(void)
{
    em_loop *mine = NULL;

    if (handler_of(SIGUSR1) != former)
        _exit(1);
    em_loop_free(loop);
    if (em_loop_new(NULL, &mine) < 0 ||
        em_loop_add_signal(mine, SIGUSR1, note, "child", NULL) < 0 ||
        em_loop_run(mine, EM_RUN_NOWAIT) != 1 || take_marks()[0])
        _exit(2);
    (void)raise(SIGUSR1);
    if (em_loop_run(mine, EM_RUN_ONCE) != 1 ||
        strcmp(take_marks(), "child") != 0)
        _exit(3);
    em_loop_free(mine);
    _exit(handler_of(SIGUSR1) == former ? 0 : 4);
}

TEST(a_signal_pending_before_a_fork_is_the_parents)
{
    int status;
    pid_t pid;

    begin();
    install(SIGUSR1, former);
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "x", NULL));
    (void)raise(SIGUSR1);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        in_the_child();
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    em_loop_free(loop);
}

static int report_mask(em_baton *baton, void *data)
{
    sigset_t *mask = data;

    (void)baton;
    return -pthread_sigmask(SIG_SETMASK, NULL, mask);
}

TEST(pool_threads_block_all_signals_and_the_caller_keeps_his_mask)
{
    sigset_t before, after, in_pool;
    em_source *source;
    int signo;

    begin();
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_ok(em_loop_add_signal(loop, SIGUSR1, ignore, NULL, &source));
    em_source_unref(source);
    assert_ok(em_baton_run(loop, report_mask, NULL, &in_pool));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (signo = 1; signo < SIGRTMIN; signo++) {
        ck_assert_int_eq(sigismember(&before, signo),
                         sigismember(&after, signo));
        if (signo != SIGKILL && signo != SIGSTOP && signo < 32)
            ck_assert_int_eq(sigismember(&in_pool, signo), 1);
    }
}

TEST(what_cannot_be_caught_is_refused_and_failures_leave_nothing)
{
    static const int signals[] = { -1,     0,      SIGKILL, SIGSTOP, SIGSEGV,
                                   SIGFPE, SIGILL, SIGBUS,  1000 };
    em_source *source = NULL;
    size_t i;

    begin();
    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        assert_error(-EINVAL,
                     em_loop_add_signal(loop, signals[i], note, "", &source));
    assert_error(-EINVAL, em_loop_add_signal(NULL, SIGUSR1, note, "", NULL));
    assert_error(-EINVAL, em_loop_add_signal(loop, SIGUSR1, NULL, "", NULL));
    fail_call("sigaction", 1, EINVAL);
    assert_error(-EINVAL, em_loop_add_signal(loop, SIGUSR1, note, "", &source));
    ck_assert(call_failed());
    fail_allocation(1);
    assert_error(-ENOMEM, em_loop_add_signal(loop, SIGUSR1, note, "", &source));
    ck_assert(allocation_failed());
    ck_assert_ptr_null(source);
    ck_assert(!em_loop_alive(loop));
    ck_assert(handler_of(SIGUSR1) == SIG_DFL);
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note, "", &source));
    assert_error(-EINVAL, em_source_notify(source));
    em_loop_free(loop);
}

SUITE("signal", a_signal_calls_its_source_on_the_loop,
      signals_before_the_call_merge_and_those_after_it_call_again,
      the_former_action_is_put_back_with_the_last_source,
      an_action_that_somebody_installed_since_is_left_alone,
      the_sources_of_a_signal_on_all_loops_are_called_in_order,
      a_source_removed_after_its_signal_came_is_not_called,
      a_signal_wakes_a_waiting_loop,
      sources_come_and_go_while_signals_arrive_on_other_threads,
      a_signal_pending_before_a_fork_is_the_parents,
      pool_threads_block_all_signals_and_the_caller_keeps_his_mask,
      what_cannot_be_caught_is_refused_and_failures_leave_nothing);
