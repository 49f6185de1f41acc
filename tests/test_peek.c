/* SPDX-License-Identifier: MIT */
/* Connections that wait for their first bytes. */

#include <config.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"
#include "worker/peek.h"

static em_loop *loop;
static em__peeker peeker;
static int ends[2];

/* Takes what ends with a dot, needs more of what ends with a comma, drops all
 * else. */
static int look(em__peeker *from, em__arrival *arrival)
{
    const em_connection *connection = &arrival->connection;
    char word[32] = "";

    ck_assert_ptr_eq(from, &peeker);
    memcpy(word, connection->data, connection->size);
    mark(word);
    switch (word[connection->size - 1]) {
    case '.':
        em__peeker_release(arrival);
        em__arrival_free(arrival);
        return 0;
    case ',':
        return -EAGAIN;
    case '!':
        em__peeker_close(from);
        return -ECANCELED;
    default:
        return -EINVAL;
    }
}

static const em__peeker_calls calls = { look };

/* On a virtual clock, which goes on while nothing else happens. */
static void begin(void)
{
    assert_ok(
        em_loop_new(EM_OPTIONS(em_loop_options, .virtual_clock = true), &loop));
    assert_ok(em__peeker_open(&peeker, loop, 8, &calls));
}

static void finish(void)
{
    em__peeker_close(&peeker);
    em_loop_free(loop);
}

static void add(const char *bytes)
{
    em_connection connection = { .fd = -1 };

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(send(ends[1], bytes, strlen(bytes), 0),
                     (ssize_t)strlen(bytes));
    connection.fd = ends[0];
    assert_ok(em__peeker_add(&peeker, &connection));
}

static void turn(void)
{
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
}

static bool was_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

TEST(the_first_bytes_are_shown)
{
    begin();
    add("GET.");
    turn();
    assert_marks("GET.");
    ck_assert_uint_eq(peeker.count, 0);
    ck_assert(was_closed(ends[1]));
    (void)close(ends[1]);
    finish();
}

TEST(more_bytes_are_shown_with_those_before)
{
    begin();
    add("G,");
    turn();
    turn();
    ck_assert_int_eq(send(ends[1], "E,", 2, 0), 2);
    turn();
    ck_assert_int_eq(send(ends[1], "T.", 2, 0), 2);
    turn();
    assert_marks("G, G,E, G,E,T.");
    (void)close(ends[1]);
    finish();
}

TEST(one_that_is_refused_is_closed)
{
    begin();
    add("no");
    turn();
    assert_marks("no");
    ck_assert(was_closed(ends[1]));
    (void)close(ends[1]);
    finish();
}

TEST(no_more_bytes_are_read_than_wanted)
{
    begin();
    add("1234567.90");
    turn();
    assert_marks("1234567.");
    (void)close(ends[1]);
    finish();
}

TEST(one_that_is_full_must_be_decided)
{
    begin();
    add("1234567,");
    turn();
    assert_marks("1234567,");
    ck_assert(was_closed(ends[1]));
    (void)close(ends[1]);
    finish();
}

TEST(a_peer_that_leaves_is_dropped)
{
    begin();
    add("G,");
    turn();
    (void)close(ends[1]);
    turn();
    assert_marks("G,");
    ck_assert_uint_eq(peeker.count, 0);
    finish();
}

/* Half of the time that a peer has. */
static void tick(em_source *timer, void *data)
{
    (void)timer, (void)data;
}

TEST(a_peer_that_cannot_be_read_from_is_dropped)
{
    begin();
    add("x.");
    fail_call("recv", 1, ECONNRESET);
    turn();
    ck_assert(call_failed());
    assert_marks("");
    ck_assert_uint_eq(peeker.count, 0);
    ck_assert(was_closed(ends[1]));
    (void)close(ends[1]);
    finish();
}

TEST(a_read_that_was_in_vain_is_made_again)
{
    static const int errors[] = { EAGAIN, EINTR };
    size_t i;

    begin();
    for (i = 0; i < 2; i++) {
        add("x.");
        fail_call("recv", 1, errors[i]);
        turn();
        ck_assert(call_failed());
        assert_marks("");
        ck_assert_uint_eq(peeker.count, 1);
        turn();
        assert_marks("x.");
        (void)close(ends[1]);
    }
    finish();
}

TEST(a_peer_that_is_silent_is_dropped_in_time)
{
    int early, late;
    uint64_t start;

    begin();
    add("");
    early = ends[1];
    start = em_loop_now(loop);
    assert_ok(em_loop_add_timer(loop, EM__PEEK_MS / 2, 0, tick, NULL, NULL));
    while (em_loop_now(loop) < start + EM__PEEK_MS / 2)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    add("");
    late = ends[1];
    while (peeker.count == 2)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    ck_assert_uint_ge(em_loop_now(loop) - start, EM__PEEK_MS);
    ck_assert(was_closed(early));
    ck_assert(!was_closed(late));
    while (peeker.count == 1)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    ck_assert(was_closed(late));
    (void)close(early);
    (void)close(late);
    finish();
}

TEST(too_many_drop_the_oldest)
{
    static int others[EM__PEEK_MAX_WAITING + 1];
    unsigned i;

    begin();
    for (i = 0; i <= EM__PEEK_MAX_WAITING; i++) {
        add("");
        others[i] = ends[1];
    }
    ck_assert_uint_eq(peeker.count, EM__PEEK_MAX_WAITING);
    ck_assert(was_closed(others[0]));
    ck_assert(!was_closed(others[1]));
    for (i = 0; i <= EM__PEEK_MAX_WAITING; i++)
        (void)close(others[i]);
    finish();
}

TEST(a_peeker_may_be_closed_by_a_look)
{
    begin();
    add("x,");
    (void)close(ends[1]);
    add("y!");
    turn();
    (void)take_marks();
    (void)close(ends[1]);
    finish();
}

/* The bytes of the connection itself are its caller's, and may go. */
TEST(an_arrival_has_a_copy_of_what_was_read)
{
    char bytes[] = "GET";
    em_connection connection = { .fd = -1, .data = bytes, .size = 3 };
    em__arrival *arrival = em__arrival_new(&connection, 0);

    ck_assert_ptr_nonnull(arrival);
    memset(bytes, 0, sizeof(bytes));
    ck_assert_uint_eq(arrival->connection.size, 3);
    ck_assert_mem_eq(arrival->connection.data, "GET", 3);
    em__arrival_free(arrival);
}

TEST(a_peeker_without_memory_takes_nothing)
{
    em_connection connection = { .fd = -1 };
    unsigned long nth;
    int r = -ENOMEM;

    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    connection.fd = ends[0];
    for (nth = 1; r == -ENOMEM; nth++) {
        fail_allocation(nth);
        r = em__peeker_add(&peeker, &connection);
        (void)allocation_failed();
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 2);
    (void)close(ends[1]);
    finish();
}

SUITE("peek", the_first_bytes_are_shown, more_bytes_are_shown_with_those_before,
      one_that_is_refused_is_closed, no_more_bytes_are_read_than_wanted,
      one_that_is_full_must_be_decided, a_peer_that_leaves_is_dropped,
      a_peer_that_cannot_be_read_from_is_dropped,
      a_read_that_was_in_vain_is_made_again,
      a_peer_that_is_silent_is_dropped_in_time, too_many_drop_the_oldest,
      a_peeker_may_be_closed_by_a_look, an_arrival_has_a_copy_of_what_was_read,
      a_peeker_without_memory_takes_nothing);
