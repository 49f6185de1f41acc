/* SPDX-License-Identifier: MIT */
/* Workers that are processes: their events, from the first to the last. */

#include <config.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers.h"

static int get_ready(em_loop *own, em_worker *parent, void *data)
{
    (void)own;
    if (em_worker_ready(parent) < 0 || em_worker_ready(parent) < 0)
        abort();
    say(parent, "hello");
    return *(int *)data;
}

TEST(a_worker_tells_that_it_is_there_and_ready_and_how_it_ended)
{
    int status = 7;
    em_worker *worker;

    begin_workers();
    worker = spawn_main(get_ready, &status);
    ck_assert_int_gt(em_worker_pid(worker), 0);
    ck_assert_int_ne(em_worker_pid(worker), getpid());
    ck_assert_int_eq(em_worker_slot(worker), -1);
    ck_assert(em_loop_alive(master));
    assert_marks("");
    run();
    assert_marks("online ready hello exit 7");
    assert_error(-EPIPE, em_worker_post(worker, "", 0, -1));
    assert_error(-ESRCH, em_worker_terminate(worker, 0));
    em_worker_free(worker);
    end_workers();
}

TEST(an_exit_status_has_eight_bits)
{
    int status = 0x1ff;
    em_worker *worker;

    begin_workers();
    worker = spawn_main(get_ready, &status);
    run();
    assert_marks("online ready hello exit 255");
    em_worker_free(worker);
    end_workers();
}

TEST(messages_go_there_and_back)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(echo, NULL);
    assert_ok(em_worker_post(worker, "one", 3, -1));
    assert_ok(em_worker_post(worker, NULL, 0, -1));
    assert_ok(em_worker_post(worker, "two", 3, -1));
    run_until(worker, "ready");
    assert_ok(em_worker_post(worker, "three", 5, -1));
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    assert_marks("online ready one  two three exit 0 wanted");
    em_worker_free(worker);
    end_workers();
}

TEST(a_descriptor_goes_there_and_back)
{
    em_worker *worker;
    int ends[2];
    char byte;

    begin_workers();
    ck_assert_int_eq(pipe(ends), 0);
    worker = spawn_main(echo, NULL);
    assert_ok(em_worker_post(worker, "take", 4, ends[1]));
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    assert_marks("online ready take fd exit 0 wanted");
    ck_assert_int_eq(read(ends[0], &byte, 1), 0); /* closed everywhere */
    (void)close(ends[0]);
    em_worker_free(worker);
    end_workers();
}

static int post_three(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)data;
    say(parent, "one");
    say(parent, "two");
    say(parent, "three");
    return 0;
}

TEST(a_run_that_is_stopped_leaves_the_next_message_to_the_next_run)
{
    em_worker *worker;

    if (portable()) /* the end may be heard of first, and brings all with it */
        return;
    begin_workers();
    worker = spawn_main(post_three, NULL);
    run_until(worker, "message");
    assert_marks("online one");
    run_until(worker, "message");
    assert_marks("two");
    ck_assert(em_loop_alive(master));
    run();
    assert_marks("three exit 0");
    em_worker_free(worker);
    end_workers();
}

enum { BIG = 8 * 1024 * 1024, SMALL = 1000 };

/* Much more than a socket holds, and it ends at once. */
static int post_much(em_loop *own, em_worker *parent, void *data)
{
    char *big = calloc(1, BIG);
    int i;

    (void)own, (void)data;
    if (!big || em_worker_post(parent, big, BIG, -1) < 0)
        abort();
    for (i = 0; i < SMALL; i++) {
        if (em_worker_post(parent, &i, sizeof(i), -1) < 0)
            abort();
    }
    free(big);
    return 0;
}

static int received;

static void count(em_emitter *emitter, void *arg, void *data)
{
    const em_message *message = arg;
    int number;

    (void)emitter, (void)data;
    if (received++ == 0) {
        ck_assert_uint_eq(message->size, BIG);
        return;
    }
    ck_assert_uint_eq(message->size, sizeof(number));
    memcpy(&number, message->data, sizeof(number));
    ck_assert_int_eq(number, received - 2);
}

static void note_all(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    mark_number(received);
}

TEST(what_a_worker_sent_before_its_end_comes_before_its_exit)
{
    em_worker *worker;

    begin_workers();
    received = 0;
    assert_ok(em_worker_spawn(
        master, EM_OPTIONS(em_worker_options, .main = post_much), &worker));
    assert_ok(em_on(em_worker_emitter(worker), "message", count, NULL));
    assert_ok(em_on(em_worker_emitter(worker), "exit", note_all, NULL));
    run();
    assert_marks("1001");
    em_worker_free(worker);
    end_workers();
}

TEST(a_killed_worker_is_told_as_such)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(hang, NULL);
    run_until(worker, "online");
    ck_assert_int_eq(kill(em_worker_pid(worker), SIGTERM), 0);
    run();
    assert_marks("online killed 15");
    em_worker_free(worker);
    end_workers();
}

/* --- the end that is asked for --- */

TEST(without_a_listener_for_stop_the_loop_of_the_worker_stops)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(idle, NULL);
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    assert_marks("online exit 0 wanted");
    em_worker_free(worker);
    end_workers();
}

static void answer_stop(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    say(data, "stop");
}

/* The channel, which is closed by nobody, keeps it. */
static int refuse_to_stop(em_loop *own, em_worker *parent, void *data)
{
    (void)data;
    if (em_on(em_worker_emitter(parent), "stop", answer_stop, parent) < 0)
        abort();
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return 0;
}

TEST(a_worker_that_does_not_stop_is_killed_after_the_grace)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(refuse_to_stop, NULL);
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run_until(worker, "message");
    assert_marks("online stop");
    assert_ok(em_worker_terminate(worker, 1));
    run();
    assert_marks("killed 9 wanted");
    em_worker_free(worker);
    end_workers();
}

TEST(asking_again_only_shortens_the_grace)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(hang, NULL);
    assert_ok(em_worker_terminate(worker, 1));
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    assert_ok(em_worker_terminate(worker, 100000));
    run();
    assert_marks("online killed 9 wanted");
    em_worker_free(worker);
    end_workers();
}

TEST(no_grace_at_all_kills_at_once)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(hang, NULL);
    run_until(worker, "online");
    assert_ok(em_worker_terminate(worker, 0));
    run();
    assert_marks("online killed 9 wanted");
    em_worker_free(worker);
    end_workers();
}

TEST(a_stopped_process_is_killed_too)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(idle, NULL);
    run_until(worker, "online");
    ck_assert_int_eq(kill(em_worker_pid(worker), SIGSTOP), 0);
    assert_ok(em_worker_terminate(worker, 1));
    run();
    assert_marks("online killed 9 wanted");
    em_worker_free(worker);
    end_workers();
}

/* --- the queue --- */

TEST(a_worker_that_does_not_read_gets_a_bounded_queue)
{
    static char block[10000];
    em_worker *worker;
    int r = 0;

    begin_workers();
    worker = spawn(EM_OPTIONS(em_worker_options, .main = echo,
                              .queue_limit = sizeof(block)));
    assert_error(-EMSGSIZE,
                 em_worker_post(worker, block, sizeof(block) + 1, -1));
    run_until(worker, "ready");
    ck_assert_int_eq(kill(em_worker_pid(worker), SIGSTOP), 0);
    while (r == 0)
        r = em_worker_post(worker, block, sizeof(block), -1);
    assert_error(-EAGAIN, r);
    assert_ok(em_worker_terminate(worker, UINT64_MAX)); /* there is room */
    ck_assert_int_eq(kill(em_worker_pid(worker), SIGCONT), 0);
    assert_ok(em_off_all(em_worker_emitter(worker), "message"));
    run_until(worker, "drain");
    run();
    assert_marks("online ready drain exit 0 wanted");
    em_worker_free(worker);
    end_workers();
}

TEST(nonsense_is_refused_and_leaves_the_descriptor)
{
    em_worker *worker;
    int closed;

    begin_workers();
    worker = spawn_main(idle, NULL);
    closed = dup(0);
    (void)close(closed);
    assert_error(-EINVAL, em_worker_post(NULL, "", 0, -1));
    assert_error(-EINVAL, em_worker_post(worker, NULL, 1, -1));
    assert_error(-EINVAL, em_worker_post(worker, "", 0, -2));
    assert_error(-EBADF, em_worker_post(worker, "", 0, closed));
    assert_error(-EINVAL, em_worker_terminate(NULL, 0));
    assert_error(-EINVAL, em_worker_ready(NULL));
    assert_error(-EINVAL, em_worker_done(NULL));
    assert_error(-EINVAL, em_worker_ready(worker));
    assert_error(-EINVAL, em_worker_done(worker));
    ck_assert_ptr_null(em_worker_emitter(NULL));
    assert_error(-EINVAL, em_worker_pid(NULL));
    assert_error(-EINVAL, em_worker_slot(NULL));
    em_worker_free(NULL);
    assert_marks("");
    em_worker_free(worker);
    end_workers();
}

SUITE("worker", a_worker_tells_that_it_is_there_and_ready_and_how_it_ended,
      an_exit_status_has_eight_bits, messages_go_there_and_back,
      a_descriptor_goes_there_and_back,
      a_run_that_is_stopped_leaves_the_next_message_to_the_next_run,
      what_a_worker_sent_before_its_end_comes_before_its_exit,
      a_killed_worker_is_told_as_such,
      without_a_listener_for_stop_the_loop_of_the_worker_stops,
      a_worker_that_does_not_stop_is_killed_after_the_grace,
      asking_again_only_shortens_the_grace, no_grace_at_all_kills_at_once,
      a_stopped_process_is_killed_too,
      a_worker_that_does_not_read_gets_a_bounded_queue,
      nonsense_is_refused_and_leaves_the_descriptor);
