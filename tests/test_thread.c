/* SPDX-License-Identifier: MIT */
/* Tests of the check that a debug build makes for calls from wrong threads. */

#include <config.h>

#include <pthread.h>
#include <string.h>

#include <emitter.h>

#include "testing.h"

static em_loop *loop;
static em_emitter emitter;

static void ignore(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg, (void)data;
}

static void set_up(void)
{
    assert_ok(em_loop_new(NULL, &loop));
    em_emitter_init(&emitter, loop, NULL);
    assert_ok(em_on(&emitter, "data", ignore, NULL));
}

static void tear_down(void)
{
    em_unref(&emitter);
    em_loop_free(loop);
}

static void elsewhere(void *(*fn)(void *))
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, fn, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

#ifdef EM_DEBUG

static void *emit_there(void *data)
{
    (void)data;
    (void)pthread_setname_np(pthread_self(), "stranger");
    (void)em_emit(&emitter, "data", NULL);
    return NULL;
}

static void emit_from_a_stranger(void)
{
    (void)pthread_setname_np(pthread_self(), "owner");
    set_up();
    elsewhere(emit_there);
}

static void *off_there(void *data)
{
    (void)data;
    (void)em_off(&emitter, "data", ignore, NULL);
    return NULL;
}

static void remove_from_a_stranger(void)
{
    set_up();
    elsewhere(off_there);
}

TEST(a_call_from_a_stranger_ends_the_program_with_both_names)
{
    ck_assert_str_eq(stderr_of_abort(emit_from_a_stranger),
                     "emitter: em_emit called by thread 'stranger' on an "
                     "emitter of thread 'owner'\n");
    ck_assert_ptr_nonnull(
        strstr(stderr_of_abort(remove_from_a_stranger), "em_off"));
}

#else

TEST(a_call_from_a_stranger_ends_the_program_with_both_names)
{
    /* Only --enable-debug builds look. */
}

#endif

static void *use_there(void *data)
{
    (void)data;
    em_unref(em_ref(&emitter));
    ck_assert_ptr_eq(em_emitter_loop(&emitter), loop);
    assert_ok(em_post(&emitter, "data", NULL, NULL));
    return NULL;
}

TEST(calls_that_any_thread_may_make_are_not_held_against_it)
{
    set_up();
    elsewhere(use_there);
    assert_ok(em_loop_run(loop, EM_RUN_DEFAULT));
    tear_down();
}

static void *run_there(void *data)
{
    (void)data;
    assert_ok(em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert(em_emit(&emitter, "data", NULL));
    return NULL;
}

TEST(who_runs_the_loop_owns_its_emitters)
{
    set_up();
    elsewhere(run_there);
    assert_ok(em_loop_run(loop, EM_RUN_DEFAULT));
    tear_down();
}

static void *use_without_loop(void *data)
{
    (void)data;
    ck_assert(em_emit(&emitter, "data", NULL));
    assert_ok(em_off(&emitter, "data", ignore, NULL));
    em_unref(&emitter);
    return NULL;
}

TEST(an_emitter_whose_loop_is_gone_may_move_to_another_thread)
{
    set_up();
    em_loop_free(loop);
    elsewhere(use_without_loop);
}

SUITE("thread", a_call_from_a_stranger_ends_the_program_with_both_names,
      calls_that_any_thread_may_make_are_not_held_against_it,
      who_runs_the_loop_owns_its_emitters,
      an_emitter_whose_loop_is_gone_may_move_to_another_thread);
