/* SPDX-License-Identifier: MIT */
/* Loop: making, running, stopping and freeing it; being alive. */

#include <config.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"

static em_loop *new_loop(void)
{
    em_loop *loop = NULL;

    assert_ok(em_loop_new(NULL, &loop));
    return loop;
}

static void note_task(em_loop *loop, void *data)
{
    (void)loop;
    mark(data);
}

static void note_timer(em_source *source, void *data)
{
    (void)source;
    mark(data);
}

static void note_free(void *data)
{
    mark(data);
}

TEST(a_loop_with_nothing_on_it_returns_at_once)
{
    em_loop *loop = new_loop();

    ck_assert(!em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_error(0, em_loop_run(loop, EM_RUN_ONCE));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    em_loop_free(loop);
}

TEST(nonsense_is_refused)
{
    em_loop *loop = new_loop();
    em_loop_options options = { .size = 1 };

    assert_error(-EINVAL, em_loop_new(NULL, NULL));
    assert_error(-EINVAL, em_loop_new(&options, &loop));
    assert_error(-EINVAL, em_loop_run(NULL, EM_RUN_DEFAULT));
    assert_error(-EINVAL, em_loop_run(loop, (em_run_mode)3));
    assert_error(-EINVAL, em_loop_run(loop, (em_run_mode)-1));
    assert_error(-EINVAL, em_loop_fd(NULL));
    assert_error(-EINVAL, em_loop_post(NULL, note_task, NULL));
    assert_error(-EINVAL, em_loop_post(loop, NULL, NULL));
    assert_error(-EINVAL, em_loop_defer(NULL, note_task, NULL));
    assert_error(-EINVAL, em_loop_defer(loop, NULL, NULL));
    ck_assert(!em_loop_alive(NULL));
    ck_assert_uint_eq(em_loop_now(NULL), 0);
    ck_assert_ptr_null(em_source_loop(NULL));
    em_loop_ref(NULL);
    em_loop_unref(NULL);
    em_loop_stop(NULL);
    em_loop_free(NULL);
    em_source_remove(NULL);
    em_source_ref(NULL);
    em_source_unref(NULL);
    em_source_set_free(NULL, note_free);
    em_loop_free(loop);
}

TEST(options_past_what_the_library_knows_are_refused)
{
    em_loop *loop = NULL;
    struct {
        em_loop_options known;
        size_t unknown;
    } options = { .known = { .size = sizeof(options) }, .unknown = 1 };

    assert_error(-E2BIG, em_loop_new(&options.known, &loop));
    ck_assert_ptr_null(loop);
    options.unknown = 0;
    assert_ok(em_loop_new(&options.known, &loop));
    em_loop_free(loop);
}

TEST(every_failure_while_making_a_loop_leaves_nothing_behind)
{
    static const char *const epoll_calls[] = { "epoll_create1", "eventfd",
                                               "epoll_ctl", NULL };
    static const char *const poll_calls[] = { "pipe2", NULL };
    const char *const *call = on_epoll() ? epoll_calls : poll_calls;
    em_loop *loop = NULL;
    unsigned long nth;
    int r;

    for (; *call; call++) {
        fail_call(*call, 1, EMFILE);
        assert_error(-EMFILE, em_loop_new(NULL, &loop));
        ck_assert(call_failed());
    }
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_loop_new(NULL, &loop);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert_ptr_null(loop);
    }
    assert_ok(r);
    em_loop_free(loop);
}

TEST(the_default_loop_is_made_once_and_again_after_it_was_freed)
{
    em_loop *loop = em_loop_default();

    ck_assert_ptr_nonnull(loop);
    ck_assert_ptr_eq(em_loop_default(), loop);
    em_loop_free(loop);
    loop = em_loop_default();
    ck_assert_ptr_nonnull(loop);
    em_loop_free(loop);
    fail_allocation(1);
    ck_assert_ptr_null(em_loop_default());
    ck_assert(allocation_failed());
}

TEST(a_reference_keeps_the_loop_alive_and_never_falls_below_none)
{
    em_loop *loop = new_loop();

    em_loop_unref(loop);
    em_loop_ref(loop);
    ck_assert(em_loop_alive(loop));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    em_loop_unref(loop);
    ck_assert(!em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
}

static void stop(em_loop *loop, void *data)
{
    mark(data);
    em_loop_stop(loop);
}

TEST(stop_ends_the_run_after_the_callback_under_way)
{
    em_loop *loop = new_loop();

    assert_ok(em_loop_post(loop, stop, "stop"));
    assert_ok(em_loop_post(loop, note_task, "later"));
    assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("stop");
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("later");
    em_loop_free(loop);
}

TEST(stop_before_a_run_ends_that_run_at_once)
{
    em_loop *loop = new_loop();

    assert_ok(em_loop_post(loop, note_task, "post"));
    em_loop_stop(loop);
    assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_stop(loop);
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("");
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("post");
    em_loop_free(loop);
}

static void run_inside(em_loop *loop, void *data)
{
    (void)data;
    assert_error(-EBUSY, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_error(-EBUSY, em_loop_run(loop, EM_RUN_NOWAIT));
    mark("refused");
}

TEST(a_run_inside_a_run_is_refused)
{
    em_loop *loop = new_loop();

    assert_ok(em_loop_post(loop, run_inside, NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("refused");
    em_loop_free(loop);
}

TEST(once_ends_with_the_turn_that_called_something)
{
    em_loop *loop = new_loop();

    assert_ok(em_loop_add_timer(loop, 400, 0, note_timer, "second", NULL));
    assert_ok(em_loop_add_timer(loop, 2, 0, note_timer, "first", NULL));
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("first");
    assert_error(0, em_loop_run(loop, EM_RUN_ONCE));
    assert_marks("second");
    em_loop_free(loop);
}

TEST(nowait_takes_one_turn_even_if_only_unreferenced_things_are_due)
{
    em_loop *loop = new_loop();
    em_source *timer;

    assert_ok(em_loop_add_timer(loop, 0, 0, note_timer, "timer", &timer));
    em_source_unref(timer);
    ck_assert(!em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("");
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("timer");
    em_loop_free(loop);
}

TEST(a_failing_poller_ends_the_run_and_an_interrupted_one_does_not)
{
    em_loop *loop = new_loop();

    assert_ok(em_loop_add_timer(loop, 1, 0, note_timer, "timer", NULL));
    fail_call(on_epoll() ? "epoll_wait" : "poll", 1, EBADF);
    assert_error(-EBADF, em_loop_run(loop, EM_RUN_DEFAULT));
    fail_call(on_epoll() ? "epoll_wait" : "poll", 1, EINTR);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert(call_failed());
    assert_marks("timer");
    em_loop_free(loop);
}

TEST(a_loop_freed_with_everything_on_it_delivers_posts_and_frees_all)
{
    em_loop *loop = new_loop();
    em_source *timer;

    assert_ok(em_loop_add_timer(loop, 1000, 0, note_timer, "never", &timer));
    em_source_set_free(timer, note_free);
    assert_ok(em_loop_add_timer(loop, 0, 10, note_timer, "never", NULL));
    assert_ok(em_loop_post(loop, note_task, "one"));
    assert_ok(em_loop_post(loop, note_task, "two"));
    assert_ok(em_loop_defer(loop, note_task, "defer"));
    em_loop_ref(loop);
    em_loop_free(loop);
    assert_marks("defer one two never");
}

static void refused_by_a_closing_loop(em_loop *loop, void *data)
{
    em_source *source = NULL;

    assert_error(-ESHUTDOWN, em_loop_post(loop, note_task, "post"));
    assert_error(-ESHUTDOWN, em_loop_defer(loop, note_task, "defer"));
    assert_error(-ESHUTDOWN,
                 em_loop_add_timer(loop, 0, 0, note_timer, NULL, &source));
    assert_error(-ESHUTDOWN, em_loop_fd(loop));
    assert_error(-EBUSY, em_loop_run(loop, EM_RUN_NOWAIT));
    em_loop_free(loop);
    mark(data);
}

TEST(a_loop_that_is_being_freed_takes_nothing_new)
{
    em_loop *loop = new_loop();

    assert_ok(em_loop_post(loop, refused_by_a_closing_loop, "refused"));
    em_loop_free(loop);
    assert_marks("refused");
}

static void free_loop(em_loop *loop, void *data)
{
    mark(data);
    em_loop_free(loop);
    em_loop_free(loop);
    assert_error(-ESHUTDOWN, em_loop_post(loop, note_task, "never"));
    assert_error(-ESHUTDOWN, em_loop_defer(loop, note_task, "never"));
    mark("freed");
}

TEST(a_loop_freed_inside_a_callback_ends_its_run_and_then_goes)
{
    em_loop *loop = new_loop();

    assert_ok(em_loop_post(loop, free_loop, "free"));
    assert_ok(em_loop_post(loop, note_task, "remaining"));
    assert_ok(em_loop_add_timer(loop, 1000, 0, note_timer, "never", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("free freed remaining");
}

static void free_in_timer(em_source *source, void *data)
{
    (void)data;
    em_loop_free(em_source_loop(source));
}

TEST(a_loop_freed_on_its_last_callback_goes_cleanly)
{
    em_loop *loop = new_loop();
    em_source *timer;

    assert_ok(em_loop_add_timer(loop, 0, 0, free_in_timer, "data", &timer));
    em_source_set_free(timer, note_free);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("data");
}

static void *run_loop(void *data)
{
    assert_error(0, em_loop_run(data, EM_RUN_DEFAULT));
    return NULL;
}

TEST(a_poller_is_chosen_by_option_and_the_environment)
{
    static const em_poller other[] = { EM_POLLER_POLL, EM_POLLER_EPOLL };
    em_loop *loop = NULL;

    assert_error(-EINVAL,
                 em_loop_new(EM_OPTIONS(em_loop_options, .poller = 3), &loop));
    (void)em_loop_new(EM_OPTIONS(em_loop_options, .poller = other[!on_epoll()]),
                      &loop);
    if (loop)
        ck_assert(on_epoll() ? em_loop_fd(loop) == -ENOTSUP
                             : em_loop_fd(loop) >= 0);
    em_loop_free(loop);
    loop = new_loop();
    ck_assert(on_epoll() ? em_loop_fd(loop) >= 0
                         : em_loop_fd(loop) == -ENOTSUP);
    em_loop_free(loop);
    ck_assert_int_eq(setenv("EMITTER_POLLER", "sundial", 1), 0);
    loop = new_loop();
    em_loop_free(loop);
}

TEST(another_thread_may_run_the_loop)
{
    em_loop *loop = new_loop();
    pthread_t thread;

    assert_ok(em_loop_add_timer(loop, 1, 0, note_timer, "timer", NULL));
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    assert_marks("timer");
    em_loop_free(loop);
}

static void in_the_child(em_loop *loop, em_source *timer)
{
    em_loop *mine = NULL;

    if (em_loop_run(loop, EM_RUN_NOWAIT) != -ECHILD ||
        em_loop_post(loop, note_task, "child") != -ECHILD ||
        em_loop_defer(loop, note_task, "child") != -ECHILD ||
        em_loop_fd(loop) != -ECHILD || em_loop_alive(loop) ||
        em_source_set_timer(timer, 0, 0) != -ECHILD ||
        em_loop_add_timer(loop, 0, 0, note_timer, NULL, NULL) != -ECHILD)
        _exit(1);
    em_source_remove(timer);
    em_loop_stop(loop);
    em_loop_free(loop);
    if (em_loop_new(NULL, &mine) < 0 ||
        em_loop_post(mine, note_task, "child") < 0 ||
        em_loop_run(mine, EM_RUN_DEFAULT) != 0)
        _exit(2);
    em_loop_free(mine);
    _exit(em_loop_default() && !em_loop_alive(em_loop_default()) ? 0 : 3);
}

TEST(a_forked_child_is_refused_and_can_make_its_own)
{
    em_loop *loop = em_loop_default();
    em_source *timer;
    int status;
    pid_t pid;

    assert_ok(
        em_loop_add_timer(loop, UINT64_MAX, 0, note_timer, "timer", &timer));
    em_source_set_free(timer, note_free);
    assert_ok(em_loop_post(loop, note_task, "post"));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        in_the_child(loop, timer);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("post");
    em_loop_free(loop);
    assert_marks("timer");
}

static void fork_here(em_loop *loop, void *data)
{
    pid_t *pid = data;

    (void)loop;
    *pid = fork();
    ck_assert_int_ge(*pid, 0);
}

TEST(a_child_forked_in_a_callback_finds_its_run_over)
{
    em_loop *loop = new_loop();
    int status, r;
    pid_t pid;

    assert_ok(em_loop_post(loop, fork_here, &pid));
    assert_ok(em_loop_post(loop, note_task, "post"));
    assert_ok(em_loop_defer(loop, note_task, "defer"));
    r = em_loop_run(loop, EM_RUN_DEFAULT);
    if (pid == 0) {
        em_loop_free(loop);
        _exit(r == -ECHILD && !take_marks()[0] ? 0 : 1);
    }
    assert_error(0, r);
    assert_marks("post defer");
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    em_loop_free(loop);
}

static void renew_default(em_loop *loop, void *data)
{
    em_loop *fresh;

    (void)data;
    em_loop_free(loop);
    fresh = em_loop_default();
    ck_assert_ptr_ne(fresh, loop);
    assert_ok(em_loop_post(fresh, note_task, "fresh"));
}

TEST(a_default_loop_freed_in_a_callback_is_not_given_again)
{
    assert_ok(em_loop_post(em_loop_default(), renew_default, NULL));
    assert_error(0, em_loop_run(em_loop_default(), EM_RUN_DEFAULT));
    assert_error(0, em_loop_run(em_loop_default(), EM_RUN_DEFAULT));
    assert_marks("fresh");
    em_loop_free(em_loop_default());
}

SUITE("loop", a_loop_with_nothing_on_it_returns_at_once, nonsense_is_refused,
      options_past_what_the_library_knows_are_refused,
      every_failure_while_making_a_loop_leaves_nothing_behind,
      the_default_loop_is_made_once_and_again_after_it_was_freed,
      a_reference_keeps_the_loop_alive_and_never_falls_below_none,
      stop_ends_the_run_after_the_callback_under_way,
      stop_before_a_run_ends_that_run_at_once, a_run_inside_a_run_is_refused,
      once_ends_with_the_turn_that_called_something,
      nowait_takes_one_turn_even_if_only_unreferenced_things_are_due,
      a_failing_poller_ends_the_run_and_an_interrupted_one_does_not,
      a_loop_freed_with_everything_on_it_delivers_posts_and_frees_all,
      a_loop_that_is_being_freed_takes_nothing_new,
      a_loop_freed_inside_a_callback_ends_its_run_and_then_goes,
      a_loop_freed_on_its_last_callback_goes_cleanly,
      a_poller_is_chosen_by_option_and_the_environment,
      another_thread_may_run_the_loop,
      a_forked_child_is_refused_and_can_make_its_own,
      a_child_forked_in_a_callback_finds_its_run_over,
      a_default_loop_freed_in_a_callback_is_not_given_again);
