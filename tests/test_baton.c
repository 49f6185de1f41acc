/* SPDX-License-Identifier: MIT */
/* Baton: work on pool threads, completions on the owning loop. */

#include <config.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter/baton.h>

#include "baton/internal.h"
#include "door.h"

static em_loop *loop;
static pthread_t owner_thread;

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
    owner_thread = pthread_self();
}

/* One thread, all of them waiting at the door: what comes next is queued. */
static void occupy_pool(void)
{
    set_door(false);
    assert_ok(em_baton_run(loop, wait_at_door, NULL, NULL));
    wait_until_waiting(1);
}

static void one_thread(void)
{
    ck_assert_int_eq(setenv("EMITTER_POOL_SIZE", "1", 1), 0);
    begin();
}

static int work_elsewhere(em_baton *baton, void *data)
{
    ck_assert(!pthread_equal(pthread_self(), owner_thread));
    ck_assert_ptr_eq(em_baton_loop(baton), loop);
    *(int *)data += 2;
    return 42;
}

static void after_here(em_baton *baton, int status, void *data)
{
    (void)baton;
    ck_assert(pthread_equal(pthread_self(), owner_thread));
    ck_assert_int_eq(*(int *)data, 3);
    mark_number(status);
}

TEST(work_runs_elsewhere_and_its_result_comes_back_to_the_loop)
{
    int number = 1;

    begin();
    assert_ok(em_baton_run(loop, work_elsewhere, after_here, &number));
    ck_assert(em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("42");
    ck_assert(!em_loop_alive(loop));
    em_loop_free(loop);
}

static void note_free(void *data)
{
    mark("free");
    mark(data);
}

TEST(after_and_free_data_come_once_in_that_order)
{
    one_thread();
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = break_down,
                                        .after = note, .data = "x",
                                        .free_data = note_free),
                             NULL));
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .data = "y", .free_data = note_free),
                             NULL));
    while (em_loop_run(loop, EM_RUN_ONCE) != 0)
        ;
    ck_assert_str_eq(take_marks(), "x -5 free x free y");
    em_loop_free(loop);
}

TEST(nonsense_is_refused)
{
    em_baton *baton = NULL;
    em_baton_options options = { .size = 1, .work = succeed };

    begin();
    assert_error(-EINVAL, em_baton_run(NULL, succeed, note, NULL));
    assert_error(-EINVAL, em_baton_run(loop, NULL, note, NULL));
    assert_error(-EINVAL, em_baton_start(loop, NULL, &baton));
    assert_error(-EINVAL, em_baton_start(loop, &options, &baton));
    assert_error(-EINVAL,
                 em_baton_start(NULL,
                                EM_OPTIONS(em_baton_options, .work = succeed),
                                &baton));
    assert_error(-EINVAL, em_baton_cancel(NULL));
    ck_assert(!em_baton_cancelled(NULL));
    ck_assert_ptr_null(em_baton_ref(NULL));
    ck_assert_ptr_null(em_baton_loop(NULL));
    em_baton_unref(NULL);
    ck_assert_ptr_null(baton);
    ck_assert(!em_loop_alive(loop));
    em_loop_free(loop);
}

TEST(options_past_what_the_library_knows_are_refused)
{
    struct {
        em_baton_options known;
        size_t unknown;
    } options = { { .size = sizeof(options), .work = succeed }, 1 };

    begin();
    assert_error(-E2BIG, em_baton_start(loop, &options.known, NULL));
    options.unknown = 0;
    assert_ok(em_baton_start(loop, &options.known, NULL));
    em_loop_free(loop);
}

TEST(a_queued_baton_that_is_cancelled_never_runs_but_comes_back)
{
    em_baton *baton = NULL;

    one_thread();
    occupy_pool();
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = break_down,
                                        .after = note, .data = "x",
                                        .free_data = note_free),
                             &baton));
    assert_error(0, em_baton_cancel(baton));
    ck_assert(em_baton_cancelled(baton));
    assert_error(-EALREADY, em_baton_cancel(baton));
    assert_marks("");
    assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    ck_assert_str_eq(take_marks(), "x -125 free x");
    assert_error(-EALREADY, em_baton_cancel(baton));
    em_baton_unref(baton);
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
}

static int run_until_cancelled(em_baton *baton, void *data)
{
    (void)wait_at_door(baton, data);
    return em_baton_cancelled(baton) ? -EINTR : 0;
}

TEST(a_running_baton_can_see_that_it_was_cancelled)
{
    em_baton *baton = NULL;

    begin();
    set_door(false);
    assert_ok(
        em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = run_until_cancelled,
                                  .after = note),
                       &baton));
    wait_until_waiting(1);
    ck_assert(!em_baton_cancelled(baton));
    assert_error(-EBUSY, em_baton_cancel(baton));
    assert_error(-EBUSY, em_baton_cancel(baton));
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("-4");
    assert_error(-EALREADY, em_baton_cancel(baton));
    em_baton_unref(baton);
    em_loop_free(loop);
}

TEST(an_unreferenced_baton_does_not_keep_the_loop_alive)
{
    begin();
    set_door(false);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = wait_at_door,
                                        .after = note, .unref = true),
                             NULL));
    ck_assert(!em_loop_alive(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    wait_until_waiting(1);
    set_door(true);
    em_loop_free(loop);
    assert_marks("0");
}

static void note_emitter_freed(em_emitter *emitter)
{
    (void)emitter;
    mark("owner freed");
}

static void after_last_unref(em_baton *baton, int status, void *data)
{
    note(baton, status, NULL);
    em_unref(data);
    mark("unreferenced");
}

TEST(the_owner_is_held_until_after_returned)
{
    em_emitter owner;

    begin();
    em_emitter_init(&owner, loop, note_emitter_freed);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .after = after_last_unref,
                                        .data = &owner, .owner = &owner),
                             NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("0 unreferenced owner freed");
    em_loop_free(loop);
}

static void submit_again(em_baton *baton, int status, void *data)
{
    int *left = data;

    (void)status;
    if (--*left > 0)
        assert_ok(
            em_baton_run(em_baton_loop(baton), succeed, submit_again, data));
}

TEST(after_may_submit_again)
{
    int left = 1000;

    begin();
    assert_ok(em_baton_run(loop, succeed, submit_again, &left));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(left, 0);
    em_loop_free(loop);
}

static int submit_from_work(em_baton *baton, void *data)
{
    return em_baton_run(em_baton_loop(baton), succeed, note, data);
}

TEST(a_running_work_may_submit)
{
    begin();
    assert_ok(em_baton_run(loop, submit_from_work, NULL, "inner"));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("inner 0");
    em_loop_free(loop);
}

static void count_canceled(em_baton *baton, int status, void *data)
{
    int *counts = data;

    (void)baton;
    counts[status == -ECANCELED]++;
}

/* Called while the loop is being freed: now the running one may end. */
static void refused(em_baton *baton, int status, void *data)
{
    count_canceled(baton, status, data);
    assert_error(-ESHUTDOWN,
                 em_baton_run(em_baton_loop(baton), succeed, NULL, NULL));
    set_door(true);
}

TEST(a_freed_loop_cancels_what_is_queued_and_waits_for_what_runs)
{
    int counts[2] = { 0, 0 };
    int i;

    ck_assert_int_eq(setenv("EMITTER_POOL_SIZE", "4", 1), 0);
    begin();
    set_door(false);
    for (i = 0; i < 4; i++)
        assert_ok(em_baton_run(loop, wait_at_door, count_canceled, counts));
    wait_until_waiting(4);
    for (i = 0; i < 10000; i++)
        assert_ok(em_baton_run(loop, break_down, i ? count_canceled : refused,
                               counts));
    em_loop_free(loop);
    ck_assert_int_eq(counts[true], 10000);
    ck_assert_int_eq(counts[false], 4);
}

static void free_the_loop(em_baton *baton, int status, void *data)
{
    note(baton, status, data);
    em_loop_free(em_baton_loop(baton));
}

static void stop_the_loop(em_baton *baton, int status, void *data)
{
    note(baton, status, data);
    em_loop_stop(em_baton_loop(baton));
}

TEST(after_may_stop_the_loop)
{
    one_thread();
    assert_ok(em_baton_run(loop, succeed, stop_the_loop, "first"));
    assert_ok(em_baton_run(loop, succeed, note, "second"));
    assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("first 0");
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("second 0");
    em_loop_free(loop);
}

TEST(after_may_free_the_loop)
{
    one_thread();
    assert_ok(em_baton_run(loop, succeed, free_the_loop, "first"));
    assert_ok(em_baton_run(loop, succeed, NULL, "second"));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("first 0");
}

TEST(a_failing_thread_creation_is_an_error_only_if_no_thread_runs)
{
    em_baton *baton = NULL;

    begin();
    fail_call("pthread_create", 1, EAGAIN);
    assert_error(-EAGAIN, em_baton_run(loop, succeed, note, "never"));
    ck_assert(call_failed());
    ck_assert(!em_loop_alive(loop));
    set_door(false);
    assert_ok(em_baton_start(
        loop, EM_OPTIONS(em_baton_options, .work = wait_at_door), &baton));
    wait_until_waiting(1);
    fail_call("pthread_create", 1, EAGAIN);
    assert_ok(em_baton_run(loop, succeed, note, "second"));
    ck_assert(call_failed());
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("second 0");
    em_baton_unref(baton);
    em_loop_free(loop);
}

TEST(no_memory_at_any_point_is_an_error_and_changes_nothing)
{
    em_baton *baton = NULL;
    unsigned long nth;
    int r;

    begin();
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_baton_start(loop, EM_OPTIONS(em_baton_options, .work = succeed),
                           &baton);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert_ptr_null(baton);
        ck_assert(!em_loop_alive(loop));
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 1);
    em_baton_unref(baton);
    for (nth = 0; nth < 1000 && r == 0; nth++) { /* not each one allocates */
        fail_allocation(1);
        r = em_baton_run(loop, succeed, NULL, NULL);
    }
    assert_error(-ENOMEM, r);
    em_loop_free(loop);
}

static void assert_default_size(const char *wish, unsigned size)
{
    ck_assert_int_eq(setenv("EMITTER_POOL_SIZE", wish, 1), 0);
    ck_assert_uint_eq(em_pool_default()->max, size);
    em__default_end();
}

TEST(the_size_of_the_default_pool_comes_from_the_environment)
{
    static const char *const odd[] = { "", "0", "-3", "+3", " 3", "x", "3x" };
    static const char *const large[] = { "1024", "1025", "99999",
                                         "99999999999999999999999" };
    unsigned usual;
    size_t i;

    begin();
    ck_assert_int_eq(setenv("EMITTER_POOL_SIZE", "3", 1), 0);
    set_door(false);
    for (i = 0; i < 5; i++)
        assert_ok(em_baton_run(loop, wait_at_door, NULL, NULL));
    wait_until_waiting(3);
    ck_assert_int_eq(waiting_at_door(), 3);
    set_door(true);
    em_loop_free(loop);
    em__default_end();
    ck_assert_int_eq(unsetenv("EMITTER_POOL_SIZE"), 0);
    usual = em_pool_default()->max;
    em__default_end();
    ck_assert_uint_ge(usual, 4);
    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_default_size(odd[i], usual);
    for (i = 0; i < sizeof(large) / sizeof(large[0]); i++)
        assert_default_size(large[i], 1024);
}

static int check_signals(em_baton *baton, void *data)
{
    sigset_t blocked;

    (void)baton, (void)data;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    return sigismember(&blocked, SIGUSR1) && sigismember(&blocked, SIGTERM);
}

TEST(pool_threads_block_signals_and_the_caller_is_left_alone)
{
    sigset_t blocked;

    begin();
    assert_ok(em_baton_run(loop, check_signals, note, "blocked"));
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    ck_assert(!sigismember(&blocked, SIGUSR1));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("blocked 1");
    em_loop_free(loop);
}

static void in_the_child(em_baton *baton)
{
    em_loop *mine = NULL;

    if (em_baton_cancel(baton) != -ECHILD ||
        em_baton_run(loop, succeed, NULL, NULL) != -ECHILD)
        _exit(1);
    em_loop_free(loop);
    if (em_loop_new(NULL, &mine) < 0 ||
        em_baton_run(mine, succeed, NULL, NULL) < 0 ||
        em_loop_run(mine, EM_RUN_DEFAULT) != 0)
        _exit(2);
    em_loop_free(mine);
    exit(0); /* as a program would, through its exit handlers */
}

TEST(a_child_forked_while_jobs_run_has_its_own_pool_and_exits)
{
    em_baton *baton = NULL;
    int status;
    pid_t pid;

    if (emulated()) /* qemu-user aborts at pthread_create in such a child */
        return;
    one_thread();
    occupy_pool();
    assert_ok(em_baton_start(
        loop, EM_OPTIONS(em_baton_options, .work = succeed, .after = note),
        &baton));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        in_the_child(baton);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("0");
    em_baton_unref(baton);
    em_loop_free(loop);
}

enum { RACES = 10000 };

static int race_counts[3];

static void count_race(em_baton *baton, int status, void *data)
{
    int *answer = data;

    (void)baton;
    if (*answer == 0)
        ck_assert_int_eq(status, -ECANCELED);
    else
        ck_assert_int_eq(status, 0);
    race_counts[0]++;
}

TEST(cancel_races_with_start_and_finish_and_every_baton_comes_back_once)
{
    static int answers[RACES];
    em_baton *baton;
    int i;

    begin();
    for (i = 0; i < RACES; i++) {
        answers[i] = 1;
        assert_ok(
            em_baton_start(loop,
                           EM_OPTIONS(em_baton_options, .work = succeed,
                                      .after = count_race, .data = &answers[i]),
                           &baton));
        answers[i] = em_baton_cancel(baton);
        ck_assert(answers[i] == 0 || answers[i] == -EBUSY ||
                  answers[i] == -EALREADY);
        em_baton_unref(baton);
        if (i % 64 == 0)
            assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    }
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(race_counts[0], RACES);
    em_loop_free(loop);
}

enum { SUBMITTERS = 4, JOBS = 2000 };

static int completed;

static void count_completed(em_baton *baton, int status, void *data)
{
    (void)baton, (void)status, (void)data;
    ck_assert(pthread_equal(pthread_self(), owner_thread));
    completed++;
}

static void *submit_many(void *data)
{
    int i;

    for (i = 0; i < JOBS; i++)
        assert_ok(em_baton_run(data, succeed, count_completed, NULL));
    return NULL;
}

TEST(many_threads_may_submit_to_one_loop)
{
    pthread_t threads[SUBMITTERS];
    int i;

    begin();
    em_loop_ref(loop);
    for (i = 0; i < SUBMITTERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_many, loop),
                         0);
    while (completed < SUBMITTERS * JOBS)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    for (i = 0; i < SUBMITTERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    em_loop_unref(loop);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
}

enum { LOOPS = 2, SHARERS = 8, SHARED_JOBS = 500 };

static struct sharer {
    em_loop *loop;
    atomic_int back;
} sharers[LOOPS];

static void count_shared(em_baton *baton, int status, void *data)
{
    struct sharer *sharer = data;

    (void)status;
    ck_assert_ptr_eq(em_baton_loop(baton), sharer->loop);
    atomic_fetch_add(&sharer->back, 1);
}

static void *run_sharer(void *data)
{
    struct sharer *sharer = data;

    while (atomic_load(&sharer->back) < SHARERS * SHARED_JOBS)
        assert_ok(em_loop_run(sharer->loop, EM_RUN_ONCE));
    return NULL;
}

static void *submit_to_both(void *data)
{
    int i;

    (void)data;
    for (i = 0; i < LOOPS * SHARED_JOBS; i++)
        assert_ok(em_baton_run(sharers[i % LOOPS].loop, succeed, count_shared,
                               &sharers[i % LOOPS]));
    return NULL;
}

TEST(two_loops_share_one_pool_with_eight_submitters)
{
    pthread_t runners[LOOPS], submitters[SHARERS];
    int i;

    for (i = 0; i < LOOPS; i++) {
        assert_ok(em_loop_new(NULL, &sharers[i].loop));
        em_loop_ref(sharers[i].loop);
        ck_assert_int_eq(
            pthread_create(&runners[i], NULL, run_sharer, &sharers[i]), 0);
    }
    for (i = 0; i < SHARERS; i++)
        ck_assert_int_eq(
            pthread_create(&submitters[i], NULL, submit_to_both, NULL), 0);
    for (i = 0; i < SHARERS; i++)
        ck_assert_int_eq(pthread_join(submitters[i], NULL), 0);
    for (i = 0; i < LOOPS; i++) {
        ck_assert_int_eq(pthread_join(runners[i], NULL), 0);
        em_loop_free(sharers[i].loop);
    }
}

SUITE("baton", work_runs_elsewhere_and_its_result_comes_back_to_the_loop,
      after_and_free_data_come_once_in_that_order, nonsense_is_refused,
      options_past_what_the_library_knows_are_refused,
      a_queued_baton_that_is_cancelled_never_runs_but_comes_back,
      a_running_baton_can_see_that_it_was_cancelled,
      an_unreferenced_baton_does_not_keep_the_loop_alive,
      the_owner_is_held_until_after_returned, after_may_submit_again,
      a_running_work_may_submit,
      a_freed_loop_cancels_what_is_queued_and_waits_for_what_runs,
      after_may_stop_the_loop, after_may_free_the_loop,
      a_failing_thread_creation_is_an_error_only_if_no_thread_runs,
      no_memory_at_any_point_is_an_error_and_changes_nothing,
      the_size_of_the_default_pool_comes_from_the_environment,
      pool_threads_block_signals_and_the_caller_is_left_alone,
      a_child_forked_while_jobs_run_has_its_own_pool_and_exits,
      cancel_races_with_start_and_finish_and_every_baton_comes_back_once,
      many_threads_may_submit_to_one_loop,
      two_loops_share_one_pool_with_eight_submitters);
