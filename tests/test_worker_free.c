/* SPDX-License-Identifier: MIT */
/* Workers: the end of their handles, wherever it comes. */

#include <config.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers.h"

TEST(a_live_worker_is_killed_and_reaped_without_an_event)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(hang, NULL);
    em_worker_free(worker);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    run();
    end_workers();
    assert_marks("");
}

TEST(a_stopped_worker_is_freed_too)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(idle, NULL);
    ck_assert_int_eq(kill(em_worker_pid(worker), SIGSTOP), 0);
    em_worker_free(worker);
    end_workers();
    assert_marks("");
}

TEST(a_loop_that_is_freed_takes_its_workers_along)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(hang, NULL);
    run_until(worker, "online");
    worker = spawn_main(echo, NULL);
    run_until(worker, "ready");
    (void)spawn_main(idle, NULL);
    end_workers();
    assert_marks("online online ready");
}

static void never(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    mark("never");
}

static void note_free(void *data)
{
    mark(data);
}

TEST(an_emitter_may_be_held_longer_than_its_worker)
{
    em_emitter *emitter;
    em_worker *worker;

    begin_workers();
    worker = spawn_main(hang, NULL);
    emitter = em_ref(em_worker_emitter(worker));
    assert_ok(em_listen(emitter, "exit",
                        EM_OPTIONS(em_listen_options, .fn = never,
                                   .free_data = note_free, .data = "freed"),
                        NULL));
    em_worker_free(worker);
    end_workers();
    ck_assert(em_emit(emitter, "online", NULL));
    assert_marks("online");
    em_unref(emitter);
    assert_marks("freed");
}

/* --- inside listeners --- */

static void free_worker(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    em_worker_free(data);
    mark("free");
}

static int post_something(em_loop *own, em_worker *parent, void *data)
{
    (void)data;
    if (em_worker_ready(parent) < 0)
        abort();
    say(parent, "one");
    say(parent, "two");
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return 0;
}

/* Its parent is to get an 'exit'. */
static int post_and_end(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)data;
    say(parent, "one");
    return 0;
}

static void free_at(const char *event, em_worker_main_fn *main)
{
    em_worker *worker;

    begin_workers();
    assert_ok(em_worker_spawn(
        master, EM_OPTIONS(em_worker_options, .main = main), &worker));
    assert_ok(em_on(em_worker_emitter(worker), event, free_worker, worker));
    assert_ok(em_on(em_worker_emitter(worker), event, never, NULL));
    run();
    assert_marks("free");
    end_workers();
}

TEST(a_worker_may_be_freed_in_every_listener)
{
    free_at("online", post_something);
    free_at("ready", post_something);
    free_at("message", post_something);
    free_at("message", post_and_end);
    free_at("exit", post_and_end);
}

/* Data that begins like no frame does. */
static int send_garbage(em_loop *own, em_worker *parent, void *data)
{
    static const char garbage[64] = "no frame at all";
    int fd;

    (void)own, (void)parent, (void)data;
    for (fd = 3; fd < 64; fd++)
        (void)send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL);
    return hang(own, parent, data);
}

TEST(a_worker_may_be_freed_when_it_sent_garbage)
{
    free_at("error", send_garbage);
}

static void free_loop(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    em_loop_free(data);
    mark("free");
}

static void free_loop_at(const char *event, em_worker_main_fn *main)
{
    em_worker *worker;

    begin_workers();
    assert_ok(em_worker_spawn(
        master, EM_OPTIONS(em_worker_options, .main = main), &worker));
    assert_ok(em_on(em_worker_emitter(worker), event, free_loop, master));
    run();
    assert_marks("free");
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

TEST(the_loop_may_be_freed_in_every_listener)
{
    free_loop_at("online", post_something);
    free_loop_at("message", post_something);
    free_loop_at("message", post_and_end);
    free_loop_at("exit", post_and_end);
    free_loop_at("error", send_garbage);
}

/* Of the worker that another one's listener frees, events may be on their way.
 */
TEST(a_worker_may_free_another_in_the_same_turn)
{
    em_worker *first, *second;

    begin_workers();
    first = spawn_main(post_something, NULL);
    second = spawn_main(post_something, NULL);
    take_marks();
    assert_ok(em_off_all(em_worker_emitter(first), NULL));
    assert_ok(em_off_all(em_worker_emitter(second), NULL));
    assert_ok(em_on(em_worker_emitter(first), "online", free_worker, second));
    assert_ok(em_on(em_worker_emitter(first), "ready", free_worker, first));
    assert_ok(em_on(em_worker_emitter(second), "online", never, NULL));
    run();
    end_workers();
    assert_marks("free free");
}

/* --- children that only inherited it --- */

static void check_in_child(em_worker *worker)
{
    ck_assert_int_eq(em_worker_post(worker, "child", 5, -1), -ECHILD);
    ck_assert_int_eq(em_worker_terminate(worker, 0), -ECHILD);
    ck_assert_int_eq(em_worker_spawn(master, NULL, &worker), -ECHILD);
    ck_assert_int_eq(em_worker_parent(master, &worker), -ECHILD);
}

TEST(a_forked_child_can_only_free_what_it_inherited)
{
    size_t blocks = blocks_in_use();
    em_worker *first, *second;
    int status;
    pid_t pid;

    begin_workers();
    first = spawn_main(echo, NULL);
    second = spawn_main(echo, NULL);
    assert_ok(em_listen(em_worker_emitter(first), "exit",
                        EM_OPTIONS(em_listen_options, .fn = never,
                                   .data = "freed", .free_data = note_free),
                        NULL));
    assert_ok(em_worker_post(first, "first", 5, dup(0)));
    assert_ok(em_worker_post(second, "second", 6, -1));
    pid = fork();
    if (pid == 0) {
        check_in_child(first);
        em_worker_free(first);
        em_loop_free(master);
        _exit(blocks_in_use() == blocks && !*take_marks() ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    assert_ok(em_off_all(em_worker_emitter(first), "exit"));
    assert_marks("freed");
    run_until(first, "message");
    assert_ok(em_worker_terminate(first, UINT64_MAX));
    assert_ok(em_worker_terminate(second, UINT64_MAX));
    run();
    take_marks();
    em_worker_free(first);
    em_worker_free(second);
    end_workers();
}

SUITE("worker_free", a_live_worker_is_killed_and_reaped_without_an_event,
      a_stopped_worker_is_freed_too,
      a_loop_that_is_freed_takes_its_workers_along,
      an_emitter_may_be_held_longer_than_its_worker,
      a_worker_may_be_freed_in_every_listener,
      a_worker_may_be_freed_when_it_sent_garbage,
      the_loop_may_be_freed_in_every_listener,
      a_worker_may_free_another_in_the_same_turn,
      a_forked_child_can_only_free_what_it_inherited);
