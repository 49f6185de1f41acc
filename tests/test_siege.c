/* SPDX-License-Identifier: MIT */
/* Clusters under fire: load while workers are killed, reloaded and stopped. */

#include <config.h>

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>

#include "clusters.h"

enum { WORKERS = 3, CALLERS = 8, KILLS = 1000, EACH = 3 };

/* Fewer where each takes long. */
static unsigned most_kills(void)
{
    const char *text = getenv("SIEGE_KILLS");
    int wanted = text ? atoi(text) : KILLS;

    return wanted > 0 && wanted < KILLS ? (unsigned)wanted : KILLS;
}

static caller callers[CALLERS];
static unsigned answered, failed, unseen;
static unsigned kills, kills_wanted;
static pid_t killed[KILLS];
static unsigned finished_wanted;

/* --- the load --- */

static bool was_killed(pid_t pid)
{
    unsigned i;

    for (i = 0; i < kills; i++) {
        if (killed[i] == pid)
            return true;
    }
    return false;
}

/* One that fails was with a worker that was killed; or it was just taken by
 * one, which could not even say so. */
static void check_failure(const caller *client)
{
    pid_t with = (pid_t)atomic_load(&shared->taken[client->port]);

    failed++;
    if (with == 0)
        unseen++;
    else
        ck_assert_msg(was_killed(with), "%d was not killed", (int)with);
}

/* At random, but the same in each run. */
static unsigned draw(unsigned below)
{
    static unsigned state = 1;

    state = state * 1103515245 + 12345;
    return state / 65536 % below;
}

static void kill_one(void)
{
    em_worker *worker = em_cluster_worker(cluster, draw(WORKERS));
    pid_t pid;

    if (!worker)
        return;
    pid = em_worker_pid(worker);
    if (was_killed(pid))
        return;
    killed[kills++] = pid;
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
}

static bool goes_on(void)
{
    return kills < kills_wanted || answered + failed < finished_wanted;
}

static void called(caller *client)
{
    if (was_answered(client))
        answered++;
    else
        check_failure(client);
    if (kills < kills_wanted && (answered + failed) % EACH == 0)
        kill_one();
    (void)take_marks();
    if (goes_on())
        connect_client(client, NULL, "");
}

static void begin_load(const em_cluster_options *options)
{
    int i;

    answered = failed = unseen = kills = 0;
    begin_cluster(options);
    wait_for("ready", 1);
    for (i = 0; i < CALLERS; i++) {
        callers[i] = (caller){ .fd = -1, .ended = called };
        connect_client(&callers[i], NULL, "");
    }
}

static void end_load(void)
{
    int i;

    for (i = 0; i < CALLERS; i++)
        await(&callers[i]);
    (void)take_marks();
}

/* Two restarts of a slot in the same moment are two forks. */
#define SIEGE(...)                                                             \
    begin_load(EM_OPTIONS(em_cluster_options, .workers = WORKERS,              \
                          .restart_budget = UINT_MAX - 1, .backoff_max_ms = 1, \
                          __VA_ARGS__))

/* --- kills --- */

static void kill_under_load(em_route route, unsigned count)
{
    kills_wanted = count;
    finished_wanted = 0;
    SIEGE(.route = route);
    end_load();
    ck_assert_uint_eq(kills, count);
    ck_assert_uint_le(unseen, kills);
    ck_assert_uint_le(shared->served, answered);
    ck_assert_uint_le(answered - shared->served, kills);
    ck_assert_uint_le(failed, answered);
    ck_assert_uint_ge(shared->begun + unseen, answered + failed - kills);
    end_cluster();
}

TEST(only_requests_with_a_killed_worker_fail)
{
    kill_under_load(EM_ROUTE_ROUND_ROBIN, most_kills());
}

TEST(only_requests_with_a_killed_worker_fail_in_every_route)
{
    kill_under_load(EM_ROUTE_KERNEL, most_kills() / 10);
    kill_under_load(EM_ROUTE_LEAST_BUSY, most_kills() / 10);
    kill_under_load(EM_ROUTE_IP_HASH, most_kills() / 10);
}

/* --- reloads --- */

static unsigned reloads;

static void reload_again(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    if (--reloads > 0)
        assert_ok(em_cluster_reload(cluster));
    else
        finished_wanted = 0;
}

static void reload_under_load(em_route route, bool reuseport, bool thread)
{
    em_worker_options worker = { .size = sizeof(worker),
                                 .main = serve,
                                 .thread = thread };

    kills_wanted = 0;
    finished_wanted = UINT_MAX;
    reloads = 10;
    SIEGE(.route = route, .reuseport = reuseport, .worker = &worker);
    assert_ok(em_on(em_cluster_emitter(cluster), "reload", reload_again, NULL));
    assert_ok(em_cluster_reload(cluster));
    end_load();
    ck_assert_uint_eq(reloads, 0);
    ck_assert_uint_eq(failed, 0);
    ck_assert_uint_eq(shared->served, answered);
    end_cluster();
}

TEST(no_request_fails_in_a_reload)
{
    em_route route;

    for (route = EM_ROUTE_KERNEL; route <= EM_ROUTE_IP_HASH; route++)
        reload_under_load(route, false, false);
    reload_under_load(EM_ROUTE_KERNEL, true, false);
}

TEST(no_request_fails_in_a_reload_of_threads)
{
    reload_under_load(EM_ROUTE_KERNEL, false, true);
    reload_under_load(EM_ROUTE_ROUND_ROBIN, false, true);
}

/* --- stops --- */

TEST(no_request_fails_while_a_worker_is_stopped)
{
    pid_t pid;

    kills_wanted = 0;
    finished_wanted = 500;
    SIEGE(.route = EM_ROUTE_ROUND_ROBIN);
    pid = em_worker_pid(em_cluster_worker(cluster, 1));
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    end_load();
    ck_assert_uint_eq(failed, 0);
    ck_assert_uint_ge(answered, 500);
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    end_cluster();
}

SUITE("siege", only_requests_with_a_killed_worker_fail,
      only_requests_with_a_killed_worker_fail_in_every_route,
      no_request_fails_in_a_reload, no_request_fails_in_a_reload_of_threads,
      no_request_fails_while_a_worker_is_stopped);
