/* SPDX-License-Identifier: MIT */
/* Clusters: each route, with processes and with threads. */

#include <config.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clusters.h"

enum { WORKERS = 3 };

/* A cluster of WORKERS that is ready. */
static void begin_ready(const em_cluster_options *options,
                        const em_worker_options *worker)
{
    em_cluster_options given = *options;

    given.workers = WORKERS;
    given.worker = worker;
    begin_cluster(&given);
    wait_for("ready", 1);
    (void)take_marks();
}

#define BEGIN(...)                                           \
    begin_ready(EM_OPTIONS(em_cluster_options, __VA_ARGS__), \
                EM_OPTIONS(em_worker_options, .main = serve))
#define BEGIN_HOLDING(...)                                   \
    begin_ready(EM_OPTIONS(em_cluster_options, __VA_ARGS__), \
                EM_OPTIONS(em_worker_options, .main = hold))

static int route_to_digit(em_cluster *of, const struct sockaddr *peer,
                          const void *first, size_t size, void *data)
{
    const char *bytes = first;

    ck_assert_ptr_eq(of, cluster);
    ck_assert_int_eq(peer->sa_family, AF_INET);
    ck_assert_str_eq(data, "data");
    if (size == 0)
        return 1;
    if (bytes[size - 1] == ',')
        return -EAGAIN;
    return bytes[size - 1] >= '0' && bytes[size - 1] <= '9'
               ? bytes[size - 1] - '0'
               : -EACCES;
}

static void check_route(const em_cluster_options *options, bool thread)
{
    unsigned i, seen = 0;
    int slot;

    begin_ready(options,
                EM_OPTIONS(em_worker_options, .main = serve, .thread = thread));
    for (i = 0; i < 12; i++) {
        slot = ask();
        ck_assert_int_ge(slot, 0);
        ck_assert_int_lt(slot, WORKERS);
        seen |= 1U << slot;
        ck_assert_int_eq(answering_pid() == getpid(), thread);
    }
    if (options->route == EM_ROUTE_ROUND_ROBIN ||
        options->route == EM_ROUTE_LEAST_BUSY)
        ck_assert_uint_eq(seen, (1U << WORKERS) - 1);
    ck_assert_uint_eq(shared->served, 12);
    assert_ok(em_cluster_stop(cluster));
    assert_error(0, em_loop_run(main_loop, EM_RUN_DEFAULT));
    (void)take_marks();
    end_cluster();
}

TEST(every_route_serves)
{
    em_cluster_options options = { .size = sizeof(options),
                                   .route_fn = route_to_digit,
                                   .route_data = "data" };

    for (options.route = EM_ROUTE_KERNEL; options.route <= EM_ROUTE_FUNCTION;
         options.route++)
        check_route(&options, false);
    options.route = EM_ROUTE_KERNEL;
    options.reuseport = true;
    check_route(&options, false);
}

TEST(every_route_serves_with_threads)
{
    em_cluster_options options = { .size = sizeof(options),
                                   .route_fn = route_to_digit,
                                   .route_data = "data" };

    for (options.route = EM_ROUTE_KERNEL; options.route <= EM_ROUTE_FUNCTION;
         options.route++)
        check_route(&options, true);
    options.route = EM_ROUTE_KERNEL;
    options.reuseport = true;
    check_route(&options, true);
}

static void kill_slot(unsigned slot, int signo)
{
    em_worker *worker = em_cluster_worker(cluster, slot);

    ck_assert_ptr_nonnull(worker);
    ck_assert_int_eq(kill(em_worker_pid(worker), signo), 0);
}

/* It may run for a moment yet where it is on another processor. */
static void stop_slot(unsigned slot)
{
    id_t pid = (id_t)em_worker_pid(em_cluster_worker(cluster, slot));
    siginfo_t info;

    kill_slot(slot, SIGSTOP);
    ck_assert_int_eq(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT), 0);
}

/* --- turns --- */

TEST(round_robin_goes_round)
{
    int i;

    BEGIN(.route = EM_ROUTE_ROUND_ROBIN);
    for (i = 0; i < 7; i++)
        mark_number(ask());
    assert_marks("0 1 2 0 1 2 0");
    end_cluster();
}

TEST(the_least_busy_gets_the_next_one)
{
    static caller callers[6];
    int i;

    BEGIN_HOLDING(.route = EM_ROUTE_LEAST_BUSY);
    for (i = 0; i < 6; i++)
        connect_client(&callers[i], NULL, "");
    while (shared->begun < 6)
        assert_ok(em_loop_run(main_loop, EM_RUN_NOWAIT));
    for (i = 0; i < 6; i++)
        mark_number(shared->taken[callers[i].port] ==
                    em_worker_pid(em_cluster_worker(cluster, (unsigned)i % 3)));
    assert_marks("1 1 1 1 1 1");
    for (i = 1; i <= 4; i += 3) {
        ck_assert_int_eq(send(callers[i].fd, "x", 1, 0), 1);
        wait_for("message", 1);
        await(&callers[i]);
    }
    assert_marks("message message");
    for (i = 1; i <= 4; i += 3)
        connect_client(&callers[i], NULL, "");
    while (shared->begun < 8)
        assert_ok(em_loop_run(main_loop, EM_RUN_NOWAIT));
    for (i = 1; i <= 4; i += 3)
        mark_number(shared->taken[callers[i].port] ==
                    em_worker_pid(em_cluster_worker(cluster, 1)));
    assert_marks("1 1");
    for (i = 0; i < 6; i++)
        close_client(&callers[i]);
    end_cluster();
}

/* --- the peer's address --- */

enum { PEERS = 20 };

static void ask_all(int slots[PEERS])
{
    char from[16];
    int i;

    for (i = 0; i < PEERS; i++) {
        (void)snprintf(from, sizeof(from), "127.0.%d.%d", i / 4, 1 + i);
        slots[i] = ask_from(from, "");
        ck_assert_int_ge(slots[i], 0);
    }
}

static unsigned slots_of(const int slots[PEERS])
{
    unsigned seen = 0;
    int i;

    for (i = 0; i < PEERS; i++)
        seen |= 1U << slots[i];
    return seen;
}

TEST(a_peer_meets_its_slot_before_and_after_another_s_respawn)
{
    int before[PEERS], without[PEERS], after[PEERS], i;

    BEGIN(.route = EM_ROUTE_IP_HASH, .backoff_ms = 100);
    ask_all(before);
    ck_assert_uint_eq(slots_of(before), (1U << WORKERS) - 1);
    kill_slot(1, SIGKILL);
    wait_for("exit", 1);
    ask_all(without);
    wait_for("ready", 1);
    ask_all(after);
    for (i = 0; i < PEERS; i++) {
        if (before[i] != 1)
            ck_assert_int_eq(without[i], before[i]);
        ck_assert_int_eq(after[i], before[i]);
    }
    assert_marks("killed 1 ready");
    end_cluster();
}

TEST(a_prefix_makes_neighbours_of_peers)
{
    char from[16];
    int i, slot;

    BEGIN(.route = EM_ROUTE_IP_HASH, .ipv4_prefix = 24);
    slot = ask_from("127.0.9.1", "");
    for (i = 2; i < 20; i++) {
        (void)snprintf(from, sizeof(from), "127.0.9.%d", i);
        ck_assert_int_eq(ask_from(from, ""), slot);
    }
    end_cluster();
}

/* --- a function, and first bytes --- */

#define BY_DIGIT \
    .route = EM_ROUTE_FUNCTION, .route_fn = route_to_digit, .route_data = "data"

TEST(a_function_sees_first_bytes_and_the_worker_gets_them)
{
    BEGIN(BY_DIGIT, .peek = 16);
    mark_number(ask_from(NULL, "to 2"));
    mark(answering_text());
    mark_number(ask_from(NULL, "to 0"));
    mark(answering_text());
    assert_marks("2 to 2 0 to 0");
    end_cluster();
}

TEST(a_function_may_ask_for_more_bytes)
{
    caller slow = { .fd = -1 };

    BEGIN(BY_DIGIT, .peek = 16);
    connect_client(&slow, NULL, "a,");
    mark_number(ask_from(NULL, "1"));
    ck_assert(!slow.done);
    ck_assert_int_eq(send(slow.fd, "2", 1, 0), 1);
    await(&slow);
    mark_number(atoi(slow.answer));
    ck_assert_ptr_nonnull(strstr(slow.answer, " a,2\n"));
    assert_marks("1 2");
    end_cluster();
}

TEST(a_function_may_refuse)
{
    BEGIN(BY_DIGIT, .peek = 4);
    mark_number(ask_from(NULL, "no")); /* it says so */
    mark_number(ask_from(NULL, "9"));  /* no such slot */
    mark_number(
        ask_from(NULL, "abc,")); /* undecided, and peek bytes are there */
    mark_number(ask_from(NULL, "1"));
    assert_marks("-1 -1 -1 1");
    ck_assert_uint_eq(shared->begun, 1);
    end_cluster();
}

TEST(other_routes_wait_for_the_bytes_too)
{
    caller slow = { .fd = -1 };

    BEGIN(.route = EM_ROUTE_ROUND_ROBIN, .peek = 4);
    connect_client(&slow, NULL, "123");
    mark_number(ask_from(NULL, "1234"));
    mark(answering_text());
    ck_assert_int_eq(send(slow.fd, "4", 1, 0), 1);
    await(&slow);
    mark_number(atoi(slow.answer));
    assert_marks("0 1234 1");
    end_cluster();
}

TEST(large_first_bytes_are_handed_over)
{
    static char bytes[201];

    memset(bytes, 'x', 200);
    BEGIN(.route = EM_ROUTE_ROUND_ROBIN, .peek = EM_PEEK_MAX);
    end_cluster();
    BEGIN(.route = EM_ROUTE_ROUND_ROBIN, .peek = 200);
    ck_assert_int_eq(ask_from(NULL, bytes), 0);
    ck_assert_str_eq(answering_text(), bytes);
    end_cluster();
}

static int free_in_route(em_cluster *of, const struct sockaddr *peer,
                         const void *first, size_t size, void *data)
{
    (void)peer, (void)first, (void)size, (void)data;
    em_cluster_free(of);
    mark("freed");
    return 0;
}

static void free_by_route(size_t peek)
{
    caller one = { .fd = -1 };

    BEGIN(.route = EM_ROUTE_FUNCTION, .route_fn = free_in_route, .peek = peek);
    connect_client(&one, NULL, "x");
    await(&one);
    ck_assert(!was_answered(&one));
    assert_marks("freed");
    end_master();
}

TEST(a_cluster_may_be_freed_by_its_route)
{
    free_by_route(0);
    free_by_route(1);
}

/* --- workers that do not take --- */

TEST(of_a_stopped_worker_the_others_serve_everything)
{
    em_cluster_options options = { .size = sizeof(options),
                                   .route_fn = route_to_digit,
                                   .route_data = "data" };
    int i, slot;

    for (options.route = EM_ROUTE_KERNEL; options.route <= EM_ROUTE_FUNCTION;
         options.route++) {
        begin_ready(&options, EM_OPTIONS(em_worker_options, .main = serve));
        stop_slot(1);
        for (i = 0; i < 30; i++) {
            slot = ask();
            ck_assert_msg(slot == 0 || slot == 2, "route %d: slot %d",
                          (int)options.route, slot);
        }
        kill_slot(1, SIGCONT);
        end_cluster();
    }
}

TEST(a_worker_that_goes_on_is_routed_to_again)
{
    int i;

    BEGIN(.route = EM_ROUTE_ROUND_ROBIN);
    stop_slot(1);
    for (i = 0; i < 4; i++)
        mark_number(ask());
    assert_marks("0 2 0 2");
    kill_slot(1, SIGCONT);
    while (ask() != 1)
        ;
    end_cluster();
}

TEST(a_dead_worker_s_connections_go_to_others)
{
    static caller callers[30];
    int i;

    BEGIN(.route = EM_ROUTE_ROUND_ROBIN);
    stop_slot(1);
    for (i = 0; i < 30; i++)
        connect_client(&callers[i], NULL, "");
    while (shared->served < 20)
        assert_ok(em_loop_run(main_loop, EM_RUN_ONCE));
    kill_slot(1, SIGKILL);
    for (i = 0; i < 30; i++) {
        await(&callers[i]);
        ck_assert(was_answered(&callers[i]));
    }
    ck_assert_uint_eq(shared->begun, 30);
    (void)take_marks();
    end_cluster();
}

static int count_done(const caller *callers, int count)
{
    int i, done = 0;

    for (i = 0; i < count; i++)
        done += callers[i].done;
    return done;
}

/* From the highest number that is open on none is left, and then none below.
 * Returns how many were taken for that. */
static int use_up_descriptors(int *taken, int room)
{
    struct rlimit limit;
    int highest = room - 1, count = 0;

    while (fcntl(highest, F_GETFD) < 0)
        highest--;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)highest + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (count < room && (taken[count] = dup(0)) >= 0)
        count++;
    return count;
}

/* The worker's end has made some free, and each is free again when another
 * worker has the connection that was taken with it. */
TEST(they_do_without_a_free_descriptor_in_the_master)
{
    static caller callers[30];
    int taken[512], count, i;
    struct rlimit before;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    BEGIN(.route = EM_ROUTE_ROUND_ROBIN, .backoff_ms = 60000,
          .backoff_max_ms = 60000);
    stop_slot(1);
    for (i = 0; i < 30; i++)
        connect_client(&callers[i], NULL, "");
    while (count_done(callers, 30) < 20)
        assert_ok(em_loop_run(main_loop, EM_RUN_ONCE));
    count = use_up_descriptors(taken, 512);
    kill_slot(1, SIGKILL);
    for (i = 0; i < 30; i++)
        await(&callers[i]);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (i = 0; i < 30; i++)
        ck_assert(was_answered(&callers[i]));
    while (count > 0)
        (void)close(taken[--count]);
    (void)take_marks();
    end_cluster();
}

/* A queue has room for some 80; the backlog has the rest. */
TEST(what_nobody_takes_waits)
{
    static caller callers[400];
    unsigned i;

    BEGIN(.route = EM_ROUTE_ROUND_ROBIN);
    for (i = 0; i < WORKERS; i++)
        stop_slot(i);
    for (i = 0; i < 400; i++)
        connect_client(&callers[i], NULL, "");
    for (i = 0; i < 20; i++)
        assert_ok(em_loop_run(main_loop, EM_RUN_NOWAIT));
    ck_assert_uint_eq(shared->begun, 0);
    for (i = 0; i < WORKERS; i++)
        kill_slot(i, SIGCONT);
    for (i = 0; i < 400; i++) {
        await(&callers[i]);
        ck_assert(was_answered(&callers[i]));
    }
    assert_marks("");
    end_cluster();
}

static int start_late(em_loop *loop, em_worker *parent, void *data)
{
    char byte;

    if (read(*(int *)data, &byte, 1) != 1)
        return EXIT_FAILURE;
    return serve(loop, parent, NULL);
}

TEST(connections_wait_for_the_first_worker)
{
    em_worker_options worker = { .size = sizeof(worker), .main = start_late };
    caller early = { .fd = -1 };
    int ends[2], i;

    ck_assert_int_eq(pipe(ends), 0);
    worker.data = &ends[0];
    worker.keep_fds = ends;
    worker.keep_count = 1;
    begin_cluster(EM_OPTIONS(em_cluster_options, .worker = &worker,
                             .route = EM_ROUTE_ROUND_ROBIN));
    connect_client(&early, NULL, "");
    for (i = 0; i < 20; i++)
        assert_ok(em_loop_run(main_loop, EM_RUN_NOWAIT));
    ck_assert(!early.done);
    ck_assert_int_eq(write(ends[1], "xx", 2), 2);
    await(&early);
    ck_assert(was_answered(&early));
    (void)take_marks();
    end_cluster();
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* With one process, so that its slot is the only one. */
TEST(connections_survive_the_only_worker_s_restart)
{
    caller during = { .fd = -1 };
    em_route route;

    for (route = EM_ROUTE_KERNEL; route <= EM_ROUTE_LEAST_BUSY; route++) {
        begin_cluster(
            EM_OPTIONS(em_cluster_options, .workers = 1, .route = route));
        wait_for("ready", 1);
        kill_slot(0, SIGKILL);
        wait_for("exit", 1);
        connect_client(&during, NULL, "");
        await(&during);
        ck_assert(was_answered(&during));
        (void)take_marks();
        end_cluster();
    }
}

TEST(while_a_slot_is_down_others_serve_its_own_socket)
{
    int i;

    BEGIN(.reuseport = true, .backoff_ms = 60000, .backoff_max_ms = 60000);
    kill_slot(0, SIGKILL);
    kill_slot(1, SIGKILL);
    wait_for("exit", 2);
    for (i = 0; i < 30; i++)
        ck_assert_int_eq(ask(), 2);
    (void)take_marks();
    end_cluster();
}

/* Connect clients that say nothing until the first slot holds one. */
static unsigned hold_first(caller *callers)
{
    int first = em_worker_pid(em_cluster_worker(cluster, 0)), taken;
    unsigned count = 0;

    do {
        connect_client(&callers[count], NULL, "");
        while (!(taken = atomic_load(&shared->taken[callers[count].port])))
            assert_ok(em_loop_run(main_loop, EM_RUN_NOWAIT));
        count++;
    } while (taken != first);
    return count;
}

/* It lives on for what it holds, and accepts nothing more. */
TEST(while_a_worker_that_users_end_finishes_others_serve_its_own_socket)
{
    static caller callers[200];
    unsigned count;
    int i;

    BEGIN_HOLDING(.reuseport = true);
    count = hold_first(callers);
    assert_ok(em_worker_terminate(em_cluster_worker(cluster, 0), UINT64_MAX));
    for (i = 0; i < 30; i++)
        ck_assert_int_ge(ask_from(NULL, "x"), 0);
    while (count > 0)
        close_client(&callers[--count]);
    (void)take_marks();
    end_cluster();
}

/* --- connections that say nothing --- */

/* Both are one open socket. */
static int seconds_deferred(int fd)
{
    int seconds = 0;
    socklen_t size = sizeof(seconds);

    ck_assert_int_eq(
        getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, &size), 0);
    return seconds;
}

static void serve_from(int fd, bool defer)
{
    char listen_to[16];

    (void)snprintf(listen_to, sizeof(listen_to), "fd:%d", fd);
    BEGIN(.listen = listen_to, .route = EM_ROUTE_ROUND_ROBIN,
          .defer_accept = defer);
    ck_assert_int_ge(ask_from(NULL, "x"), 0);
    (void)take_marks();
    end_cluster();
}

TEST(connections_are_left_to_the_kernel_until_bytes_came)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(listen(fd, SOMAXCONN), 0);
    serve_from(fd, false);
    ck_assert_int_eq(seconds_deferred(fd), 0);
    serve_from(fd, true);
    ck_assert_int_gt(seconds_deferred(fd), 0);
    (void)close(fd);
}

/* An abstract one, which needs no file (unix(7), autobind). */
TEST(sockets_that_cannot_leave_them_there_serve_all_the_same)
{
    struct sockaddr name = { .sa_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, &name, sizeof(name.sa_family)), 0);
    ck_assert_int_eq(listen(fd, SOMAXCONN), 0);
    serve_from(fd, true);
    (void)close(fd);
}

SUITE("cluster routes", every_route_serves, every_route_serves_with_threads,
      round_robin_goes_round, the_least_busy_gets_the_next_one,
      a_peer_meets_its_slot_before_and_after_another_s_respawn,
      a_prefix_makes_neighbours_of_peers,
      a_function_sees_first_bytes_and_the_worker_gets_them,
      a_function_may_ask_for_more_bytes, a_function_may_refuse,
      other_routes_wait_for_the_bytes_too, large_first_bytes_are_handed_over,
      a_cluster_may_be_freed_by_its_route,
      of_a_stopped_worker_the_others_serve_everything,
      a_worker_that_goes_on_is_routed_to_again,
      a_dead_worker_s_connections_go_to_others,
      they_do_without_a_free_descriptor_in_the_master, what_nobody_takes_waits,
      connections_wait_for_the_first_worker,
      connections_survive_the_only_worker_s_restart,
      while_a_slot_is_down_others_serve_its_own_socket,
      while_a_worker_that_users_end_finishes_others_serve_its_own_socket,
      connections_are_left_to_the_kernel_until_bytes_came,
      sockets_that_cannot_leave_them_there_serve_all_the_same);
