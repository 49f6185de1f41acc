/* SPDX-License-Identifier: MIT */
/* Clusters on a system that fails: every call once, and every allocation. */

#include <config.h>

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "clusters.h"

static const struct failure {
    const char *call;
    int error;
} failures[] = {
    { "socketpair", EMFILE }, { "fork", EAGAIN },     { "sendmsg", ENOBUFS },
    { "recvmsg", ENOMEM },    { "accept4", ENOBUFS },
};

static const em_worker_options worker = { .size = sizeof(worker),
                                          .main = serve };

static em_cluster_options options_of(em_route route)
{
    return (em_cluster_options){ .size = sizeof(em_cluster_options),
                                 .worker = &worker,
                                 .workers = 2,
                                 .listen = "127.0.0.1:0",
                                 .route = route,
                                 .restart_budget = UINT_MAX - 1,
                                 .backoff_ms = 1,
                                 .drain_ms = 1000 };
}

static void set(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    *(bool *)data = true;
}

static bool over; /* a reload, in this way or that */

static void listen_for_over(void)
{
    assert_ok(em_on(em_cluster_emitter(cluster), "error", set, &over));
    assert_ok(em_on(em_cluster_emitter(cluster), "reload", set, &over));
}

static void reload(void)
{
    over = em_cluster_reload(cluster) < 0;
    while (!over)
        assert_ok(em_loop_run(main_loop, EM_RUN_ONCE));
}

static void stop(void)
{
    assert_ok(em_cluster_stop(cluster));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
}

/* Whatever fails: workers come up, whoever connects gets an end, and the
 * cluster stops. */
static void live(void)
{
    caller one = { .fd = -1 };

    listen_for_over();
    while (!em_cluster_worker(cluster, 0) || !em_cluster_worker(cluster, 1))
        assert_ok(em_loop_run(main_loop, EM_RUN_ONCE));
    connect_client(&one, NULL, "");
    await(&one);
    reload();
    stop();
}

/* Returns what em_cluster_new did. */
static int live_with(const em_cluster_options *options)
{
    int r;

    begin_master();
    r = em_cluster_new(main_loop, options, &cluster);
    if (r == 0)
        live();
    em_cluster_free(cluster);
    end_master();
    return r;
}

static void fail_each_call(const struct failure *failure, em_route route)
{
    em_cluster_options options = options_of(route);
    unsigned long nth = 1;
    int r;

    do {
        fail_call(failure->call, nth++, failure->error);
        r = live_with(&options);
        if (r < 0)
            assert_error(-failure->error, r);
    } while (call_failed());
    assert_ok(r);
}

TEST(every_call_may_fail)
{
    size_t i;

    for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        fail_each_call(&failures[i], EM_ROUTE_KERNEL);
        fail_each_call(&failures[i], EM_ROUTE_ROUND_ROBIN);
    }
}

/* A cluster that could be made lives on without memory being refused again. */
static void fail_each_allocation(em_route route)
{
    em_cluster_options options = options_of(route);
    unsigned long nth = 1;
    int r;

    do {
        begin_master();
        fail_allocation(nth++);
        r = em_cluster_new(main_loop, &options, &cluster);
        if (allocation_failed())
            assert_error(-ENOMEM, r);
        em_cluster_free(cluster);
        end_master();
    } while (r < 0);
    ck_assert_uint_gt(nth, 10);
}

TEST(every_allocation_of_a_new_cluster_may_fail)
{
    fail_each_allocation(EM_ROUTE_KERNEL);
    fail_each_allocation(EM_ROUTE_ROUND_ROBIN);
}

/* Those of a running one, the workers' included; their countdowns are their
 * own. */
TEST(every_allocation_of_a_running_cluster_may_fail)
{
    em_cluster_options options = options_of(EM_ROUTE_LEAST_BUSY);
    unsigned long nth;
    bool reached = true;

    for (nth = 1; reached; nth++) {
        begin_master();
        assert_ok(em_cluster_new(main_loop, &options, &cluster));
        listen_for_over();
        while (!em_cluster_worker(cluster, 0))
            assert_ok(em_loop_run(main_loop, EM_RUN_ONCE));
        fail_allocation(nth);
        reload();
        stop();
        reached = allocation_failed();
        em_cluster_free(cluster);
        end_master();
    }
    ck_assert_uint_gt(nth, 3);
}

/* Those of the cluster when a worker that was forked before becomes ready: it
 * is replaced, if need be. */
static void fail_each_allocation_at_ready(em_route route)
{
    em_cluster_options options = options_of(route);
    unsigned long nth;
    bool reached = true;

    for (nth = 1; reached; nth++) {
        begin_cluster(&options);
        fail_allocation(nth);
        wait_for("ready", 1);
        reached = allocation_failed();
        ck_assert_int_ge(ask(), 0);
        (void)take_marks();
        end_cluster();
    }
}

TEST(every_allocation_when_a_worker_becomes_ready_may_fail)
{
    fail_each_allocation_at_ready(EM_ROUTE_KERNEL);
    fail_each_allocation_at_ready(EM_ROUTE_ROUND_ROBIN);
}

/* --- descriptors --- */

/* One alone: what it leaves would be enough for a second. */
static void fail_to_equip(em_route route)
{
    em_cluster_options options = options_of(route);

    options.workers = 1;
    begin_cluster(&options);
    exhaust_descriptors();
    wait_for("exit", 1);
    ck_assert_ptr_null(em_cluster_worker(cluster, 0));
    restore_descriptors();
    (void)take_marks();
    wait_for("ready", 1);
    ck_assert_int_ge(ask(), 0);
    (void)take_marks();
    end_cluster();
}

TEST(a_worker_that_cannot_be_given_its_sockets_is_replaced)
{
    fail_to_equip(EM_ROUTE_KERNEL);
    fail_to_equip(EM_ROUTE_ROUND_ROBIN);
}

static void count_shed(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter;
    ck_assert_int_eq(error->code, -EMFILE);
    ++*(unsigned *)data;
}

static uint64_t callbacks(void)
{
    em_loop_counts counts = { .size = sizeof(counts) };

    assert_ok(em_loop_metrics(main_loop, &counts));
    return counts.callbacks;
}

TEST(without_descriptors_connections_are_shed)
{
    em_cluster_options options = options_of(EM_ROUTE_ROUND_ROBIN);
    static caller callers[10];
    unsigned shed = 0, i;
    uint64_t before;

    begin_cluster(&options);
    wait_for("ready", 1);
    ck_assert_int_ge(ask(), 0); /* and so all that was posted is sent */
    assert_ok(em_on(em_cluster_emitter(cluster), "shed", count_shed, &shed));
    for (i = 0; i < 10; i++)
        connect_client(&callers[i], NULL, "");
    exhaust_descriptors();
    before = callbacks();
    for (i = 0; i < 10; i++) {
        await(&callers[i]);
        ck_assert(!was_answered(&callers[i]));
    }
    for (i = 0; i < 100; i++)
        assert_ok(em_loop_run(main_loop, EM_RUN_NOWAIT));
    ck_assert_uint_le(callbacks() - before, 40);
    restore_descriptors();
    ck_assert_uint_eq(shed, 1);
    ck_assert_int_ge(ask(), 0);
    (void)take_marks();
    end_cluster();
}

SUITE("cluster faults", every_call_may_fail,
      every_allocation_of_a_new_cluster_may_fail,
      every_allocation_of_a_running_cluster_may_fail,
      every_allocation_when_a_worker_becomes_ready_may_fail,
      a_worker_that_cannot_be_given_its_sockets_is_replaced,
      without_descriptors_connections_are_shed);
