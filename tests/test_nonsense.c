/* SPDX-License-Identifier: MIT */
/* Nonsense: every public function takes NULL, and answers as it promises. */

#include <config.h>

#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter.h>
#include <emitter/args.h>
#include <emitter/typed.h>

#include "testing.h"

static void listener(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    mark(data);
}

static int see(em_emitter *e, const em_listener_info *info, void *data)
{
    (void)e, (void)info, (void)data;
    return 0;
}

static void nothing(void *data)
{
    (void)data;
}

TEST(an_emitter_that_is_none_is_refused_by_every_verb)
{
    ck_assert(!em_emit(NULL, "a", NULL));
    ck_assert(!em_emit_error(NULL, 1, "x"));
    assert_error(-EINVAL, em_on(NULL, "a", listener, NULL));
    assert_error(-EINVAL, em_once(NULL, "a", listener, NULL));
    assert_error(-EINVAL, em_prepend(NULL, "a", listener, NULL));
    assert_error(-EINVAL, em_prepend_once(NULL, "a", listener, NULL));
    assert_error(-EINVAL, em_listen(NULL, "a", NULL, NULL));
    assert_error(-EINVAL, em_off(NULL, "a", listener, NULL));
    assert_error(-EINVAL, em_off_all(NULL, "a"));
    assert_error(-EINVAL, em_off_data(NULL, NULL));
    assert_error(-EINVAL, em_post(NULL, "a", NULL, NULL));
    assert_error(-EINVAL, em_forward(NULL, "a", NULL));
    assert_error(-EINVAL, em_unforward(NULL, "a", NULL));
    assert_error(-EINVAL, em_event_names(NULL, see, NULL));
    assert_error(-EINVAL, em_each_listener(NULL, "a", see, NULL));
    assert_error(-EINVAL, em_emitter_new(NULL, NULL));
    assert_error(-EINVAL, em_emitter_set_flags(NULL, 0));
    assert_error(-EINVAL, em_emitter_set_name(NULL, "x"));
    ck_assert_uint_eq(em_listener_count(NULL, "a"), 0);
    ck_assert_ptr_null(em_event(NULL));
    ck_assert_ptr_null(em_emitter_loop(NULL));
    ck_assert_ptr_null(em_ref(NULL));
    em_unref(NULL);
    em_listener_remove(NULL);
    em_emitter_init(NULL, NULL, NULL);
    em_set_max_listeners(NULL, 3);
    (void)em_max_listeners(NULL);
}

TEST(names_and_functions_that_are_none_are_refused_too)
{
    em_emitter *e;

    assert_ok(em_emitter_new(NULL, &e));
    ck_assert(!em_emit(e, NULL, NULL));
    assert_ok(em_on(e, "a", listener, "a"));
    ck_assert(!em_emit(e, NULL, NULL));
    assert_ok(em_on(e, "b", listener, "b"));
    ck_assert(!em_emit(e, NULL, NULL));
    assert_ok(em_on(e, EM_ANY, listener, "any"));
    ck_assert(!em_emit(e, NULL, NULL));
    ck_assert(!em_emit_error(e, 1, NULL));
    assert_error(-EINVAL, em_on(e, NULL, listener, NULL));
    assert_error(-EINVAL, em_on(e, "a", NULL, NULL));
    assert_error(-EINVAL, em_off(e, NULL, listener, NULL));
    assert_error(-EINVAL, em_event_names(e, NULL, NULL));
    assert_error(-EINVAL, em_each_listener(e, "a", NULL, NULL));
    assert_error(-EINVAL, em_each_listener(e, NULL, see, NULL));
    assert_error(-EINVAL, em_forward(e, "a", NULL));
    assert_error(-EINVAL, em_forward(e, NULL, e));
    ck_assert_uint_eq(em_listener_count(e, NULL), 0);
    assert_error(-EINVAL, em_typed_on(NULL, "a", listener, NULL, NULL, false));
    assert_error(-EINVAL, em_typed_on(e, NULL, listener, NULL, NULL, false));
    assert_error(-EINVAL, em_typed_on(e, "a", NULL, NULL, NULL, false));
    assert_error(-EINVAL, em_typed_on(e, "a", listener, NULL, NULL, false));
    assert_error(-EINVAL, em_typed_off(NULL, "a", NULL, NULL));
    assert_error(-EINVAL, em_typed_off(e, NULL, NULL, NULL));
    assert_error(-EINVAL, em_typed_off(e, "a", NULL, NULL));
    em_unref(e);
    assert_marks("");
}

TEST(names_and_arguments_that_are_none_are_refused)
{
    const em_args huge = { SIZE_MAX / 4, (const em_arg[]){ { 0 } } };
    em_args *copy;

    ck_assert_ptr_null(em_intern(NULL));
    ck_assert_ptr_null(em_symbol_description(NULL));
    em_name_unref(NULL);
    em_args_free(NULL);
    assert_error(-EINVAL, em_args_copy(NULL, &copy));
    assert_error(-EINVAL, em_args_copy(EM_ARGS(em_null()), NULL));
    assert_error(-ENOMEM, em_args_copy(&huge, &copy));
    assert_error(-EINVAL, em_set_allocator(NULL, NULL, NULL));
}

TEST(a_loop_that_is_none_is_refused_by_every_verb)
{
    em_source *source;

    em_loop_free(NULL);
    em_loop_stop(NULL);
    em_loop_ref(NULL);
    em_loop_unref(NULL);
    em_detach(NULL);
    ck_assert(!em_loop_alive(NULL));
    ck_assert(!em_loop_is_attached(NULL));
    ck_assert_uint_eq(em_loop_now(NULL), 0);
    assert_error(-EINVAL, em_loop_new(NULL, NULL));
    assert_error(-EINVAL, em_loop_run(NULL, EM_RUN_DEFAULT));
    assert_error(-EINVAL, em_loop_fd(NULL));
    assert_error(-EINVAL, em_loop_turn(NULL));
    assert_error(-EINVAL, em_loop_post(NULL, NULL, NULL));
    assert_error(-EINVAL, em_loop_defer(NULL, NULL, NULL));
    assert_error(-EINVAL, em_loop_metrics(NULL, NULL));
    assert_error(-EINVAL, em_loop_add_fd(NULL, 0, 1, NULL, NULL, &source));
    assert_error(-EINVAL, em_loop_add_timer(NULL, 0, 0, NULL, NULL, &source));
    assert_error(-EINVAL, em_loop_add_signal(NULL, 1, NULL, NULL, &source));
    assert_error(-EINVAL, em_loop_add_child(NULL, 1, NULL, NULL, &source));
    assert_error(-EINVAL, em_loop_add_notify(NULL, NULL, NULL, &source));
    assert_error(-EINVAL, em_loop_set_alive_hook(NULL, NULL, NULL));
    assert_error(-EINVAL, em_loop_attach(NULL, NULL, NULL));
    em_source_remove(NULL);
    em_source_ref(NULL);
    em_source_unref(NULL);
    em_source_set_free(NULL, nothing);
    ck_assert_ptr_null(em_source_loop(NULL));
    assert_error(-EINVAL, em_source_notify(NULL));
    assert_error(-EINVAL, em_source_set_events(NULL, 1));
    assert_error(-EINVAL, em_source_set_timer(NULL, 1, 1));
}

TEST(a_loop_refuses_functions_that_are_none)
{
    em_source *timer;
    em_loop *loop;

    assert_ok(em_loop_new(NULL, &loop));
    assert_error(-EINVAL, em_loop_post(loop, NULL, NULL));
    assert_error(-EINVAL, em_loop_defer(loop, NULL, NULL));
    assert_error(-EINVAL, em_loop_metrics(loop, NULL));
    assert_error(-EINVAL, em_loop_add_fd(loop, 0, 1, NULL, NULL, NULL));
    assert_error(-EINVAL, em_loop_add_timer(loop, 0, 0, NULL, NULL, NULL));
    assert_error(-EINVAL, em_loop_add_signal(loop, 1, NULL, NULL, NULL));
    assert_error(-EINVAL, em_loop_add_child(loop, 1, NULL, NULL, NULL));
    assert_error(-EINVAL, em_loop_add_notify(loop, NULL, NULL, NULL));
    assert_error(-EINVAL, em_loop_attach(loop, NULL, NULL));
    assert_error(-EINVAL, em_loop_run(loop, (em_run_mode)77));
    assert_ok(em_loop_add_timer(loop, UINT64_MAX, 0,
                                (em_timer_fn *)(void (*)(void))nothing, NULL,
                                &timer));
    assert_error(-EINVAL, em_source_notify(timer));
    assert_error(-EINVAL, em_source_set_events(timer, EM_READABLE));
    em_source_set_free(timer, NULL);
    em_source_remove(timer);
    em_loop_free(loop);
}

TEST(a_baton_a_pool_and_a_group_that_are_none_are_refused)
{
    em_pool_counts counts = { .size = sizeof(counts) };
    em_group *group;
    em_loop *loop;

    assert_ok(em_loop_new(NULL, &loop));
    ck_assert(!em_baton_cancelled(NULL));
    ck_assert_ptr_null(em_baton_ref(NULL));
    ck_assert_ptr_null(em_baton_loop(NULL));
    em_baton_unref(NULL);
    em_pool_free(NULL);
    assert_error(-EINVAL, em_baton_run(NULL, NULL, NULL, NULL));
    assert_error(-EINVAL, em_baton_run(loop, NULL, NULL, NULL));
    assert_error(-EINVAL, em_baton_start(loop, NULL, NULL));
    assert_error(-EINVAL, em_baton_cancel(NULL));
    assert_error(-EINVAL, em_baton_wait(NULL, 0));
    assert_error(-EINVAL, em_baton_progress(NULL, NULL, NULL));
    assert_error(-EINVAL, em_pool_new(NULL, NULL));
    assert_error(-EINVAL, em_pool_resize(NULL, 1, 1));
    assert_error(-EINVAL, em_pool_stats(NULL, &counts));
    assert_error(-EINVAL, em_pool_shutdown(NULL, 0));
    assert_error(-EINVAL, em_group_new(NULL, NULL, &group));
    assert_error(-EINVAL, em_group_new(loop, NULL, NULL));
    assert_error(-EINVAL, em_group_add(NULL, NULL));
    assert_error(-EINVAL, em_group_close(NULL));
    assert_error(-EINVAL, em_group_cancel(NULL));
    em_loop_free(loop);
}

/* --- a child with the parent's signal source --- */

static void signalled(em_source *source, int signo, void *data)
{
    (void)source, (void)signo, (void)data;
}

static int action_in_child(em_loop *loop)
{
    struct sigaction now;

    if (sigaction(SIGUSR1, NULL, &now) < 0 || now.sa_handler != SIG_IGN)
        return 1;
    em_loop_free(loop);
    return sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_IGN ? 0
                                                                            : 2;
}

TEST(a_forked_child_has_the_action_from_before_a_signal_source)
{
    em_source *source;
    em_loop *loop;
    int status;
    pid_t pid;

    ck_assert(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_loop_add_signal(loop, SIGUSR1, signalled, NULL, &source));
    pid = fork();
    if (pid == 0)
        _exit(action_in_child(loop));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    em_loop_free(loop);
    (void)signal(SIGUSR1, SIG_DFL);
}

SUITE("nonsense", an_emitter_that_is_none_is_refused_by_every_verb,
      names_and_functions_that_are_none_are_refused_too,
      names_and_arguments_that_are_none_are_refused,
      a_loop_that_is_none_is_refused_by_every_verb,
      a_loop_refuses_functions_that_are_none,
      a_baton_a_pool_and_a_group_that_are_none_are_refused,
      a_forked_child_has_the_action_from_before_a_signal_source);
