/* SPDX-License-Identifier: MIT */
/* Notify sources: wake-ups that merge. */

#include <config.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"

static em_loop *loop;

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
}

static void note(em_source *source, void *data)
{
    ck_assert_ptr_eq(em_source_loop(source), loop);
    mark(data);
}

static void note_free(void *data)
{
    mark("free");
    mark(data);
}

TEST(notifications_before_the_callback_merge_into_one_call)
{
    em_source *source;

    begin();
    assert_ok(em_loop_add_notify(loop, note, "x", &source));
    assert_error(0, em_source_notify(source));
    assert_error(0, em_source_notify(source));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("");
    assert_error(0, em_source_notify(source));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    em_loop_free(loop);
}

TEST(sources_are_called_in_the_order_they_were_notified)
{
    em_source *sources[3];

    begin();
    assert_ok(em_loop_add_notify(loop, note, "a", &sources[0]));
    assert_ok(em_loop_add_notify(loop, note, "b", &sources[1]));
    assert_ok(em_loop_add_notify(loop, note, "c", &sources[2]));
    assert_ok(em_source_notify(sources[1]));
    assert_ok(em_source_notify(sources[0]));
    assert_ok(em_source_notify(sources[2]));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("b a c");
    em_loop_free(loop);
}

static void notify_again(em_source *source, void *data)
{
    mark(data);
    assert_ok(em_source_notify(source));
}

TEST(one_notified_in_its_own_callback_is_called_again_in_the_next_turn)
{
    em_source *source;

    begin();
    assert_ok(em_loop_add_notify(loop, notify_again, "x", &source));
    assert_ok(em_source_notify(source));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    em_loop_free(loop);
}

TEST(a_notify_source_keeps_the_loop_alive_unless_unreferenced)
{
    em_source *source;

    begin();
    assert_ok(em_loop_add_notify(loop, note, "x", &source));
    ck_assert(em_loop_alive(loop));
    em_source_unref(source);
    ck_assert(!em_loop_alive(loop));
    em_source_ref(source);
    em_source_remove(source);
    ck_assert(!em_loop_alive(loop));
    em_loop_free(loop);
}

static void remove_both(em_source *source, void *data)
{
    em_source **sources = data;

    ck_assert_ptr_eq(source, sources[0]);
    mark("first");
    em_source_remove(sources[0]);
    em_source_remove(sources[1]);
}

TEST(a_source_removed_while_notified_is_not_called)
{
    em_source *sources[3];

    begin();
    assert_ok(em_loop_add_notify(loop, remove_both, sources, &sources[0]));
    assert_ok(em_loop_add_notify(loop, note, "second", &sources[1]));
    assert_ok(em_loop_add_notify(loop, note, "third", &sources[2]));
    em_source_set_free(sources[1], note_free);
    assert_ok(em_source_notify(sources[0]));
    assert_ok(em_source_notify(sources[1]));
    assert_ok(em_source_notify(sources[2]));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("first free second third");
    assert_ok(em_source_notify(sources[2]));
    em_source_remove(sources[2]);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
}

static void stop(em_source *source, void *data)
{
    mark(data);
    em_loop_stop(em_source_loop(source));
}

TEST(what_a_stop_left_pending_is_called_in_the_next_run)
{
    em_source *sources[2];

    begin();
    assert_ok(em_loop_add_notify(loop, stop, "a", &sources[0]));
    assert_ok(em_loop_add_notify(loop, stop, "b", &sources[1]));
    assert_ok(em_source_notify(sources[0]));
    assert_ok(em_source_notify(sources[1]));
    assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("a");
    assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("b");
    em_loop_free(loop);
}

static void *notify_many(void *data)
{
    int i;

    for (i = 0; i < 1000; i++)
        assert_ok(em_source_notify(data));
    return NULL;
}

static void count(em_source *source, void *data)
{
    (void)source;
    ++*(int *)data;
}

TEST(many_threads_may_notify_and_the_last_one_is_never_lost)
{
    pthread_t threads[4];
    em_source *source;
    int calls = 0;
    int i, before;

    begin();
    assert_ok(em_loop_add_notify(loop, count, &calls, &source));
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, notify_many, source),
                         0);
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    for (i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    before = calls;
    ck_assert_int_ge(calls, 1);
    ck_assert_int_le(calls, 4000);
    assert_ok(em_source_notify(source));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    ck_assert_int_eq(calls, before + 1);
    em_loop_free(loop);
}

static void end(em_source *source, void *data)
{
    mark(data);
    em_loop_free(em_source_loop(source));
}

static void *notify_once(void *data)
{
    assert_ok(em_source_notify(data));
    return NULL;
}

TEST(a_loop_freed_by_the_call_it_was_woken_for_waits_for_the_notifier)
{
    em_source *source;
    pthread_t thread;

    begin();
    assert_ok(em_loop_add_notify(loop, end, "x", &source));
    ck_assert_int_eq(pthread_create(&thread, NULL, notify_once, source), 0);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    assert_marks("x");
}

static em_source *raised;

static void in_handler(int signo)
{
    (void)signo;
    (void)em_source_notify(raised);
}

TEST(an_interrupted_wake_up_is_made_again)
{
    struct pollfd wait = { .fd = -1, .events = POLLIN };
    em_source *source;

    begin();
    assert_ok(em_loop_add_notify(loop, note, "x", &source));
    if (on_epoll()) /* where a host's sleep shows it, too */
        wait.fd = em_loop_fd(loop);
    fail_call("write", 1, EINTR);
    assert_ok(em_source_notify(source));
    ck_assert(call_failed());
    ck_assert_int_eq(poll(&wait, 1, 0), on_epoll());
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    em_loop_free(loop);
}

TEST(a_signal_handler_may_notify)
{
    struct sigaction mine = { .sa_handler = in_handler };

    begin();
    assert_ok(em_loop_add_notify(loop, note, "x", &raised));
    ck_assert_int_eq(sigaction(SIGUSR1, &mine, NULL), 0);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    em_loop_free(loop);
}

TEST(a_forked_child_cannot_notify_its_parent)
{
    em_source *source;
    int status;
    pid_t pid;

    begin();
    assert_ok(em_loop_add_notify(loop, note, "x", &source));
    assert_ok(em_source_notify(source));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        status = em_source_notify(source) == -ECHILD ? 0 : 1;
        em_loop_free(loop);
        _exit(status);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("x");
    em_loop_free(loop);
}

TEST(nonsense_is_refused_and_no_memory_changes_nothing)
{
    em_source *source = NULL;
    em_source *timer;

    begin();
    assert_error(-EINVAL, em_loop_add_notify(NULL, note, NULL, &source));
    assert_error(-EINVAL, em_loop_add_notify(loop, NULL, NULL, &source));
    assert_error(-EINVAL, em_loop_add_notify(loop, note, NULL, NULL));
    assert_error(-EINVAL, em_source_notify(NULL));
    fail_allocation(1);
    assert_error(-ENOMEM, em_loop_add_notify(loop, note, NULL, &source));
    ck_assert(allocation_failed());
    ck_assert_ptr_null(source);
    ck_assert(!em_loop_alive(loop));
    assert_ok(em_loop_add_timer(loop, 0, 0, note, NULL, &timer));
    assert_error(-EINVAL, em_source_notify(timer));
    assert_ok(em_loop_add_notify(loop, note, NULL, &source));
    assert_error(-EINVAL, em_source_set_timer(source, 0, 0));
    assert_error(-EINVAL, em_source_set_events(source, EM_READABLE));
    em_loop_free(loop);
}

SUITE("notify", notifications_before_the_callback_merge_into_one_call,
      sources_are_called_in_the_order_they_were_notified,
      one_notified_in_its_own_callback_is_called_again_in_the_next_turn,
      a_notify_source_keeps_the_loop_alive_unless_unreferenced,
      a_source_removed_while_notified_is_not_called,
      what_a_stop_left_pending_is_called_in_the_next_run,
      many_threads_may_notify_and_the_last_one_is_never_lost,
      a_loop_freed_by_the_call_it_was_woken_for_waits_for_the_notifier,
      an_interrupted_wake_up_is_made_again, a_signal_handler_may_notify,
      a_forked_child_cannot_notify_its_parent,
      nonsense_is_refused_and_no_memory_changes_nothing);
