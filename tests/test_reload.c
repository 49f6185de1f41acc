/* SPDX-License-Identifier: MIT */
/* Clusters: rolling reload. */

#include <config.h>

#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clusters.h"

enum { WORKERS = 2 };

static pid_t pids[WORKERS];

static void note_pids(void)
{
    unsigned slot;

    for (slot = 0; slot < WORKERS; slot++)
        pids[slot] = em_worker_pid(em_cluster_worker(cluster, slot));
}

static unsigned replaced(void)
{
    unsigned slot, count = 0;

    for (slot = 0; slot < WORKERS; slot++)
        count += em_worker_pid(em_cluster_worker(cluster, slot)) != pids[slot];
    return count;
}

static void begin(const em_cluster_options *options)
{
    begin_cluster(options);
    wait_for("ready", 1);
    (void)take_marks();
    note_pids();
}

TEST(a_reload_replaces_every_worker)
{
    begin(NULL);
    assert_ok(em_cluster_reload(cluster));
    assert_error(-EALREADY, em_cluster_reload(cluster));
    wait_for("reload", 1);
    assert_marks("exit 0 wanted exit 1 wanted reload");
    ck_assert_uint_eq(replaced(), WORKERS);
    ck_assert_int_ge(ask(), 0);
    assert_ok(em_cluster_reload(cluster));
    wait_for("reload", 1);
    (void)take_marks();
    end_cluster();
}

static void check_both_there(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    ck_assert_ptr_nonnull(em_cluster_worker(cluster, 0));
    ck_assert_ptr_nonnull(em_cluster_worker(cluster, 1));
}

TEST(no_slot_is_down_during_a_reload)
{
    begin(NULL);
    assert_ok(
        em_on(em_cluster_emitter(cluster), "exit", check_both_there, NULL));
    assert_ok(em_cluster_reload(cluster));
    wait_for("reload", 1);
    (void)take_marks();
    end_cluster();
}

/* Whether it is the first one of its slot, in memory that all share. */
static bool is_first(em_worker *parent)
{
    return atomic_fetch_add(&shared->taken[em_worker_slot(parent)], 1) == 0;
}

static int fail_later(em_loop *loop, em_worker *parent, void *data)
{
    return is_first(parent) ? serve(loop, parent, data) : 3;
}

static int hang_later(em_loop *loop, em_worker *parent, void *data)
{
    if (is_first(parent))
        return serve(loop, parent, data);
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    return 0;
}

TEST(a_reload_stops_at_the_first_worker_that_fails)
{
    em_worker_options worker = { .size = sizeof(worker), .main = fail_later };

    begin(EM_OPTIONS(em_cluster_options, .worker = &worker));
    assert_ok(em_cluster_reload(cluster));
    wait_for("error", 1);
    assert_marks("exit 0 error -103");
    ck_assert_uint_eq(replaced(), 0);
    ck_assert_int_ge(ask(), 0);
    assert_ok(em_cluster_reload(cluster));
    wait_for("error", 1);
    (void)take_marks();
    end_cluster();
}

TEST(a_reload_stops_at_a_worker_that_is_not_ready_in_time)
{
    em_worker_options worker = { .size = sizeof(worker), .main = hang_later };

    begin(EM_OPTIONS(em_cluster_options, .worker = &worker, .drain_ms = 50));
    assert_ok(em_cluster_reload(cluster));
    wait_for("error", 1);
    assert_marks("error -110");
    ck_assert_uint_eq(replaced(), 0);
    end_cluster();
}

TEST(a_slot_that_went_down_while_a_reload_failed_is_restarted)
{
    em_worker_options worker = { .size = sizeof(worker), .main = hang_later };
    const char *marks;

    begin(EM_OPTIONS(em_cluster_options, .worker = &worker, .drain_ms = 50));
    assert_ok(em_cluster_reload(cluster));
    ck_assert_int_eq(kill(pids[0], SIGKILL), 0);
    wait_for("exit", 1);
    ck_assert_ptr_null(em_cluster_worker(cluster, 0));
    wait_for("error", 1);
    atomic_store(&shared->taken[0], 0);
    wait_for("ready", 1);
    marks = take_marks(); /* the replacement may be gone by now */
    ck_assert_ptr_eq(strstr(marks, "killed 0 error -110 "), marks);
    end_cluster();
}

TEST(a_reload_fills_a_slot_that_was_given_up)
{
    begin(EM_OPTIONS(em_cluster_options, .restart_budget = UINT_MAX));
    ck_assert_int_eq(kill(pids[0], SIGKILL), 0);
    wait_for("error", 1);
    ck_assert_ptr_null(em_cluster_worker(cluster, 0));
    assert_ok(em_cluster_reload(cluster));
    wait_for("reload", 1);
    assert_marks("killed 0 error -103 ready exit 1 wanted reload");
    ck_assert_ptr_nonnull(em_cluster_worker(cluster, 0));
    end_cluster();
}

TEST(a_stop_ends_a_reload)
{
    begin(NULL);
    assert_ok(em_cluster_reload(cluster));
    assert_ok(em_cluster_stop(cluster));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    ck_assert_ptr_null(strstr(take_marks(), "reload"));
    end_cluster();
}

TEST(a_reload_may_be_freed_under_way)
{
    begin(NULL);
    assert_ok(em_cluster_reload(cluster));
    end_cluster();
    begin(NULL);
    assert_ok(em_cluster_reload(cluster));
    wait_for("exit", 1);
    (void)take_marks();
    end_cluster();
}

static void free_cluster(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    em_cluster_free(cluster);
    mark("freed");
}

TEST(a_reload_that_failed_may_be_freed_by_its_error)
{
    em_worker_options worker = { .size = sizeof(worker), .main = fail_later };

    begin(EM_OPTIONS(em_cluster_options, .worker = &worker));
    assert_ok(
        em_prepend(em_cluster_emitter(cluster), "error", free_cluster, NULL));
    assert_ok(em_cluster_reload(cluster));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    assert_marks("exit 0 freed");
    end_master();
}

static sem_t gate;

/* The first of each slot ends only when it is let go. */
static int linger(em_loop *loop, em_worker *parent, void *data)
{
    bool first = is_first(parent);
    int r = serve(loop, parent, data);

    while (first && sem_wait(&gate) < 0)
        ;
    return r;
}

TEST(a_reload_waits_for_the_end_of_processes_that_have_to_be_killed)
{
    em_worker_options worker = { .size = sizeof(worker), .main = linger };

    ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
    begin(EM_OPTIONS(em_cluster_options, .worker = &worker, .drain_ms = 1000));
    assert_ok(em_cluster_reload(cluster));
    wait_for("reload", 1);
    assert_marks("killed 0 wanted killed 1 wanted reload");
    end_cluster();
    (void)sem_destroy(&gate);
}

/* Nobody can kill a thread; that one does not end is an error of its own. */
TEST(a_reload_goes_on_without_threads_that_do_not_end_in_time)
{
    em_worker_options worker = { .size = sizeof(worker),
                                 .main = linger,
                                 .thread = true };

    ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
    begin(EM_OPTIONS(em_cluster_options, .worker = &worker, .drain_ms = 1000,
                     .route = EM_ROUTE_ROUND_ROBIN));
    assert_ok(em_cluster_reload(cluster));
    wait_for("reload", 1);
    assert_marks("error -110 error -110 reload");
    ck_assert_int_ge(ask(), 0);
    ck_assert_int_eq(sem_post(&gate), 0);
    wait_for("exit", 1);
    ck_assert_int_eq(sem_post(&gate), 0);
    wait_for("exit", 1);
    ck_assert_ptr_nonnull(em_cluster_worker(cluster, 0));
    ck_assert_ptr_nonnull(em_cluster_worker(cluster, 1));
    (void)take_marks();
    end_cluster();
    (void)sem_destroy(&gate);
}

TEST(threads_are_reloaded_too)
{
    em_worker_options worker = { .size = sizeof(worker),
                                 .main = serve,
                                 .thread = true };

    begin(EM_OPTIONS(em_cluster_options, .worker = &worker,
                     .route = EM_ROUTE_ROUND_ROBIN));
    assert_ok(em_cluster_reload(cluster));
    wait_for("reload", 1);
    assert_marks("exit 0 wanted exit 1 wanted reload");
    ck_assert_int_ge(ask(), 0);
    end_cluster();
}

/* The worker that starts at last counts on, and may fail as well. */
TEST(a_reload_that_cannot_begin_changes_nothing)
{
    unsigned long nth;
    int r = -1;

    begin(NULL);
    for (nth = 1; r < 0; nth++) {
        fail_allocation(nth);
        r = em_cluster_reload(cluster);
        if (allocation_failed() && r < 0)
            assert_error(-ENOMEM, r);
    }
    ck_assert_uint_gt(nth, 2);
    end_cluster();
}

SUITE("reload", a_reload_replaces_every_worker, no_slot_is_down_during_a_reload,
      a_reload_stops_at_the_first_worker_that_fails,
      a_reload_stops_at_a_worker_that_is_not_ready_in_time,
      a_slot_that_went_down_while_a_reload_failed_is_restarted,
      a_reload_fills_a_slot_that_was_given_up, a_stop_ends_a_reload,
      a_reload_may_be_freed_under_way,
      a_reload_that_failed_may_be_freed_by_its_error,
      a_reload_waits_for_the_end_of_processes_that_have_to_be_killed,
      a_reload_goes_on_without_threads_that_do_not_end_in_time,
      threads_are_reloaded_too, a_reload_that_cannot_begin_changes_nothing);
