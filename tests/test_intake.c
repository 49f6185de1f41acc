/* SPDX-License-Identifier: MIT */
/* A worker's intake: connections out of its queue, and by accepting. */

#include <config.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"
#include "worker/handoff.h"
#include "worker/intake.h"
#include "worker/socket.h"

enum { DATA_MAX = 64 };

static em_loop *loop;
static em__intake intake;

static void begin(em__intake_fn *fn)
{
    assert_ok(em_loop_new(NULL, &loop));
    em__intake_init(&intake, loop, fn);
}

static void finish(void)
{
    em__intake_close(&intake);
    em_loop_free(loop);
}

static void turn(void)
{
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
}

/* --- a queue --- */

static em__handoff handoff;
static int worker;

static void open_queue(void)
{
    assert_ok(em__handoff_open(&handoff, DATA_MAX, &worker));
}

static void begin_queue(em__intake_fn *fn)
{
    begin(fn);
    open_queue();
    assert_ok(em__intake_add_queue(&intake, worker, handoff.packet_max));
}

static void finish_queue(void)
{
    finish();
    em__handoff_close(&handoff);
}

static int put_bytes(const char *bytes)
{
    em_connection connection = { .fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
                                 .data = bytes,
                                 .size = strlen(bytes) };
    int r;

    ck_assert_int_ge(connection.fd, 0);
    r = em__handoff_put(&handoff, &connection);
    if (r < 0)
        (void)close(connection.fd);
    return r;
}

static void put(const char *bytes)
{
    assert_ok(put_bytes(bytes));
}

static unsigned fill(void)
{
    unsigned count = 0;

    while (put_bytes("x") == 0)
        count++;
    return count;
}

static void note(em__intake *from, em_connection *connection)
{
    char word[DATA_MAX + 1] = "";

    ck_assert_ptr_eq(from, &intake);
    ck_assert_ptr_nonnull(connection->data);
    memcpy(word, connection->data, connection->size);
    mark(word);
}

static void note_and_keep(em__intake *from, em_connection *connection)
{
    note(from, connection);
    (void)close(connection->fd);
    connection->fd = -1;
}

static void note_and_close(em__intake *from, em_connection *connection)
{
    note(from, connection);
    em__intake_close(from);
}

TEST(an_intake_gives_what_comes)
{
    begin_queue(note);
    put("a");
    put("b");
    turn();
    assert_marks("a b");
    assert_error(-EALREADY, em__intake_add_queue(&intake, worker, 512));
    finish_queue();
}

TEST(an_intake_closes_what_was_not_taken_only)
{
    begin_queue(note_and_keep);
    put("a");
    put("b");
    turn();
    assert_marks("a b");
    finish_queue();
}

TEST(an_intake_may_be_closed_by_a_connection)
{
    begin_queue(note_and_close);
    put("a");
    put("b");
    turn();
    assert_marks("a");
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 1);
    finish_queue();
}

TEST(an_intake_does_not_keep_the_loop_alive)
{
    begin_queue(note);
    ck_assert(!em_loop_alive(loop));
    finish_queue();
}

TEST(an_intake_that_finishes_gives_the_rest_first)
{
    begin_queue(note);
    put("a");
    put("b");
    em__intake_finish(&intake);
    put("c");
    turn();
    assert_marks("a b");
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 1);
    finish_queue();
}

/* At the first: finish, and so have the others; at the second: close. */
static void finish_or_close(em__intake *from)
{
    static bool finishing;

    if (finishing) {
        em__intake_close(from);
        return;
    }
    finishing = true;
    em__intake_finish(from);
    finishing = false;
}

static void note_and_finish(em__intake *from, em_connection *connection)
{
    note(from, connection);
    finish_or_close(from);
}

TEST(an_intake_may_be_closed_while_it_finishes_inside_a_connection)
{
    begin_queue(note_and_finish);
    put("a");
    put("b");
    put("c");
    turn();
    assert_marks("a b");
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 1);
    finish_queue();
}

TEST(an_intake_takes_many_in_small_portions)
{
    unsigned count, turns = 0;

    begin_queue(note);
    count = fill();
    while (em__handoff_waiting(&handoff) > 0) {
        turn();
        turns++;
        (void)take_marks();
    }
    ck_assert_uint_ge(turns, count / 16);
    finish_queue();
}

static void note_and_stop(em__intake *from, em_connection *connection)
{
    note(from, connection);
    em_loop_stop(loop);
}

TEST(an_intake_leaves_the_rest_to_the_next_run_when_the_loop_is_stopped)
{
    begin_queue(note_and_stop);
    put("a");
    put("b");
    turn();
    assert_marks("a");
    turn();
    assert_marks("b");
    finish_queue();
}

/* Bounded turns: a queue that stays readable must not spin the loop. */
TEST(an_intake_without_descriptors_waits)
{
    em_loop_counts counts = { .size = sizeof(counts) };
    uint64_t callbacks;
    int i;

    begin_queue(note);
    put("a");
    exhaust_descriptors();
    turn();
    assert_ok(em_loop_metrics(loop, &counts));
    callbacks = counts.callbacks;
    for (i = 0; i < 100; i++)
        turn();
    assert_ok(em_loop_metrics(loop, &counts));
    ck_assert_uint_le(counts.callbacks - callbacks, 2);
    restore_descriptors();
    em_loop_ref(loop);
    assert_ok(em_loop_run(loop, EM_RUN_ONCE)); /* the timer */
    turn();
    em_loop_unref(loop);
    assert_marks("a");
    finish_queue();
}

TEST(an_intake_forgets_a_queue_that_ended)
{
    begin_queue(note);
    put("a");
    em__handoff_close(&handoff);
    turn();
    turn();
    assert_marks("a");
    ck_assert_int_eq(intake.fd, -1);
    finish_queue();
}

TEST(an_intake_without_memory_takes_nothing)
{
    unsigned long nth;
    int r = -ENOMEM;

    begin(note);
    open_queue();
    for (nth = 1; r == -ENOMEM; nth++) {
        fail_allocation(nth);
        r = em__intake_add_queue(&intake, worker, 512);
        (void)allocation_failed();
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 2);
    finish_queue();
}

/* --- a listening socket --- */

static void take(em__intake *from, em_connection *connection)
{
    (void)from;
    ck_assert_int_eq(connection->peer.ss_family, AF_INET);
    ck_assert_uint_eq(connection->size, 0);
    ck_assert_ptr_nonnull(connection->data);
    mark("taken");
}

static void take_and_close(em__intake *from, em_connection *connection)
{
    take(from, connection);
    em__intake_close(from);
}

static em__address address;
static int clients[2];

/* With two clients, which have connected. */
static void begin_listening(em__intake_fn *fn)
{
    int listening[EM__SOCKETS_MAX], i;

    begin(fn);
    assert_ok(em__address_parse("127.0.0.1:0", &address));
    ck_assert_int_eq(em__socket_listen(&address, false, listening), 1);
    assert_ok(em__intake_add_listener(&intake, listening[0], true));
    for (i = 0; i < 2; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(connect(clients[i], (struct sockaddr *)&address.name,
                                 address.name_len),
                         0);
    }
}

static void finish_listening(void)
{
    finish();
    (void)close(clients[0]);
    (void)close(clients[1]);
}

TEST(an_intake_accepts)
{
    begin_listening(take);
    turn();
    turn();
    assert_marks("taken taken");
    finish_listening();
}

static void take_and_finish(em__intake *from, em_connection *connection)
{
    take(from, connection);
    finish_or_close(from);
}

TEST(an_intake_may_be_closed_while_it_finishes_inside_what_it_accepts)
{
    begin_listening(take_and_finish);
    turn();
    assert_marks("taken taken");
    ck_assert(em__list_empty(&intake.acceptors));
    finish_listening();
}

TEST(an_intake_without_memory_does_not_listen)
{
    int listening[EM__SOCKETS_MAX];
    unsigned long nth;
    int r = -ENOMEM;

    begin(take);
    assert_ok(em__address_parse("127.0.0.1:0", &address));
    ck_assert_int_eq(em__socket_listen(&address, false, listening), 1);
    for (nth = 1; r == -ENOMEM; nth++) {
        ck_assert(em__list_empty(&intake.acceptors));
        fail_allocation(nth);
        r = em__intake_add_listener(&intake, listening[0], true);
        (void)allocation_failed();
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 2);
    finish();
}

TEST(an_intake_that_finishes_accepts_the_rest_first)
{
    begin_listening(take);
    em__intake_finish(&intake);
    assert_marks("taken taken");
    turn();
    finish_listening();
}

TEST(an_intake_may_be_closed_by_what_it_accepts)
{
    begin_listening(take_and_close);
    turn();
    turn();
    assert_marks("taken");
    finish_listening();
    begin_listening(take_and_close);
    em__intake_finish(&intake);
    assert_marks("taken");
    finish_listening();
}

SUITE("intake", an_intake_gives_what_comes,
      an_intake_closes_what_was_not_taken_only,
      an_intake_may_be_closed_by_a_connection,
      an_intake_does_not_keep_the_loop_alive,
      an_intake_that_finishes_gives_the_rest_first,
      an_intake_may_be_closed_while_it_finishes_inside_a_connection,
      an_intake_takes_many_in_small_portions,
      an_intake_leaves_the_rest_to_the_next_run_when_the_loop_is_stopped,
      an_intake_without_descriptors_waits, an_intake_forgets_a_queue_that_ended,
      an_intake_without_memory_takes_nothing, an_intake_accepts,
      an_intake_may_be_closed_while_it_finishes_inside_what_it_accepts,
      an_intake_without_memory_does_not_listen,
      an_intake_that_finishes_accepts_the_rest_first,
      an_intake_may_be_closed_by_what_it_accepts);
