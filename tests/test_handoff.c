/* SPDX-License-Identifier: MIT */
/* The hand-off queue. */

#include <config.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"
#include "worker/handoff.h"

enum { DATA_MAX = 64 };

static em__handoff handoff;
static int worker;
static unsigned char buffer[512];
static em_connection got;

static void begin(void)
{
    assert_ok(em__handoff_open(&handoff, DATA_MAX, &worker));
    ck_assert_uint_le(handoff.packet_max, sizeof(buffer));
}

static void finish(void)
{
    em__handoff_close(&handoff);
    (void)close(worker);
}

static em_connection connection_with(const char *bytes)
{
    em_connection connection = { .fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
                                 .data = bytes,
                                 .size = strlen(bytes) };
    struct sockaddr_in *peer = (struct sockaddr_in *)&connection.peer;

    ck_assert_int_ge(connection.fd, 0);
    peer->sin_family = AF_INET;
    peer->sin_port = htons(4711);
    connection.peer_len = sizeof(*peer);
    return connection;
}

static void put(const char *bytes)
{
    em_connection connection = connection_with(bytes);

    assert_ok(em__handoff_put(&handoff, &connection));
    ck_assert_int_eq(fcntl(connection.fd, F_GETFD), -1);
}

static void mark_bytes(const em_connection *connection)
{
    char word[DATA_MAX + 2] = "-";

    if (connection->size)
        memcpy(word, connection->data, connection->size);
    word[connection->size ? connection->size : 1] = '\0';
    mark(word);
}

/* How many packets fit, the last being refused. */
static unsigned fill(void)
{
    em_connection connection = connection_with("");
    unsigned count = 0;
    int r;

    while ((r = em__handoff_put(&handoff, &connection)) == 0) {
        connection = connection_with("");
        count++;
    }
    assert_error(-EAGAIN, r);
    (void)close(connection.fd);
    return count;
}

static int take(void)
{
    int r = em__handoff_take(worker, buffer, sizeof(buffer), &got);

    if (r == 1)
        (void)close(got.fd);
    return r;
}

TEST(a_connection_arrives_whole)
{
    struct stat status, null;
    const struct sockaddr_in *peer = (const void *)&got.peer;

    begin();
    put("GET /");
    ck_assert_int_eq(em__handoff_take(worker, buffer, sizeof(buffer), &got), 1);
    ck_assert_int_eq(fstat(got.fd, &status), 0);
    ck_assert_int_eq(stat("/dev/null", &null), 0);
    ck_assert_uint_eq(status.st_rdev, null.st_rdev);
    ck_assert(fcntl(got.fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_uint_eq(got.size, 5);
    ck_assert_mem_eq(got.data, "GET /", 5);
    ck_assert_uint_eq(got.peer_len, sizeof(*peer));
    ck_assert_int_eq(peer->sin_family, AF_INET);
    ck_assert_int_eq(ntohs(peer->sin_port), 4711);
    (void)close(got.fd);
    ck_assert_int_eq(take(), 0);
    finish();
}

TEST(connections_keep_their_order_and_boundaries)
{
    begin();
    put("a");
    put("");
    put("ccc");
    while (take() == 1)
        mark_bytes(&got);
    assert_marks("a - ccc");
    finish();
}

TEST(what_waits_is_counted_without_the_worker)
{
    begin();
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 0);
    put("");
    put("");
    put("");
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 3);
    ck_assert_int_eq(take(), 1);
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 2);
    ck_assert_int_eq(take(), 1);
    ck_assert_int_eq(take(), 1);
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 0);
    finish();
}

TEST(counting_survives_the_end_of_the_numbers)
{
    begin();
    handoff.sent = UINT32_MAX;
    put("");
    put("");
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 2);
    ck_assert_int_eq(take(), 1);
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 1);
    finish();
}

TEST(a_full_queue_refuses_and_keeps_the_descriptor)
{
    unsigned count, taken = 0;

    begin();
    count = fill();
    ck_assert_uint_ge(count, 16);
    ck_assert_uint_le(count, 1024);
    ck_assert_uint_eq(em__handoff_waiting(&handoff), count);
    while (take() == 1)
        taken++;
    ck_assert_uint_eq(taken, count);
    put("again");
    finish();
}

TEST(each_connection_is_taken_by_one_of_the_two)
{
    begin();
    put("a");
    put("b");
    put("c");
    ck_assert_int_eq(take(), 1);
    mark_bytes(&got);
    ck_assert_int_eq(em__handoff_take_back(&handoff, buffer, &got), 1);
    mark_bytes(&got);
    (void)close(got.fd);
    ck_assert_int_eq(take(), 1);
    mark_bytes(&got);
    ck_assert_int_eq(em__handoff_take_back(&handoff, buffer, &got), 0);
    assert_marks("a b c");
    finish();
}

TEST(a_dead_worker_s_queue_can_be_taken_back)
{
    begin();
    put("a");
    (void)close(worker);
    put("b");
    while (em__handoff_take_back(&handoff, buffer, &got) == 1) {
        mark_bytes(&got);
        (void)close(got.fd);
    }
    assert_marks("a b");
    em__handoff_close(&handoff);
}

TEST(a_queue_that_is_closed_closes_what_is_in_it)
{
    int ends[2];
    char byte;
    em_connection connection = connection_with("");

    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    (void)close(connection.fd);
    connection.fd = ends[0];
    assert_ok(em__handoff_put(&handoff, &connection));
    finish();
    ck_assert_int_eq(read(ends[1], &byte, 1), 0);
    (void)close(ends[1]);
}

TEST(a_probe_is_taken_unseen)
{
    begin();
    assert_ok(em__handoff_probe(&handoff));
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 1);
    put("a");
    ck_assert_int_eq(take(), 1);
    mark_bytes(&got);
    assert_ok(em__handoff_probe(&handoff));
    ck_assert_int_eq(take(), 0);
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 0);
    assert_marks("a");
    finish();
}

TEST(the_worker_sees_the_end_of_its_queue)
{
    begin();
    put("a");
    em__handoff_close(&handoff);
    ck_assert_int_eq(take(), 1);
    assert_error(-EPIPE, take());
    (void)close(worker);
}

TEST(garbage_is_dropped_with_its_descriptors)
{
    begin();
    ck_assert_int_eq(send(handoff.send, "x", 1, 0), 1);
    memset(buffer, 0xff, sizeof(buffer));
    ck_assert_int_eq(send(handoff.send, buffer, sizeof(buffer), 0),
                     (ssize_t)sizeof(buffer));
    put("a");
    ck_assert_int_eq(take(), 1);
    mark_bytes(&got);
    ck_assert_int_eq(take(), 0);
    assert_marks("a");
    finish();
}

/* A header as src/worker/handoff.c has it; 1: a connection, 2: a probe. */
typedef struct header {
    uint32_t serial;
    uint16_t kind, peer_len;
    uint32_t size;
} header;

static void send_with_fd(const void *bytes, size_t size)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { (void *)bytes, size };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    memset(&control, 0, sizeof(control));
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    ck_assert_int_eq(sendmsg(handoff.send, &message, 0), (ssize_t)size);
    (void)close(fd);
}

/* Too short; a probe; a longer name than any; and another size than it says. */
TEST(a_descriptor_that_comes_with_garbage_is_closed)
{
    static const header garbage[] = {
        { 0, 1, 0, 0 },
        { 0, 2, 0, 0 },
        { 0, 1, 65535, 0 },
        { 0, 1, 0, 1 },
    };
    size_t i;

    begin();
    for (i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        send_with_fd(&garbage[i], sizeof(header) - (i == 0));
        ck_assert_int_eq(take(), 0);
    }
    put("a");
    ck_assert_int_eq(take(), 1);
    finish();
}

static void set_credentials(int on)
{
#ifdef SO_PASSCRED
    ck_assert_int_eq(
        setsockopt(worker, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
#else
    (void)on;
#endif
}

/* They take the room of the descriptor, which the kernel then closes. */
TEST(credentials_that_a_worker_asks_for_cost_it_its_connections)
{
    begin();
    set_credentials(1);
    put("a");
    (void)take();
    set_credentials(0);
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 0);
    put("b");
    ck_assert_int_eq(take(), 1);
    mark_bytes(&got);
    assert_marks("b");
    finish();
}

/* Valgrind keeps to the limit in the system's place, and may call what is past
 * it not open. */
TEST(a_queue_that_cannot_be_made_leaves_nothing)
{
    unsigned left;
    int r;

    for (left = 0; left < 3; left++) {
        leave_descriptors(left);
        r = em__handoff_open(&handoff, DATA_MAX, &worker);
        restore_descriptors();
        if (r != -EBADF || !under_valgrind())
            assert_error(-EMFILE, r);
        ck_assert_int_eq(handoff.send, -1);
        ck_assert_int_eq(handoff.back, -1);
    }
    fail_call("setsockopt", 1, ENOBUFS);
    assert_error(-ENOBUFS, em__handoff_open(&handoff, DATA_MAX, &worker));
    ck_assert(call_failed());
}

TEST(a_look_at_what_waits_is_made_again_after_a_signal)
{
    begin();
    put("a");
    fail_call("recv", 1, EINTR);
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 1);
    ck_assert(call_failed());
    finish();
}

TEST(without_descriptors_a_connection_stays_in_the_queue)
{
    begin();
    put("a");
    exhaust_descriptors();
    assert_error(-EMFILE, take());
    assert_error(-EMFILE, em__handoff_take_back(&handoff, buffer, &got));
    restore_descriptors();
    ck_assert_uint_eq(em__handoff_waiting(&handoff), 1);
    ck_assert_int_eq(take(), 1);
    finish();
}

TEST(large_first_bytes_fit_and_leave_room_for_more)
{
    static char bytes[65536];
    static unsigned char large[sizeof(bytes) + 512];
    em_connection connection;

    assert_ok(em__handoff_open(&handoff, sizeof(bytes), &worker));
    ck_assert_uint_le(handoff.packet_max, sizeof(large));
    memset(bytes, 'x', sizeof(bytes));
    connection = connection_with("");
    connection.data = bytes;
    connection.size = sizeof(bytes);
    assert_ok(em__handoff_put(&handoff, &connection));
    put("a");
    ck_assert_int_eq(em__handoff_take(worker, large, sizeof(large), &got), 1);
    ck_assert_uint_eq(got.size, sizeof(bytes));
    ck_assert_mem_eq(got.data, bytes, sizeof(bytes));
    (void)close(got.fd);
    finish();
}

TEST(no_failure_of_the_system_leaks)
{
    static const struct {
        const char *call;
        int error;
    } failures[] = {
        { "socketpair", EMFILE },
        { "sendmsg", ENOBUFS },
        { "sendmsg", ETOOMANYREFS },
        { "recvmsg", ENOMEM },
    };
    em_connection connection;
    size_t i;
    int r;

    for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        fail_call(failures[i].call, 1, failures[i].error);
        r = em__handoff_open(&handoff, DATA_MAX, &worker);
        if (r == 0) {
            connection = connection_with("");
            r = em__handoff_put(&handoff, &connection);
            if (r < 0)
                (void)close(connection.fd);
            if (r == 0)
                r = take();
            finish();
        }
        assert_error(-failures[i].error, r);
        ck_assert(call_failed());
    }
    begin();
    fail_call("sendmsg", 1, EINTR);
    put("a");
    ck_assert(call_failed());
    fail_call("recvmsg", 1, EINTR);
    ck_assert_int_eq(take(), 1);
    ck_assert(call_failed());
    finish();
}

SUITE("handoff", a_connection_arrives_whole,
      connections_keep_their_order_and_boundaries,
      what_waits_is_counted_without_the_worker,
      counting_survives_the_end_of_the_numbers,
      a_full_queue_refuses_and_keeps_the_descriptor,
      each_connection_is_taken_by_one_of_the_two,
      a_dead_worker_s_queue_can_be_taken_back,
      a_queue_that_is_closed_closes_what_is_in_it, a_probe_is_taken_unseen,
      the_worker_sees_the_end_of_its_queue,
      garbage_is_dropped_with_its_descriptors,
      a_descriptor_that_comes_with_garbage_is_closed,
      credentials_that_a_worker_asks_for_cost_it_its_connections,
      a_queue_that_cannot_be_made_leaves_nothing,
      a_look_at_what_waits_is_made_again_after_a_signal,
      without_descriptors_a_connection_stays_in_the_queue,
      large_first_bytes_fit_and_leave_room_for_more,
      no_failure_of_the_system_leaks);
