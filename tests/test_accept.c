/* SPDX-License-Identifier: MIT */
/* Acceptors, and what they do without descriptors. */

#include <config.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"
#include "worker/accept.h"
#include "worker/socket.h"

static em_loop *loop;
static em__acceptor acceptor;
static em__address address;
static int sockets[EM__SOCKETS_MAX];
static int clients[256];
static unsigned client_count, refusals, shed_count;
static int refusal;

static void accepted(em__acceptor *from, const em_connection *connection)
{
    ck_assert_ptr_eq(from, &acceptor);
    ck_assert_int_eq(connection->peer.ss_family, AF_INET);
    ck_assert(fcntl(connection->fd, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(connection->fd, F_GETFD) & FD_CLOEXEC);
    mark("accepted");
    (void)close(connection->fd);
}

static void refused(em__acceptor *from, int error, unsigned shed)
{
    ck_assert_ptr_eq(from, &acceptor);
    refusals++;
    refusal = error;
    shed_count += shed;
}

static const em__acceptor_calls calls = { accepted, refused };

static void begin_with(em__acceptor_kind kind, const em__acceptor_calls *with)
{
    client_count = refusals = shed_count = 0;
    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em__address_parse("127.0.0.1:0", &address));
    ck_assert_int_eq(em__socket_listen(&address, false, sockets), 1);
    assert_ok(em__acceptor_open(&acceptor, loop, sockets[0], kind, with));
}

static void begin(void)
{
    begin_with(EM__ACCEPT_ALONE, &calls);
}

static void finish(void)
{
    em__acceptor_close(&acceptor);
    em_loop_free(loop);
    while (client_count > 0)
        (void)close(clients[--client_count]);
}

static void connect_one(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(
        connect(fd, (struct sockaddr *)&address.name, address.name_len), 0);
    clients[client_count++] = fd;
}

static void turn(void)
{
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
}

TEST(connections_are_accepted)
{
    begin();
    connect_one();
    connect_one();
    turn();
    assert_marks("accepted accepted");
    finish();
}

TEST(an_acceptor_does_not_keep_the_loop_alive)
{
    begin();
    ck_assert(!em_loop_alive(loop));
    finish();
}

TEST(on_a_shared_socket_one_is_accepted_a_turn)
{
    begin_with(EM__ACCEPT_SHARED, &calls);
    connect_one();
    connect_one();
    turn();
    assert_marks("accepted");
    turn();
    assert_marks("accepted");
    finish();
}

enum { BUSY = 12 };

static void served(em_source *source, int fd, unsigned events, void *data)
{
    (void)source, (void)fd, (void)events, (void)data;
}

/* Three accepts more in the next. */
TEST(on_a_shared_socket_a_busy_turn_accepts_more)
{
    em_source *busy[BUSY];
    int ends[2], i;

    begin_with(EM__ACCEPT_SHARED, &calls);
    ck_assert_int_eq(pipe(ends), 0);
    for (i = 0; i < BUSY; i++)
        assert_ok(
            em_loop_add_fd(loop, ends[1], EM_WRITABLE, served, NULL, &busy[i]));
    for (i = 0; i < 6; i++)
        connect_one();
    turn();
    assert_marks("accepted");
    turn();
    assert_marks("accepted accepted accepted accepted");
    for (i = 0; i < BUSY; i++)
        em_source_remove(busy[i]);
    turn();
    assert_marks("accepted");
    (void)close(ends[0]);
    (void)close(ends[1]);
    finish();
}

/* What it did before they came tells nothing of how many there are. */
TEST(on_a_shared_socket_an_idle_turn_accepts_one)
{
    em_source *busy[BUSY];
    int ends[2], i;

    begin_with(EM__ACCEPT_SHARED, &calls);
    ck_assert_int_eq(pipe(ends), 0);
    connect_one();
    turn();
    assert_marks("accepted");
    for (i = 0; i < BUSY; i++)
        assert_ok(
            em_loop_add_fd(loop, ends[1], EM_WRITABLE, served, NULL, &busy[i]));
    turn();
    turn();
    connect_one();
    connect_one();
    turn();
    assert_marks("accepted");
    for (i = 0; i < BUSY; i++)
        em_source_remove(busy[i]);
    (void)close(ends[0]);
    (void)close(ends[1]);
    finish();
}

TEST(a_paused_acceptor_leaves_them_waiting)
{
    begin();
    em__acceptor_pause(&acceptor);
    connect_one();
    turn();
    assert_marks("");
    em__acceptor_resume(&acceptor);
    turn();
    assert_marks("accepted");
    finish();
}

static void accept_and_pause(em__acceptor *from,
                             const em_connection *connection)
{
    accepted(from, connection);
    em__acceptor_pause(from);
}

static void accept_and_close(em__acceptor *from,
                             const em_connection *connection)
{
    accepted(from, connection);
    em__acceptor_close(from);
}

/* In the turn in which the first of them is accepted. */
static void let_two_come(const em__acceptor_calls *told)
{
    begin_with(EM__ACCEPT_ALONE, told);
    connect_one();
    connect_one();
    turn();
}

TEST(an_acceptor_may_be_paused_by_a_connection)
{
    const em__acceptor_calls pausing = { accept_and_pause, NULL };

    let_two_come(&pausing);
    turn();
    assert_marks("accepted");
    finish();
}

TEST(an_acceptor_may_be_closed_by_a_connection)
{
    const em__acceptor_calls closing = { accept_and_close, NULL };

    let_two_come(&closing);
    assert_marks("accepted");
    finish();
}

static void accept_and_stop(em__acceptor *from, const em_connection *connection)
{
    accepted(from, connection);
    em_loop_stop(loop);
}

TEST(an_acceptor_leaves_the_rest_to_the_next_run_when_the_loop_is_stopped)
{
    const em__acceptor_calls stopping = { accept_and_stop, NULL };

    let_two_come(&stopping);
    assert_marks("accepted");
    turn();
    assert_marks("accepted");
    finish();
}

TEST(draining_takes_all_that_connected)
{
    unsigned i;

    begin_with(EM__ACCEPT_SHARED, &calls);
    for (i = 0; i < 3; i++)
        connect_one();
    em__acceptor_drain(&acceptor);
    assert_marks("accepted accepted accepted");
    finish();
}

TEST(an_error_of_one_connection_is_passed_over)
{
    static const int errors[] = { EINTR, ECONNABORTED, EPERM, EPROTO };
    size_t i;

    begin();
    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        connect_one();
        fail_call("accept4", 1, errors[i]);
        turn();
        ck_assert(call_failed());
        assert_marks("accepted");
    }
    ck_assert_uint_eq(refusals, 0);
    finish();
}

static bool was_closed(int client)
{
    char byte;
    ssize_t n = recv(client, &byte, 1, 0);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static uint64_t callbacks_of_100_turns(void)
{
    em_loop_counts counts = { .size = sizeof(counts) };
    uint64_t before;
    int i;

    assert_ok(em_loop_metrics(loop, &counts));
    before = counts.callbacks;
    for (i = 0; i < 100; i++)
        turn();
    assert_ok(em_loop_metrics(loop, &counts));
    return counts.callbacks - before;
}

TEST(without_descriptors_connections_are_shed_and_the_loop_does_not_spin)
{
    unsigned i;

    begin();
    for (i = 0; i < 5; i++)
        connect_one();
    exhaust_descriptors();
    turn();
    ck_assert_uint_eq(refusals, 1);
    ck_assert_int_eq(refusal, -EMFILE);
    /* valgrind sees to the limit itself, and closes the first. */
    ck_assert_uint_ge(shed_count, 4);
    for (i = 0; i < 5; i++)
        ck_assert(was_closed(clients[i]));
    ck_assert_uint_le(callbacks_of_100_turns(), 4);
    restore_descriptors();
    em_loop_ref(loop);
    connect_one();
    while (refusals > 0 && !*take_marks())
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    em_loop_unref(loop);
    ck_assert_uint_eq(refusals, 1);
    finish();
}

TEST(a_shared_socket_without_descriptors_is_left_to_others)
{
    int other;

    begin_with(EM__ACCEPT_SHARED, &calls);
    connect_one();
    fail_every_call("accept4", EMFILE);
    turn();
    ck_assert_uint_le(callbacks_of_100_turns(), 4);
    ck_assert_int_ge(refusals, 1);
    ck_assert_uint_eq(shed_count, 0);
    fail_every_call(NULL, 0);
    other = accept(sockets[0], NULL, NULL);
    ck_assert_int_ge(other, 0);
    (void)close(other);
    finish();
}

TEST(without_memory_the_acceptor_waits)
{
    begin();
    connect_one();
    fail_every_call("accept4", ENOBUFS);
    turn();
    ck_assert_uint_le(callbacks_of_100_turns(), 4);
    ck_assert_int_ge(refusals, 1);
    ck_assert_int_eq(refusal, -ENOBUFS);
    fail_every_call(NULL, 0);
    em_loop_ref(loop);
    while (!*take_marks())
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    em_loop_unref(loop);
    finish();
}

static void refuse_and_close(em__acceptor *from, int error, unsigned shed)
{
    refused(from, error, shed);
    em__acceptor_close(from);
}

TEST(an_acceptor_may_be_closed_by_a_refusal)
{
    const em__acceptor_calls closing = { accepted, refuse_and_close };

    begin_with(EM__ACCEPT_ALONE, &closing);
    connect_one();
    fail_call("accept4", 1, ENOMEM);
    turn();
    ck_assert(call_failed());
    ck_assert_uint_eq(refusals, 1);
    finish();
}

TEST(an_acceptor_without_memory_takes_nothing)
{
    unsigned long nth;
    int r = -ENOMEM;

    begin();
    em__acceptor_close(&acceptor);
    ck_assert_int_eq(em__socket_listen(&address, false, sockets), 1);
    for (nth = 1; r == -ENOMEM; nth++) {
        fail_allocation(nth);
        r = em__acceptor_open(&acceptor, loop, sockets[0], EM__ACCEPT_ALONE,
                              &calls);
        (void)allocation_failed();
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 2);
    finish();
}

SUITE("accept", connections_are_accepted,
      an_acceptor_does_not_keep_the_loop_alive,
      on_a_shared_socket_one_is_accepted_a_turn,
      on_a_shared_socket_a_busy_turn_accepts_more,
      on_a_shared_socket_an_idle_turn_accepts_one,
      a_paused_acceptor_leaves_them_waiting,
      an_acceptor_may_be_paused_by_a_connection,
      an_acceptor_may_be_closed_by_a_connection,
      an_acceptor_leaves_the_rest_to_the_next_run_when_the_loop_is_stopped,
      draining_takes_all_that_connected,
      an_error_of_one_connection_is_passed_over,
      without_descriptors_connections_are_shed_and_the_loop_does_not_spin,
      a_shared_socket_without_descriptors_is_left_to_others,
      without_memory_the_acceptor_waits, an_acceptor_may_be_closed_by_a_refusal,
      an_acceptor_without_memory_takes_nothing);
