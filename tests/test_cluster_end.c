/* SPDX-License-Identifier: MIT */
/* Clusters: what happens at the end, and without memory, to connections that
 * no worker has yet. */

#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clusters.h"

/* A queue has room for some 80. */
enum { MANY = 200, TURNS = 20 };

static caller callers[MANY];

static void kill_slot(unsigned slot, int signo)
{
    em_worker *worker = em_cluster_worker(cluster, slot);

    ck_assert_ptr_nonnull(worker);
    ck_assert_int_eq(kill(em_worker_pid(worker), signo), 0);
}

static void turn(void)
{
    int i;

    for (i = 0; i < TURNS; i++)
        assert_ok(em_loop_run(main_loop, EM_RUN_NOWAIT));
}

/* --- what is shed --- */

static int shed_error;
static unsigned shed_count;

static void note_shed(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter, (void)data;
    shed_error = error->code;
    shed_count += (unsigned)strtoul(error->message, NULL, 10);
}

/* A cluster with one worker, which is ready. */
static void begin(const em_cluster_options *options)
{
    em_cluster_options given = *options;

    given.workers = 1;
    shed_error = 0;
    shed_count = 0;
    begin_cluster(&given);
    assert_ok(em_on(em_cluster_emitter(cluster), "shed", note_shed, NULL));
    wait_for("ready", 1);
    (void)take_marks();
}

#define BEGIN(...) begin(EM_OPTIONS(em_cluster_options, __VA_ARGS__))

/* That worker, stopped, and many who have connected. */
static void begin_crowded(void)
{
    int i;

    BEGIN(.route = EM_ROUTE_ROUND_ROBIN);
    kill_slot(0, SIGSTOP);
    for (i = 0; i < MANY; i++)
        connect_client(&callers[i], NULL, "");
}

static unsigned await_all(void)
{
    unsigned answered = 0;
    int i;

    for (i = 0; i < MANY; i++) {
        await(&callers[i]);
        answered += was_answered(&callers[i]);
    }
    return answered;
}

static void end(void)
{
    (void)take_marks();
    end_cluster();
}

/* --- stopping --- */

TEST(a_stop_refuses_what_does_not_fit_in_a_queue_and_tells)
{
    pid_t pid;
    unsigned answered;

    begin_crowded();
    pid = em_worker_pid(em_cluster_worker(cluster, 0));
    assert_ok(em_cluster_stop(cluster));
    assert_error(-ESHUTDOWN, shed_error);
    ck_assert_uint_gt(shed_count, 0);
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    answered = await_all();
    ck_assert_uint_eq(answered + shed_count, MANY);
    ck_assert_uint_eq(shared->served, answered);
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    end();
}

TEST(a_stop_refuses_what_is_parked_and_tells)
{
    pid_t pid;
    unsigned answered;

    begin_crowded();
    pid = em_worker_pid(em_cluster_worker(cluster, 0));
    turn(); /* the first one for which there is no room waits here */
    ck_assert_int_eq(shed_error, 0);
    assert_ok(em_cluster_stop(cluster));
    assert_error(-ESHUTDOWN, shed_error);
    ck_assert_uint_eq(shed_count, 1);
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    answered = await_all();
    ck_assert_uint_gt(answered, 0);
    ck_assert_uint_eq(shared->served, answered);
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    end();
}

TEST(a_cluster_that_is_freed_closes_what_is_parked)
{
    begin_crowded();
    turn();
    em_cluster_free(cluster);
    ck_assert_uint_eq(await_all(), 0);
    ck_assert_int_eq(shed_error, 0);
    end_master();
}

static int free_in_route(em_cluster *of, const struct sockaddr *peer,
                         const void *first, size_t size, void *data)
{
    (void)peer, (void)first, (void)size, (void)data;
    em_cluster_free(of);
    mark("freed");
    return 0;
}

TEST(a_cluster_may_be_freed_by_its_route_while_it_stops)
{
    BEGIN(.route = EM_ROUTE_FUNCTION, .route_fn = free_in_route);
    connect_client(&callers[0], NULL, "");
    connect_client(&callers[1], NULL, "");
    assert_ok(em_cluster_stop(cluster));
    assert_marks("freed");
    await(&callers[0]);
    await(&callers[1]);
    ck_assert(!was_answered(&callers[0]) && !was_answered(&callers[1]));
    end_master();
}

static int stop_in_route(em_cluster *of, const struct sockaddr *peer,
                         const void *first, size_t size, void *data)
{
    (void)peer, (void)first, (void)size, (void)data;
    mark("routed");
    assert_ok(em_cluster_stop(of));
    return 0;
}

/* What is behind it goes to the worker; it itself comes too late for that. */
TEST(a_cluster_may_be_stopped_by_its_route)
{
    BEGIN(.route = EM_ROUTE_FUNCTION, .route_fn = stop_in_route);
    connect_client(&callers[0], NULL, "");
    connect_client(&callers[1], NULL, "");
    await(&callers[0]);
    await(&callers[1]);
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    ck_assert_uint_eq(was_answered(&callers[0]) + was_answered(&callers[1]), 1);
    assert_error(-ESHUTDOWN, shed_error);
    ck_assert_uint_eq(shed_count, 1);
    assert_marks("routed routed shed exit 0 wanted");
    end();
}

static int choose_by_bytes(em_cluster *of, const struct sockaddr *peer,
                           const void *first, size_t size, void *data)
{
    (void)of, (void)peer, (void)first, (void)data;
    return size < 3 ? -EAGAIN : 0;
}

/* Of which nothing was read before. */
TEST(a_stop_serves_peers_that_have_said_enough)
{
    int i;

    BEGIN(.route = EM_ROUTE_FUNCTION, .route_fn = choose_by_bytes, .peek = 16);
    connect_client(&callers[0], NULL, "abc");
    connect_client(&callers[1], NULL, "ab");
    connect_client(&callers[2], NULL, "abcd");
    assert_ok(em_cluster_stop(cluster));
    for (i = 0; i < 3; i++)
        await(&callers[i]);
    ck_assert(was_answered(&callers[0]) && was_answered(&callers[2]));
    ck_assert(!was_answered(&callers[1]));
    ck_assert_int_eq(shed_error, 0);
    end();
}

/* What was read of it goes with it. */
TEST(a_cluster_may_be_stopped_by_its_route_at_a_peek)
{
    BEGIN(.route = EM_ROUTE_FUNCTION, .route_fn = stop_in_route, .peek = 16);
    connect_client(&callers[0], NULL, "peek");
    await(&callers[0]);
    ck_assert(!was_answered(&callers[0]));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    assert_marks("routed exit 0 wanted");
    end();
}

/* Users need not tell the cluster whom they end. */
TEST(nothing_is_given_to_a_worker_that_users_end)
{
    em_route route;
    int i;

    for (route = EM_ROUTE_ROUND_ROBIN; route <= EM_ROUTE_LEAST_BUSY; route++) {
        begin_cluster(EM_OPTIONS(em_cluster_options, .route = route));
        wait_for("ready", 1);
        assert_ok(
            em_worker_terminate(em_cluster_worker(cluster, 0), UINT64_MAX));
        for (i = 0; i < 4; i++)
            connect_client(&callers[i], NULL, "");
        for (i = 0; i < 4; i++) {
            await(&callers[i]);
            ck_assert(was_answered(&callers[i]));
        }
        end();
    }
}

/* The kernel may have no room for a watch: then a look in time finds room. */
TEST(a_full_queue_that_cannot_be_watched_is_looked_at)
{
    if (!on_epoll())
        return;
    begin_crowded();
    fail_call("epoll_ctl", 1, ENOSPC);
    turn();
    ck_assert(call_failed());
    kill_slot(0, SIGCONT);
    ck_assert_uint_eq(await_all(), MANY);
    end();
}

/* Of which the emitter is held, and so its memory. */
TEST(a_cluster_that_was_freed_refuses_everything)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    em_emitter *emitter;

    BEGIN(.route = EM_ROUTE_ROUND_ROBIN);
    emitter = em_ref(em_cluster_emitter(cluster));
    em_cluster_free(cluster);
    assert_error(-EINVAL, em_cluster_stop(cluster));
    assert_error(-EINVAL, em_cluster_reload(cluster));
    assert_error(-EINVAL,
                 em_cluster_address(cluster, (struct sockaddr *)&name, &size));
    ck_assert_ptr_null(em_cluster_worker(cluster, 0));
    em_cluster_free(cluster);
    em_unref(emitter);
    end_master();
}

/* --- without memory --- */

TEST(what_cannot_be_parked_is_refused_and_the_rest_served)
{
    begin_crowded();
    fail_allocation(1);
    turn();
    ck_assert(allocation_failed());
    assert_error(-ENOMEM, shed_error);
    ck_assert_uint_eq(shed_count, 1);
    kill_slot(0, SIGCONT);
    ck_assert_uint_eq(await_all(), MANY - 1);
    end();
}

TEST(what_cannot_be_peeked_at_is_refused)
{
    BEGIN(.route = EM_ROUTE_ROUND_ROBIN, .peek = 1);
    connect_client(&callers[0], NULL, "x");
    fail_allocation(1);
    await(&callers[0]);
    ck_assert(allocation_failed());
    ck_assert(!was_answered(&callers[0]));
    turn();
    assert_error(-ENOMEM, shed_error);
    ck_assert_uint_eq(shed_count, 1);
    ck_assert_int_eq(ask_from(NULL, "x"), 0);
    end();
}

/* --- in a worker --- */

enum { ALL_OPEN = 1, SOME_CLOSED = 2, NUMBERS = 200 };

/* All numbers up to there are this process's own, whatever they once were. */
static bool take_all_numbers(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && fd < NUMBERS);
    return fd >= 0;
}

static bool all_are_open(void)
{
    int fd;

    for (fd = 0; fd < NUMBERS; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            return false;
    }
    return true;
}

/* The first worker is forked before there is a cluster to inherit. */
static int free_inherited(em_loop *loop, em_worker *parent, void *data)
{
    if (!cluster)
        return serve(loop, parent, data);
    if (!take_all_numbers())
        return EXIT_FAILURE;
    em_cluster_free(cluster);
    em_loop_free(main_loop);
    atomic_store(&shared->taken[0], all_are_open() ? ALL_OPEN : SOME_CLOSED);
    return serve(loop, parent, data);
}

/* One waits for its first byte, another for a worker, when that one forks. */
TEST(a_worker_that_frees_the_cluster_closes_none_of_its_own_descriptors)
{
    em_worker_options worker = { .size = sizeof(worker),
                                 .main = free_inherited };

    BEGIN(.worker = &worker, .route = EM_ROUTE_ROUND_ROBIN, .peek = 1);
    connect_client(&callers[0], NULL, "");
    connect_client(&callers[1], NULL, "x");
    kill_slot(0, SIGSTOP);
    turn();
    kill_slot(0, SIGKILL);
    await(&callers[1]);
    ck_assert(was_answered(&callers[1]));
    ck_assert_int_eq(shared->taken[0], ALL_OPEN);
    ck_assert(!callers[0].done);
    ck_assert_int_eq(send(callers[0].fd, "x", 1, MSG_NOSIGNAL), 1);
    await(&callers[0]);
    ck_assert(was_answered(&callers[0]));
    end();
}

SUITE("cluster end", a_stop_refuses_what_does_not_fit_in_a_queue_and_tells,
      a_stop_refuses_what_is_parked_and_tells,
      a_cluster_that_is_freed_closes_what_is_parked,
      a_cluster_may_be_freed_by_its_route_while_it_stops,
      a_cluster_may_be_stopped_by_its_route,
      a_stop_serves_peers_that_have_said_enough,
      a_cluster_may_be_stopped_by_its_route_at_a_peek,
      nothing_is_given_to_a_worker_that_users_end,
      a_full_queue_that_cannot_be_watched_is_looked_at,
      a_cluster_that_was_freed_refuses_everything,
      what_cannot_be_parked_is_refused_and_the_rest_served,
      what_cannot_be_peeked_at_is_refused,
      a_worker_that_frees_the_cluster_closes_none_of_its_own_descriptors);
