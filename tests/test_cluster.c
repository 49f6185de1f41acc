/* SPDX-License-Identifier: MIT */
/* Clusters: options, events, respawn, and the end. */

#include <config.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clusters.h"

static int idle(em_loop *loop, em_worker *parent, void *data)
{
    (void)data;
    if (em_worker_ready(parent) < 0)
        return EXIT_FAILURE;
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    return 0;
}

static int fail_at_once(em_loop *loop, em_worker *parent, void *data)
{
    (void)loop, (void)parent, (void)data;
    return 3;
}

static const em_worker_options idle_worker = { .size = sizeof(idle_worker),
                                               .main = idle };
static const em_worker_options failing_worker = { .size =
                                                      sizeof(failing_worker),
                                                  .main = fail_at_once };

static void kill_slot(unsigned slot)
{
    em_worker *worker = em_cluster_worker(cluster, slot);

    ck_assert_ptr_nonnull(worker);
    ck_assert_int_eq(kill(em_worker_pid(worker), SIGKILL), 0);
}

/* --- options --- */

/* With an idle worker and one slot unless others are given. */
static int try(const em_cluster_options *options)
{
    em_cluster_options given = *options;
    em_cluster *made = NULL;
    int r;

    if (!given.worker)
        given.worker = &idle_worker;
    if (given.workers == 0)
        given.workers = 1;
    r = em_cluster_new(main_loop, &given, &made);
    ck_assert(r == 0 || !made);
    em_cluster_free(made);
    return r;
}

#define TRY(...) try(EM_OPTIONS(em_cluster_options, __VA_ARGS__))

static int route_nowhere(em_cluster *of, const struct sockaddr *peer,
                         const void *first, size_t size, void *data)
{
    (void)of, (void)peer, (void)first, (void)size, (void)data;
    return 0;
}

TEST(options_that_make_no_sense_are_refused)
{
    em_cluster *made;
    em_cluster_options options = { .size = sizeof(options) };

    begin_master();
    options.worker = &idle_worker;
    assert_error(-EINVAL, em_cluster_new(NULL, &options, &made));
    assert_error(-EINVAL, em_cluster_new(main_loop, &options, NULL));
    assert_error(-EINVAL, em_cluster_new(main_loop, NULL, &made));
    options.size = 0;
    assert_error(-EINVAL, try(&options));
    options.size = sizeof(options);
    options.worker = NULL;
    assert_error(-EINVAL, em_cluster_new(main_loop, &options, &made));
    assert_error(-EINVAL, TRY(.workers = 100000));
    assert_error(-EINVAL, TRY(.route = (em_route)5));
    assert_error(-EINVAL, TRY(.route = EM_ROUTE_FUNCTION));
    assert_error(-EINVAL, TRY(.reuseport = true));
    assert_error(-EINVAL, TRY(.reuseport = true, .listen = "127.0.0.1:0",
                              .route = EM_ROUTE_IP_HASH));
    assert_error(-EINVAL, TRY(.reuseport = true, .listen = "unix:x"));
    assert_error(-EINVAL, TRY(.peek = 1));
    assert_error(-EINVAL,
                 TRY(.peek = EM_PEEK_MAX + 1, .route = EM_ROUTE_FUNCTION,
                     .route_fn = route_nowhere));
    assert_error(-EINVAL, TRY(.ipv4_prefix = 33));
    assert_error(-EINVAL, TRY(.ipv6_prefix = 129));
    assert_error(-EINVAL, TRY(.backoff_ms = 2, .backoff_max_ms = 1));
    assert_error(-EINVAL, TRY(.listen = ""));
    assert_error(-EINVAL, TRY(.listen = "localhost:80"));
    assert_error(-EBADF, TRY(.listen = "fd:999"));
    assert_error(-ENOENT, TRY(.listen = "systemd"));
    assert_error(-ENOENT, TRY(.listen = "unix:/nonexistent/socket"));
    end_master();
}

TEST(options_of_a_newer_library_are_refused)
{
    struct {
        em_cluster_options known;
        int unknown;
    } options = { .known = { .size = sizeof(options), .worker = &idle_worker },
                  .unknown = 1 };
    em_cluster *made;

    begin_master();
    assert_error(-E2BIG, em_cluster_new(main_loop, &options.known, &made));
    end_master();
}

TEST(a_worker_that_cannot_start_is_told_at_once)
{
    em_worker_options worker = { .size = sizeof(worker),
                                 .path = "/nonexistent/program" };

    begin_master();
    assert_error(-ENOENT, TRY(.worker = &worker));
    assert_error(-ENOENT, TRY(.worker = &worker, .listen = "127.0.0.1:0"));
    end_master();
}

TEST(nothing_is_answered_by_nothing)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);

    ck_assert_ptr_null(em_cluster_emitter(NULL));
    ck_assert_ptr_null(em_cluster_worker(NULL, 0));
    assert_error(-EINVAL, em_cluster_reload(NULL));
    assert_error(-EINVAL, em_cluster_stop(NULL));
    assert_error(-EINVAL,
                 em_cluster_address(NULL, (struct sockaddr *)&name, &size));
    em_cluster_free(NULL);
}

TEST(a_cluster_needs_no_address)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);

    begin_master();
    assert_ok(em_cluster_new(
        main_loop,
        EM_OPTIONS(em_cluster_options, .workers = 1, .worker = &idle_worker),
        &cluster));
    assert_error(-ENOENT,
                 em_cluster_address(cluster, (struct sockaddr *)&name, &size));
    assert_error(-EINVAL, em_cluster_address(cluster, NULL, &size));
    assert_ok(em_cluster_stop(cluster));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    end_cluster();
}

/* --- events --- */

TEST(all_slots_come_up)
{
    unsigned slot;

    begin_cluster(EM_OPTIONS(em_cluster_options, .workers = 3));
    ck_assert_ptr_null(em_cluster_worker(cluster, 0));
    wait_for("ready", 1);
    assert_marks("ready");
    for (slot = 0; slot < 3; slot++)
        ck_assert_int_eq(em_worker_slot(em_cluster_worker(cluster, slot)),
                         (int)slot);
    ck_assert_ptr_null(em_cluster_worker(cluster, 3));
    ck_assert(em_loop_alive(main_loop));
    end_cluster();
}

static int talk(em_loop *loop, em_worker *parent, void *data)
{
    (void)data;
    if (em_worker_post(parent, "hello", 5, -1) < 0)
        return EXIT_FAILURE;
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    return 0;
}

static void check_message(em_emitter *emitter, void *arg, void *data)
{
    const em_message *message = arg;

    (void)emitter, (void)data;
    ck_assert_uint_eq(message->size, 5);
    ck_assert_mem_eq(message->data, "hello", 5);
    mark_number(message->slot);
}

TEST(messages_of_workers_are_the_cluster_s)
{
    em_worker_options worker = { .size = sizeof(worker), .main = talk };

    begin_cluster(
        EM_OPTIONS(em_cluster_options, .worker = &worker, .workers = 1));
    assert_ok(
        em_on(em_cluster_emitter(cluster), "message", check_message, NULL));
    wait_for("message", 1);
    assert_marks("message 0");
    end_cluster();
}

TEST(a_worker_that_dies_is_replaced_in_its_slot)
{
    pid_t first, other;

    begin_cluster(NULL);
    wait_for("ready", 1);
    first = em_worker_pid(em_cluster_worker(cluster, 1));
    other = em_worker_pid(em_cluster_worker(cluster, 0));
    kill_slot(1);
    wait_for("exit", 1);
    ck_assert_ptr_null(em_cluster_worker(cluster, 1));
    wait_for("ready", 1);
    assert_marks("ready killed 1 ready");
    ck_assert_int_ne(em_worker_pid(em_cluster_worker(cluster, 1)), first);
    ck_assert_int_eq(em_worker_pid(em_cluster_worker(cluster, 0)), other);
    ck_assert_int_ge(ask(), 0);
    end_cluster();
}

TEST(off_all_does_not_break_the_cluster)
{
    begin_cluster(NULL);
    wait_for("ready", 1);
    (void)em_off_all(em_worker_emitter(em_cluster_worker(cluster, 0)), NULL);
    kill_slot(0);
    wait_for("ready", 1);
    assert_marks("ready killed 0 ready");
    end_cluster();
}

TEST(a_worker_that_users_end_is_replaced_at_no_cost)
{
    int i;

    begin_cluster(EM_OPTIONS(em_cluster_options, .restart_budget = UINT_MAX));
    wait_for("ready", 1);
    for (i = 0; i < 3; i++) {
        assert_ok(
            em_worker_terminate(em_cluster_worker(cluster, 0), UINT64_MAX));
        wait_for("ready", 1);
    }
    assert_marks(
        "ready exit 0 wanted ready exit 0 wanted ready exit 0 wanted ready");
    end_cluster();
}

TEST(a_slot_that_fails_too_often_is_given_up)
{
    begin_cluster(EM_OPTIONS(em_cluster_options, .worker = &failing_worker,
                             .workers = 1, .restart_budget = 3));
    wait_for("error", 1);
    assert_marks("exit 0 exit 0 exit 0 exit 0 error -103");
    ck_assert(em_loop_alive(main_loop));
    end_cluster();
}

static void check_reason(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter;
    ck_assert_msg(strstr(error->message, data), "%s", error->message);
}

TEST(a_slot_that_cannot_be_filled_tells_why)
{
    begin_cluster(EM_OPTIONS(em_cluster_options, .worker = &failing_worker,
                             .workers = 1, .restart_budget = 2));
    assert_ok(em_on(em_cluster_emitter(cluster), "error", check_reason,
                    (char *)em_strerror(-EAGAIN)));
    fail_every_call("fork", EAGAIN);
    wait_for("error", 1);
    fail_no_call();
    assert_marks("exit 0 error -103");
    end_cluster();
}

TEST(a_budget_of_none_gives_up_at_once)
{
    begin_cluster(EM_OPTIONS(em_cluster_options, .worker = &failing_worker,
                             .workers = 1, .restart_budget = UINT_MAX));
    wait_for("error", 1);
    assert_marks("exit 0 error -103");
    end_cluster();
}

TEST(a_window_that_is_over_gives_a_new_budget)
{
    begin_cluster(EM_OPTIONS(em_cluster_options, .worker = &failing_worker,
                             .workers = 1, .restart_budget = 1,
                             .restart_window_ms = 1, .backoff_ms = 3));
    wait_for("exit", 5);
    assert_marks("exit 0 exit 0 exit 0 exit 0 exit 0");
    end_cluster();
}

/* The least that the delays can be, by the loop's own clock. */
TEST(restarts_wait_longer_and_longer)
{
    uint64_t start;

    begin_cluster(EM_OPTIONS(em_cluster_options, .worker = &failing_worker,
                             .workers = 1, .restart_budget = 4,
                             .backoff_ms = 20, .backoff_max_ms = 60));
    start = em_loop_now(main_loop);
    wait_for("error", 1);
    ck_assert_uint_ge(em_loop_now(main_loop) - start, 10 + 20 + 30 + 30);
    (void)take_marks();
    end_cluster();
}

/* --- the end --- */

TEST(a_stopped_cluster_ends_the_loop)
{
    begin_cluster(NULL);
    wait_for("ready", 1);
    assert_ok(em_cluster_stop(cluster));
    assert_ok(em_cluster_stop(cluster));
    assert_error(-ESHUTDOWN, em_cluster_reload(cluster));
    ck_assert_ptr_null(em_cluster_worker(cluster, 0));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    (void)take_marks();
    assert_ok(em_cluster_stop(cluster));
    end_cluster();
}

TEST(connections_that_were_made_before_a_stop_are_served)
{
    static caller clients[20];
    em_route route;
    int i;

    for (route = EM_ROUTE_KERNEL; route <= EM_ROUTE_LEAST_BUSY; route++) {
        begin_cluster(EM_OPTIONS(em_cluster_options, .route = route));
        wait_for("ready", 1);
        for (i = 0; i < 20; i++)
            connect_client(&clients[i], NULL, "");
        assert_ok(em_cluster_stop(cluster));
        for (i = 0; i < 20; i++) {
            await(&clients[i]);
            ck_assert(was_answered(&clients[i]));
        }
        assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
        (void)take_marks();
        end_cluster();
    }
}

static int ignore_stop(em_loop *loop, em_worker *parent, void *data)
{
    (void)loop, (void)data;
    if (em_worker_ready(parent) < 0)
        return EXIT_FAILURE;
    (void)em_loop_run(loop, EM_RUN_NOWAIT);
    for (;;)
        (void)pause();
}

TEST(a_worker_that_does_not_drain_in_time_is_killed)
{
    em_worker_options worker = { .size = sizeof(worker), .main = ignore_stop };

    begin_cluster(EM_OPTIONS(em_cluster_options, .worker = &worker,
                             .workers = 1, .drain_ms = 20));
    wait_for("ready", 1);
    assert_ok(em_cluster_stop(cluster));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    assert_marks("ready killed 0 wanted");
    end_cluster();
}

static void free_it(em_emitter *emitter, void *how, void *worker)
{
    (void)emitter, (void)how;
    em_worker_free(worker);
}

/* The cluster has it still, and would free it again. */
TEST(a_worker_that_users_free_is_replaced_all_the_same)
{
    em_worker_options deaf = { .size = sizeof(deaf), .main = ignore_stop };
    em_worker *worker;

    begin_cluster(
        EM_OPTIONS(em_cluster_options, .worker = &deaf, .workers = 1));
    wait_for("ready", 1);
    worker = em_cluster_worker(cluster, 0);
    assert_ok(em_on(em_worker_emitter(worker), "exit", free_it, worker));
    em_worker_free(worker);
    em_worker_free(worker);
    wait_for("ready", 1);
    assert_marks("ready killed 0 wanted ready");
    end_cluster();
}

TEST(a_cluster_may_stop_before_it_is_ready)
{
    begin_cluster(NULL);
    assert_ok(em_cluster_stop(cluster));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    (void)take_marks();
    end_cluster();
}

TEST(a_cluster_may_be_freed_at_any_time)
{
    begin_cluster(NULL);
    end_cluster();
    begin_cluster(NULL);
    wait_for("ready", 1);
    end_cluster();
    begin_cluster(NULL);
    wait_for("ready", 1);
    kill_slot(0);
    wait_for("exit", 1);
    end_cluster();
    begin_cluster(NULL);
    wait_for("ready", 1);
    assert_ok(em_cluster_stop(cluster));
    end_cluster();
    (void)take_marks();
}

TEST(the_loop_frees_its_clusters)
{
    begin_cluster(NULL);
    wait_for("ready", 1);
    kill_slot(0);
    wait_for("exit", 1);
    end_master();
    (void)take_marks();
}

TEST(the_emitter_may_be_held_longer)
{
    em_emitter *emitter;

    begin_cluster(NULL);
    emitter = em_ref(em_cluster_emitter(cluster));
    wait_for("ready", 1);
    end_cluster();
    (void)em_emit(emitter, "message", NULL);
    em_unref(emitter);
    assert_marks("ready message");
}

static void free_cluster(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    em_cluster_free(cluster);
    mark("freed");
}

static void free_in(const char *event, const em_cluster_options *options)
{
    begin_cluster(options);
    assert_ok(
        em_prepend(em_cluster_emitter(cluster), event, free_cluster, NULL));
    if (strcmp(event, "ready") != 0) {
        wait_for("ready", 1);
        assert_ok(em_cluster_reload(cluster));
    }
    (void)em_loop_run(main_loop, EM_RUN_DEFAULT);
    ck_assert_ptr_nonnull(strstr(take_marks(), "freed"));
    end_master();
}

TEST(a_cluster_may_be_freed_by_its_listeners)
{
    free_in("ready", NULL);
    free_in("exit", NULL);
    free_in("reload", NULL);
}

TEST(a_cluster_may_be_freed_by_its_error)
{
    begin_cluster(EM_OPTIONS(em_cluster_options, .worker = &failing_worker,
                             .workers = 1, .restart_budget = UINT_MAX));
    assert_ok(
        em_prepend(em_cluster_emitter(cluster), "error", free_cluster, NULL));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    assert_marks("exit 0 freed");
    end_master();
}

TEST(a_child_may_free_what_it_inherited)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    int status;
    pid_t child;

    begin_cluster(NULL);
    wait_for("ready", 1);
    child = fork();
    if (child == 0) {
        status = em_cluster_stop(cluster) == -ECHILD &&
                         em_cluster_reload(cluster) == -ECHILD &&
                         em_cluster_address(cluster, (struct sockaddr *)&name,
                                            &size) == -ECHILD
                     ? 0
                     : 1;
        em_cluster_free(cluster);
        em_loop_free(main_loop);
        _exit(status);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_ge(ask(), 0);
    (void)take_marks();
    end_cluster();
}

static char path[64], directory[48];

TEST(a_path_is_served_and_goes_with_the_cluster)
{
    char text[80];
    struct stat status;

    strcpy(directory, "/tmp/test_cluster.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    (void)snprintf(text, sizeof(text), "unix:%s", path);
    begin_cluster(EM_OPTIONS(em_cluster_options, .listen = text,
                             .route = EM_ROUTE_IP_HASH));
    wait_for("ready", 1);
    ck_assert_int_ge(ask(), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    assert_error(-EADDRINUSE, TRY(.listen = text));
    assert_ok(em_cluster_stop(cluster));
    ck_assert_int_eq(stat(path, &status), -1);
    (void)take_marks();
    end_cluster();
    ck_assert_int_eq(rmdir(directory), 0);
}

SUITE("cluster", options_that_make_no_sense_are_refused,
      options_of_a_newer_library_are_refused,
      a_worker_that_cannot_start_is_told_at_once,
      nothing_is_answered_by_nothing, a_cluster_needs_no_address,
      all_slots_come_up, messages_of_workers_are_the_cluster_s,
      a_worker_that_dies_is_replaced_in_its_slot,
      off_all_does_not_break_the_cluster,
      a_worker_that_users_end_is_replaced_at_no_cost,
      a_slot_that_fails_too_often_is_given_up,
      a_slot_that_cannot_be_filled_tells_why, a_budget_of_none_gives_up_at_once,
      a_window_that_is_over_gives_a_new_budget, restarts_wait_longer_and_longer,
      a_stopped_cluster_ends_the_loop,
      connections_that_were_made_before_a_stop_are_served,
      a_worker_that_does_not_drain_in_time_is_killed,
      a_worker_that_users_free_is_replaced_all_the_same,
      a_cluster_may_stop_before_it_is_ready, a_cluster_may_be_freed_at_any_time,
      the_loop_frees_its_clusters, the_emitter_may_be_held_longer,
      a_cluster_may_be_freed_by_its_listeners,
      a_cluster_may_be_freed_by_its_error, a_child_may_free_what_it_inherited,
      a_path_is_served_and_goes_with_the_cluster);
