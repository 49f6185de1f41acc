/* SPDX-License-Identifier: MIT */
/* Tests of posts and of listeners that have a loop of their own. */

#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter.h>

#include "testing.h"

static em_loop *loop, *home;

static void set_up(void)
{
    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_loop_new(NULL, &home));
}

static void tear_down(void)
{
    em_loop_free(loop);
    em_loop_free(home);
}

static void note(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)data;
    mark(arg);
}

static void drop(void *arg)
{
    mark("drop");
    mark(arg);
}

static void freed(em_emitter *e)
{
    (void)e;
    mark("freed");
}

static void run(em_loop *which)
{
    ck_assert_int_eq(em_loop_run(which, EM_RUN_DEFAULT), 0);
}

TEST(posts_are_emitted_in_order_on_the_loop)
{
    char name[] = "data";
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, freed);
    assert_ok(em_on(&e, "data", note, NULL));
    assert_ok(em_post(&e, name, "a", drop));
    name[0] = 'x';
    assert_ok(em_post(&e, "data", "b", NULL));
    assert_ok(em_post(&e, "nobody", "c", drop));
    assert_marks("");
    em_unref(&e);
    run(loop);
    assert_marks("a drop a b drop c freed");
    tear_down();
}

static void end_emitter(em_emitter *e, void *arg, void *data)
{
    (void)data;
    mark(arg);
    em_unref(e);
}

TEST(a_post_holds_the_emitter)
{
    em_emitter *e;

    set_up();
    assert_ok(em_emitter_new(loop, &e));
    assert_ok(em_once(e, "data", end_emitter, NULL));
    assert_ok(em_on(e, "data", note, NULL));
    assert_ok(em_post(e, "data", "1", drop));
    assert_ok(em_post(e, "data", "2", drop));
    run(loop);
    assert_marks("1 1 drop 1 2 drop 2");
    tear_down();
}

TEST(posts_of_a_freed_loop_are_not_emitted_but_freed)
{
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, freed);
    assert_ok(em_on(&e, "data", note, NULL));
    assert_ok(em_post(&e, "data", "a", drop));
    assert_ok(em_post(&e, "data", "b", drop));
    em_loop_free(loop);
    assert_marks("drop a drop b");
    assert_error(-ESHUTDOWN, em_post(&e, "data", "c", drop));
    em_unref(&e);
    assert_marks("freed");
    em_loop_free(home);
}

TEST(a_post_needs_a_loop_a_live_emitter_and_memory)
{
    em_emitter e, without;

    set_up();
    em_emitter_init(&e, loop, NULL);
    em_emitter_init(&without, NULL, NULL);
    assert_error(-EINVAL, em_post(&without, "data", NULL, drop));
    assert_error(-EINVAL, em_post(NULL, "data", NULL, drop));
    assert_error(-EINVAL, em_post(&e, NULL, NULL, drop));
    fail_allocation(1);
    assert_error(-ENOMEM, em_post(&e, "data", NULL, drop));
    ck_assert(allocation_failed());
    em_unref(&without);
    em_unref(&e);
    assert_error(-ESHUTDOWN, em_post(&e, "data", NULL, drop));
    tear_down();
}

TEST(a_forked_child_cannot_post_to_the_loop_of_its_parent)
{
    em_emitter e;
    int status;
    pid_t child;

    set_up();
    em_emitter_init(&e, loop, NULL);
    child = fork();
    if (child == 0) {
        bool refused = em_post(&e, "data", NULL, NULL) == -ECHILD;

        assert_ok(em_on(&e, "data", note, NULL));
        _exit(refused && em_emit(&e, "data", "x") ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    em_unref(&e);
    tear_down();
}

enum { THREADS = 4, POSTS = 2000 };

struct poster {
    pthread_t thread;
    em_emitter *emitter;
    long number, next;
};

static void *post_many(void *data)
{
    struct poster *poster = data;
    long i;

    for (i = 0; i < POSTS; i++) {
        if (em_post(poster->emitter, "data",
                    (void *)(intptr_t)(poster->number * POSTS + i), NULL) < 0)
            abort();
    }
    em_unref(poster->emitter);
    return NULL;
}

static struct poster posters[THREADS];

static void check_order(em_emitter *e, void *arg, void *data)
{
    long number = (long)(intptr_t)arg;
    struct poster *poster = &posters[number / POSTS];

    ck_assert_int_eq(number % POSTS, poster->next++);
    if (number % 3 == 0) {
        assert_ok(em_on(e, "data", note, data));
        assert_ok(em_on(e, "other", note, data));
        assert_ok(em_off(e, "other", note, data));
        assert_ok(em_off(e, "data", note, data));
    }
}

TEST(four_threads_may_post_while_the_owner_adds_and_removes)
{
    em_emitter *e;
    int i;

    set_up();
    assert_ok(em_emitter_new(loop, &e));
    assert_ok(em_on(e, "data", check_order, NULL));
    for (i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){ .emitter = em_ref(e), .number = i };
        ck_assert_int_eq(
            pthread_create(&posters[i].thread, NULL, post_many, &posters[i]),
            0);
    }
    while (posters[0].next + posters[1].next + posters[2].next +
               posters[3].next <
           THREADS * POSTS)
        assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    for (i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(posters[i].thread, NULL), 0);
    em_unref(e);
    tear_down();
}

/* --- homes --- */

static void note_home(em_emitter *e, void *arg, void *data)
{
    ck_assert_ptr_null(em_event(e));
    mark(data);
    mark(arg);
}

static void *copy(void *arg)
{
    mark("copy");
    return strdup(arg);
}

static void drop_copy(void *arg)
{
    drop(arg);
    free(arg);
}

static void note_free(void *data)
{
    mark("free");
    mark(data);
}

static em_listener *listen_at_home(em_emitter *e, const char *event,
                                   bool copied, bool once)
{
    em_listener *listener;

    assert_ok(
        em_listen(e, event,
                  EM_OPTIONS(em_listen_options, .fn = note_home, .data = "home",
                             .free_data = note_free, .loop = home, .once = once,
                             .copy_arg = copied ? copy : NULL,
                             .free_arg = copied ? drop_copy : NULL),
                  &listener));
    return listener;
}

TEST(a_listener_with_a_home_is_called_there_and_counts_as_any_other)
{
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, freed);
    (void)listen_at_home(&e, "data", true, false);
    ck_assert(em_emit(&e, "data", "x"));
    ck_assert(em_emit(&e, "data", "y"));
    assert_marks("copy copy");
    run(home);
    assert_marks("home x drop x home y drop y");
    em_unref(&e);
    assert_marks("freed");
    run(home);
    assert_marks("free home");
    tear_down();
}

TEST(a_waiting_call_holds_the_emitter)
{
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, freed);
    (void)listen_at_home(&e, "data", false, false);
    ck_assert(em_emit(&e, "data", "x"));
    em_unref(&e);
    ck_assert(em_emit(&e, "data", "y"));
    run(home);
    assert_marks("home x home y freed free home");
    tear_down();
}

TEST(a_removed_listener_starts_no_further_call_at_home)
{
    em_listener *listener;
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, freed);
    listener = listen_at_home(&e, "data", true, false);
    ck_assert(em_emit(&e, "data", "x"));
    em_listener_remove(listener);
    em_listener_remove(listener);
    ck_assert(!em_emit(&e, "data", "y"));
    assert_marks("copy");
    run(home);
    assert_marks("drop x free home");
    em_unref(&e);
    assert_marks("freed");
    tear_down();
}

TEST(a_once_with_a_home_makes_its_call_unless_it_is_removed_meanwhile)
{
    em_listener *listener;
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, freed);
    (void)listen_at_home(&e, "data", false, true);
    ck_assert(em_emit(&e, "data", "x"));
    ck_assert(!em_emit(&e, "data", "y"));
    run(home);
    assert_marks("home x free home");
    listener = listen_at_home(&e, "data", false, true);
    ck_assert(em_emit(&e, "data", "x"));
    em_listener_remove(listener);
    run(home);
    assert_marks("free home");
    em_unref(&e);
    assert_marks("freed");
    tear_down();
}

TEST(a_home_that_is_freed_calls_nothing_and_frees_what_waits)
{
    em_listener *listener;
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, NULL);
    listener = listen_at_home(&e, "data", true, false);
    ck_assert(em_emit(&e, "data", "x"));
    em_loop_free(home);
    assert_marks("copy drop x");
    ck_assert(em_emit(&e, "data", "y"));
    assert_marks("copy drop y");
    em_listener_remove(listener);
    assert_marks("free home");
    em_unref(&e);
    em_loop_free(loop);
}

static void note_error(em_emitter *e, void *arg, void *data)
{
    const em_error *error = arg;

    (void)e, (void)data;
    mark("error");
    mark_number(error->code);
}

static void *copy_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

static void note_uncaught(em_emitter *e, const em_error *error, void *data)
{
    (void)e, (void)data;
    mark("uncaught");
    mark_number(error->code);
}

static void mark_task(em_loop *l, void *data)
{
    (void)l;
    mark(data);
}

TEST(a_run_of_one_call_ends_with_the_free_data_of_a_listener)
{
    em_emitter e;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(
        em_loop_new(EM_OPTIONS(em_loop_options, .budget_count = 1), &home));
    em_emitter_init(&e, loop, NULL);
    em_listener_remove(listen_at_home(&e, "data", true, false));
    assert_ok(em_loop_post(home, mark_task, "next"));
    assert_error(1, em_loop_run(home, EM_RUN_ONCE));
    assert_marks("free home");
    run(home);
    assert_marks("next");
    em_unref(&e);
    tear_down();
}

static em_listener *farer;

static void remove_farer(em_loop *l, void *data)
{
    (void)l, (void)data;
    em_listener_remove(farer);
    mark("removed");
}

TEST(a_listener_that_goes_while_its_home_does_outlives_the_calls_that_wait)
{
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, NULL);
    farer = listen_at_home(&e, "data", true, false);
    assert_ok(em_loop_post(home, remove_farer, NULL));
    ck_assert(em_emit(&e, "data", "x"));
    ck_assert(em_emit(&e, "data", "y"));
    em_loop_free(home); /* its posts are called */
    assert_marks("copy copy removed drop x drop y free home");
    em_unref(&e);
    em_loop_free(loop);
}

static void end_home(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    em_loop_free(home);
    em_listener_remove(farer);
    mark("still");
    mark(data);
}

TEST(a_listener_that_ends_its_home_and_itself_is_freed_after_its_call)
{
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, NULL);
    assert_ok(em_listen(&e, "data",
                        EM_OPTIONS(em_listen_options, .fn = end_home,
                                   .data = "home", .free_data = note_free,
                                   .loop = home, .free_arg = drop),
                        &farer));
    ck_assert(em_emit(&e, "data", "x"));
    run(home);
    assert_marks("still home drop x free home");
    em_unref(&e);
    em_loop_free(loop);
}

TEST(a_call_without_memory_becomes_an_error)
{
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, NULL);
    assert_ok(em_on(&e, "error", note_error, NULL));
    (void)listen_at_home(&e, "data", true, false);
    fail_allocation(1);
    ck_assert(em_emit(&e, "data", "x"));
    ck_assert(allocation_failed());
    assert_marks("error -12");
    assert_ok(em_listen(&e, "copied",
                        EM_OPTIONS(em_listen_options, .fn = note_home,
                                   .loop = home, .copy_arg = copy_nothing),
                        NULL));
    ck_assert(em_emit(&e, "copied", "x"));
    assert_marks("error -12");
    em_unref(&e);
    run(home);
    assert_marks("free home");
    tear_down();
}

TEST(an_error_that_finds_no_memory_to_go_home_is_uncaught)
{
    em_emitter e;

    set_up();
    em_set_uncaught(note_uncaught, NULL);
    em_emitter_init(&e, loop, NULL);
    (void)listen_at_home(&e, "error", false, false);
    fail_allocation(1);
    ck_assert(em_emit_error(&e, -5, "x"));
    ck_assert(allocation_failed());
    assert_marks("uncaught -12");
    em_set_uncaught(NULL, NULL);
    em_unref(&e);
    run(home);
    assert_marks("free home");
    tear_down();
}

static void emit_inside(em_emitter *e, void *arg, void *data)
{
    (void)arg, (void)data;
    ck_assert_ptr_null(em_event(e));
    ck_assert(em_emit(e, "inner", "inner"));
    em_unref(e);
}

static void note_inner(em_emitter *e, void *arg, void *data)
{
    note(e, arg, data);
    mark(em_event(e));
}

TEST(a_home_may_be_the_emitters_own_loop)
{
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, freed);
    assert_ok(em_listen(
        &e, "data",
        EM_OPTIONS(em_listen_options, .fn = emit_inside, .loop = loop), NULL));
    assert_ok(em_on(&e, "inner", note_inner, NULL));
    ck_assert(em_emit(&e, "data", NULL));
    run(loop);
    assert_marks("inner inner freed");
    tear_down();
}

static atomic_long calls, frees;
static pthread_t there;

static void count_call(em_emitter *e, void *arg, void *data)
{
    (void)arg, (void)data;
    ck_assert(pthread_equal(pthread_self(), there));
    ck_assert_ptr_null(em_event(e));
    atomic_fetch_add(&calls, 1);
}

static void count_free(void *data)
{
    (void)data;
    ck_assert(pthread_equal(pthread_self(), there));
    atomic_fetch_add(&frees, 1);
}

static void *run_home(void *data)
{
    (void)data;
    there = pthread_self();
    assert_ok(em_loop_run(home, EM_RUN_DEFAULT));
    return NULL;
}

TEST(a_home_may_be_run_by_another_thread)
{
    enum { EMITS = 2000 };
    em_listener *listener;
    pthread_t thread;
    em_emitter e;
    int i;

    set_up();
    atomic_store(&frees, 0);
    em_emitter_init(&e, loop, NULL);
    em_loop_ref(home);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_home, NULL), 0);
    for (i = 0; i < 20; i++) {
        atomic_store(&calls, 0);
        assert_ok(em_listen(&e, "data",
                            EM_OPTIONS(em_listen_options, .fn = count_call,
                                       .free_data = count_free, .loop = home),
                            &listener));
        while (em_emit(&e, "data", NULL) && atomic_load(&calls) < EMITS / 20)
            ;
        em_listener_remove(listener);
    }
    em_loop_stop(home);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    there = pthread_self();
    em_loop_unref(home);
    run(home);
    ck_assert_int_eq(atomic_load(&frees), 20);
    em_unref(&e);
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    tear_down();
}

static void let_the_loop_end(em_emitter *e)
{
    (void)e;
    em_loop_unref(loop);
}

static void *drop_it(void *data)
{
    em_unref(data);
    return NULL;
}

TEST(the_last_reference_dropped_elsewhere_wakes_the_loop_to_destroy_it)
{
    pthread_t thread;
    em_emitter e;

    set_up();
    em_emitter_init(&e, loop, let_the_loop_end);
    em_loop_ref(loop);
    ck_assert_int_eq(pthread_create(&thread, NULL, drop_it, &e), 0);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    tear_down();
}

SUITE("post", posts_are_emitted_in_order_on_the_loop, a_post_holds_the_emitter,
      posts_of_a_freed_loop_are_not_emitted_but_freed,
      a_post_needs_a_loop_a_live_emitter_and_memory,
      a_forked_child_cannot_post_to_the_loop_of_its_parent,
      the_last_reference_dropped_elsewhere_wakes_the_loop_to_destroy_it,
      four_threads_may_post_while_the_owner_adds_and_removes,
      a_listener_with_a_home_is_called_there_and_counts_as_any_other,
      a_waiting_call_holds_the_emitter,
      a_removed_listener_starts_no_further_call_at_home,
      a_once_with_a_home_makes_its_call_unless_it_is_removed_meanwhile,
      a_home_that_is_freed_calls_nothing_and_frees_what_waits,
      a_run_of_one_call_ends_with_the_free_data_of_a_listener,
      a_listener_that_goes_while_its_home_does_outlives_the_calls_that_wait,
      a_listener_that_ends_its_home_and_itself_is_freed_after_its_call,
      a_call_without_memory_becomes_an_error,
      an_error_that_finds_no_memory_to_go_home_is_uncaught,
      a_home_may_be_the_emitters_own_loop, a_home_may_be_run_by_another_thread);
