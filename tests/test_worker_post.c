/* SPDX-License-Identifier: MIT */
/* Posts outside a run: they go at once, for no turn will send them. */

#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workers.h"

static int say_and_hang(em_loop *own, em_worker *parent, void *data)
{
    say(parent, "hello");
    if (em_worker_ready(parent) < 0)
        abort();
    return hang(own, parent, data);
}

TEST(a_worker_that_hangs_has_said_so)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(say_and_hang, NULL);
    run_until(worker, "ready");
    assert_marks("online hello ready");
    em_worker_free(worker);
    end_workers();
}

static int say_and_crash(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)data;
    say(parent, "bye");
    (void)raise(SIGKILL);
    return 0;
}

TEST(a_worker_that_crashes_has_said_so)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(say_and_crash, NULL);
    run();
    assert_marks("online bye killed 9");
    em_worker_free(worker);
    end_workers();
}

static void write_down(em_emitter *emitter, void *arg, void *data)
{
    const em_message *message = arg;

    (void)emitter;
    if (write(*(int *)data, message->data, message->size) < 0)
        abort();
}

static int pass_on(em_loop *own, em_worker *parent, void *data)
{
    if (em_on(em_worker_emitter(parent), "message", write_down, data) < 0)
        abort();
    return idle(own, parent, data);
}

TEST(a_parent_that_does_not_run_its_loop_is_heard)
{
    em_worker *worker;
    char text[8] = "";
    int ends[2];

    begin_workers();
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    worker =
        spawn(EM_OPTIONS(em_worker_options, .main = pass_on, .data = &ends[1],
                         .keep_fds = &ends[1], .keep_count = 1));
    assert_ok(em_worker_post(worker, "here", 4, -1));
    ck_assert_int_eq(read(ends[0], text, sizeof(text)), 4);
    ck_assert_str_eq(text, "here");
    em_worker_free(worker);
    (void)close(ends[0]);
    (void)close(ends[1]);
    end_workers();
}

enum { MANY = 1000 };

static int say_much_and_run(em_loop *own, em_worker *parent, void *data)
{
    int i;

    for (i = 0; i < MANY; i++) {
        if (em_worker_post(parent, &i, sizeof(i), -1) < 0)
            abort();
    }
    return idle(own, parent, data);
}

static void check_number(em_emitter *emitter, void *arg, void *data)
{
    const em_message *message = arg;
    int *next = data, number;

    (void)emitter;
    ck_assert_uint_eq(message->size, sizeof(number));
    memcpy(&number, message->data, sizeof(number));
    ck_assert_int_eq(number, (*next)++);
    if (*next == MANY)
        em_loop_stop(master);
}

TEST(many_posts_outside_a_run_stay_in_order)
{
    em_worker *worker;
    int next = 0;

    begin_workers();
    assert_ok(em_worker_spawn(
        master, EM_OPTIONS(em_worker_options, .main = say_much_and_run),
        &worker));
    assert_ok(em_on(em_worker_emitter(worker), "message", check_number, &next));
    assert_ok(em_loop_run(master, EM_RUN_DEFAULT));
    ck_assert_int_eq(next, MANY);
    em_worker_free(worker);
    end_workers();
}

SUITE("worker_post", a_worker_that_hangs_has_said_so,
      a_worker_that_crashes_has_said_so,
      a_parent_that_does_not_run_its_loop_is_heard,
      many_posts_outside_a_run_stay_in_order);
