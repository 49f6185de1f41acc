/* SPDX-License-Identifier: MIT */
/* Workers that do not keep to the rules. */

#include <config.h>

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/frame.h"
#include "workers.h"

TEST(a_worker_that_somebody_else_reaped_has_no_exit_status)
{
    const char *marks;
    em_worker *worker;

    begin_workers();
    worker = spawn_main(hang, NULL);
    ck_assert_int_eq(kill(em_worker_pid(worker), SIGKILL), 0);
    ck_assert_int_eq(waitpid(em_worker_pid(worker), NULL, 0),
                     em_worker_pid(worker));
    run();
    marks = take_marks();
    /* Without pidfds its end may be heard of first. */
    if (!(portable() || under_valgrind()) ||
        strcmp(marks, "error -10 online exit -1") != 0)
        ck_assert_str_eq(marks, "online error -10 exit -1");
    em_worker_free(worker);
    end_workers();
}

/* The channel is the first descriptor of its kind that a worker has. */
static int find_channel(void)
{
    int fd, type;
    socklen_t size = sizeof(type);

    for (fd = 3; getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0; fd++)
        ;
    return fd;
}

/* A head that announces more than comes. */
static int end_in_a_message(em_loop *own, em_worker *parent, void *data)
{
    int channel = dup(find_channel());

    (void)own;
    say(parent, "whole");
    em_worker_free(parent); /* sends it */
    return write(channel, data, EM__FRAME_HEAD) == EM__FRAME_HEAD ? 2 : 1;
}

TEST(a_worker_that_ends_in_the_middle_of_a_message_is_an_error)
{
    static unsigned char head[EM__FRAME_HEAD];
    em_worker *worker;

    em__frame_write_head(
        head, &(em__head){ .type = EM__FRAME_MESSAGE, .size = 1000 });
    begin_workers();
    worker = spawn_main(end_in_a_message, head);
    run();
    assert_marks("online whole error -104 exit 2");
    em_worker_free(worker);
    end_workers();
}

static int send_garbage(em_loop *own, em_worker *parent, void *data)
{
    (void)parent, (void)data;
    if (write(find_channel(), "this is no head of a frame", 26) != 26)
        return 1;
    return idle(own, parent, data);
}

TEST(a_worker_that_sends_garbage_is_left_and_we_live_on)
{
    em_worker *bad, *good;

    begin_workers();
    bad = spawn_main(send_garbage, NULL);
    run();
    assert_marks("online error -71 exit 0");
    assert_error(-ESRCH, em_worker_terminate(bad, 0));
    good = spawn_main(echo, NULL);
    assert_ok(em_worker_post(good, "hello", 5, -1));
    assert_ok(em_worker_terminate(good, UINT64_MAX));
    run();
    assert_marks("online ready hello exit 0 wanted");
    em_worker_free(bad);
    em_worker_free(good);
    end_workers();
}

SUITE("worker_hostile", a_worker_that_somebody_else_reaped_has_no_exit_status,
      a_worker_that_ends_in_the_middle_of_a_message_is_an_error,
      a_worker_that_sends_garbage_is_left_and_we_live_on);
