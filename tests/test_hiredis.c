/* SPDX-License-Identifier: MIT */
/* The adapter for hiredis, with a server that the tests play. */

#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hiredis_loop.h"
#include "testing.h"

static em_loop *loop;
static int listener, server; /* the server's end of the connection */
static redisAsyncContext *ac;

static void begin(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(
        getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_ok(em_loop_new(NULL, &loop));
    ac = redisAsyncConnect("127.0.0.1", ntohs(address.sin_port));
    ck_assert_ptr_nonnull(ac);
    ck_assert_int_eq(ac->err, 0);
    server = accept(listener, NULL, NULL);
    ck_assert_int_ge(server, 0);
}

static void finish(void)
{
    em_loop_free(loop);
    (void)close(server);
    (void)close(listener);
}

static void attach(void)
{
    ck_assert_int_eq(redisEmitterAttach(ac, loop), REDIS_OK);
}

static void answer(const char *text)
{
    ck_assert_int_eq(write(server, text, strlen(text)), (ssize_t)strlen(text));
}

/* hiredis stays until it has sent all, also what was answered before. */
static void send_all(void)
{
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
}

static void run_to_the_end(void)
{
    ck_assert_int_eq(em_loop_run(loop, EM_RUN_DEFAULT), 0);
}

static void note(redisAsyncContext *context, void *reply, void *data)
{
    (void)context;
    mark(data);
    mark(reply ? ((redisReply *)reply)->str : "none");
}

static void note_and_free(redisAsyncContext *context, void *reply, void *data)
{
    note(context, reply, data);
    redisAsyncFree(context);
}

static void note_end(const redisAsyncContext *context, int status)
{
    mark(status == REDIS_OK ? "closed" : context->errstr);
}

TEST(a_connection_keeps_the_loop_alive_until_it_is_closed)
{
    begin();
    ck_assert(!em_loop_alive(loop));
    attach();
    ck_assert(em_loop_alive(loop));
    (void)redisAsyncSetDisconnectCallback(ac, note_end);
    (void)redisAsyncCommand(ac, note, "a", "A");
    (void)redisAsyncCommand(ac, note, "b", "B");
    redisAsyncDisconnect(ac);
    send_all();
    answer("+one\r\n+two\r\n");
    run_to_the_end();
    assert_marks("a one b two closed");
    finish();
}

/* Which comes in a turn that has also found that it can write. */
TEST(a_connection_may_be_freed_by_a_reply)
{
    begin();
    attach();
    (void)redisAsyncCommand(ac, note_and_free, "a", "A");
    (void)redisAsyncCommand(ac, note, "b", "B");
    answer("+one\r\n+two\r\n");
    run_to_the_end();
    assert_marks("a one b none");
    finish();
}

TEST(a_server_that_goes_leaves_no_reply_out)
{
    begin();
    attach();
    (void)redisAsyncSetDisconnectCallback(ac, note_end);
    (void)redisAsyncCommand(ac, note, "a", "A");
    (void)redisAsyncCommand(ac, note, "b", "B");
    answer("+one\r\n");
    ck_assert_int_eq(shutdown(server, SHUT_WR), 0);
    run_to_the_end();
    assert_marks("a one b none Server closed the connection");
    finish();
}

TEST(the_loop_may_go_before_the_connection)
{
    begin();
    attach();
    (void)redisAsyncCommand(ac, note, "a", "A");
    em_loop_free(loop);
    ck_assert_ptr_null(ac->ev.data);
    (void)redisAsyncCommand(ac, note, "b", "B");
    redisAsyncFree(ac);
    assert_marks("a none b none");
    loop = NULL;
    finish();
}

TEST(a_connection_is_attached_once)
{
    begin();
    attach();
    ck_assert_int_eq(redisEmitterAttach(ac, loop), REDIS_ERR);
    redisAsyncFree(ac);
    ck_assert(!em_loop_alive(loop));
    finish();
}

TEST(a_loop_that_refuses_leaves_the_connection_as_it_was)
{
    unsigned long nth;
    int r;

    begin();
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = redisEmitterAttach(ac, loop);
        if (!allocation_failed())
            break;
        ck_assert_int_eq(r, REDIS_ERR);
        ck_assert_ptr_null(ac->ev.data);
    }
    ck_assert_int_eq(r, REDIS_OK);
    ck_assert_uint_gt(nth, 1);
    redisAsyncFree(ac);
    finish();
}

TEST(reading_and_writing_pause_and_go_on)
{
    begin();
    attach();
    (void)redisAsyncCommand(ac, note, "a", "A");
    ac->ev.delRead(ac->ev.data);
    ac->ev.delWrite(ac->ev.data);
    ck_assert(!em_loop_alive(loop));
    ac->ev.addRead(ac->ev.data);
    ac->ev.addWrite(ac->ev.data);
    redisAsyncDisconnect(ac);
    send_all();
    answer("+one\r\n");
    run_to_the_end();
    assert_marks("a one");
    finish();
}

SUITE("hiredis", a_connection_keeps_the_loop_alive_until_it_is_closed,
      a_connection_may_be_freed_by_a_reply,
      a_server_that_goes_leaves_no_reply_out,
      the_loop_may_go_before_the_connection, a_connection_is_attached_once,
      a_loop_that_refuses_leaves_the_connection_as_it_was,
      reading_and_writing_pause_and_go_on);
