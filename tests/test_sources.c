/* SPDX-License-Identifier: MIT */
/* Sources of connections: what a worker's end makes of those it is given. */

#include <config.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/handoff.h"
#include "worker/internal.h"
#include "workers.h"

/* --- the worker --- */

static int code; /* it exits with: the last error */

static void note_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter, (void)data;
    code = -error->code;
}

static void say_connection(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    say(data, "connection");
}

static void free_parent(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    em_worker_free(data);
    code = 7;
}

static int work(em_loop *own, em_worker *parent, em_listener_fn *fn)
{
    em_emitter *emitter = em_worker_emitter(parent);

    if (em_on(emitter, "error", note_error, NULL) < 0 ||
        em_on(emitter, "connection", fn, parent) < 0 ||
        em_worker_ready(parent) < 0)
        return EXIT_FAILURE;
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return code;
}

static int obey(em_loop *own, em_worker *parent, void *data)
{
    (void)data;
    return work(own, parent, say_connection);
}

static int free_at_connection(em_loop *own, em_worker *parent, void *data)
{
    (void)data;
    return work(own, parent, free_parent);
}

/* --- who gives --- */

static em_worker *worker;

static void begin(em_worker_main_fn *main)
{
    worker = spawn_main(main, NULL);
    run_until(worker, "ready");
}

static void end(void)
{
    run();
    em_worker_free(worker);
}

static int null_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    return fd;
}

/* A new queue with a connection in it, which lasts until it is closed here. */
static void give_queue(em__handoff *queue)
{
    em_connection connection = { .fd = null_fd(), .data = "" };
    uint64_t size;
    int end;

    assert_ok(em__handoff_open(queue, 0, &end));
    size = queue->packet_max;
    assert_ok(em__handoff_put(queue, &connection));
    assert_ok(
        em__worker_tell(worker, EM__FRAME_HANDOFF, &size, sizeof(size), end));
}

/* Without a socket; and with data of the other one's size. */
TEST(a_source_that_makes_no_sense_ends_the_channel)
{
    static const uint64_t data = 100;
    static const struct {
        em__frame_type type;
        size_t size;
        bool fd;
    } cases[] = {
        { EM__FRAME_HANDOFF, sizeof(uint64_t), false },
        { EM__FRAME_HANDOFF, sizeof(uint32_t), true },
        { EM__FRAME_LISTEN, sizeof(uint32_t), false },
        { EM__FRAME_LISTEN, sizeof(uint64_t), true },
    };
    size_t i;

    begin_workers();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(obey);
        assert_ok(em__worker_tell(worker, cases[i].type, &data, cases[i].size,
                                  cases[i].fd ? null_fd() : -1));
        end();
        assert_marks("online ready exit 71");
    }
    end_workers();
}

TEST(a_second_queue_is_refused_and_the_first_served)
{
    em__handoff first, second;

    begin_workers();
    begin(obey);
    give_queue(&first);
    give_queue(&second);
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    end();
    assert_marks("online ready connection exit 114 wanted");
    ck_assert_uint_eq(em__handoff_waiting(&first), 0);
    ck_assert_uint_eq(em__handoff_waiting(&second), 1);
    em__handoff_close(&first);
    em__handoff_close(&second);
    end_workers();
}

TEST(a_worker_may_free_its_end_while_it_is_told_to_stop)
{
    em__handoff queue;

    begin_workers();
    begin(free_at_connection);
    give_queue(&queue);
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    end();
    em__handoff_close(&queue);
    assert_marks("online ready exit 7 wanted");
    end_workers();
}

SUITE("sources", a_source_that_makes_no_sense_ends_the_channel,
      a_second_queue_is_refused_and_the_first_served,
      a_worker_may_free_its_end_while_it_is_told_to_stop);
