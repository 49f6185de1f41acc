/* SPDX-License-Identifier: MIT */
/* Connections: how they begin and end. */

#include <config.h>

#include <arpa/inet.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nats_pair.h"
#include "nats_server.h"
#include "testing.h"

TEST(a_connection_connects_and_closes_and_then_nothing_is_alive)
{
    em_nats *nats;
    const char *url;

    assert_ok(em_loop_new(NULL, &loop));
    server_start(NULL, NULL);
    url = server_url();
    nats = connect_to(url);
    ck_assert(!em_nats_is_connected(nats));
    assert_error(-ENOTCONN, em_nats_publish(nats, "subject", "", 0));
    assert_ok(em_on(em_nats_emitter(nats), "connect", note, "connect"));
    assert_ok(em_on(em_nats_emitter(nats), "close", note, "close"));
    run_until(em_nats_emitter(nats), "connect");
    ck_assert(em_nats_is_connected(nats));
    em_nats_close(nats);
    em_nats_close(nats);
    ck_assert_int_eq(em_loop_run(loop, EM_RUN_DEFAULT), 0);
    assert_marks("connect close");
    assert_error(-ESHUTDOWN, em_nats_publish(nats, "subject", "", 0));
    em_nats_free(nats);
    finish();
}

TEST(without_a_server_there_is_an_error_and_the_loop_goes_on)
{
    em_nats *nats;

    assert_ok(em_loop_new(NULL, &loop));
    nats = connect_to(server_url());
    assert_ok(em_on(em_nats_emitter(nats), "error", note_error, NULL));
    assert_ok(em_on(em_nats_emitter(nats), "close", note, "close"));
    ck_assert_int_eq(em_loop_run(loop, EM_RUN_DEFAULT), 0);
    ck_assert_str_eq(take_marks(), "error -111 close");
    em_nats_free(nats);
    finish();
}

/* A timer of the loop comes while a server that says nothing is waited for. */
static void tick(em_source *timer, void *data)
{
    (void)timer;
    mark(data);
}

TEST(a_server_that_says_nothing_is_an_error_in_time_and_holds_up_nobody)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);
    char url[64];
    const char *urls[] = { url };
    em_nats *nats;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    (void)snprintf(url, sizeof(url), "nats://127.0.0.1:%d",
                   ntohs(address.sin_port));
    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_nats_connect(loop,
                              EM_OPTIONS(em_nats_options, .servers = urls,
                                         .server_count = 1, .connect_ms = 300),
                              &nats));
    assert_ok(em_on(em_nats_emitter(nats), "error", note, "error"));
    assert_ok(em_loop_add_timer(loop, 1, 0, tick, "tick", NULL));
    ck_assert_int_eq(em_loop_run(loop, EM_RUN_DEFAULT), 0);
    assert_marks("tick error");
    em_nats_free(nats);
    (void)close(fd);
    finish();
}

TEST(of_several_servers_one_is_enough)
{
    const char *urls[2] = { "nats://127.0.0.1:1" };
    em_nats *nats;

    assert_ok(em_loop_new(NULL, &loop));
    server_start(NULL, NULL);
    urls[1] = server_url();
    assert_ok(em_nats_connect(
        loop, EM_OPTIONS(em_nats_options, .servers = urls, .server_count = 2),
        &nats));
    run_until(em_nats_emitter(nats), "connect");
    ck_assert(em_nats_is_connected(nats));
    em_nats_free(nats);
    finish();
}

TEST(a_wrong_password_is_refused_and_the_right_one_is_not)
{
    const char *url;
    em_nats *nats;

    assert_ok(em_loop_new(NULL, &loop));
    server_start("--auth", "secret");
    nats = connect_to(server_url());
    assert_ok(em_on(em_nats_emitter(nats), "error", note_error, NULL));
    run();
    assert_marks("error -13");
    em_nats_free(nats);
    url = server_url();
    assert_ok(em_nats_connect(loop,
                              EM_OPTIONS(em_nats_options, .servers = &url,
                                         .server_count = 1, .token = "secret"),
                              &nats));
    run_until(em_nats_emitter(nats), "connect");
    em_nats_free(nats);
    finish();
}

TEST(a_connection_that_is_let_go_while_it_connects_says_nothing)
{
    assert_ok(em_loop_new(NULL, &loop));
    em_nats_free(connect_to(server_url())); /* there is nobody */
    run();
    server_start(NULL, NULL);
    em_nats_free(connect_to(server_url()));
    run();
    finish();
}

TEST(a_loop_that_is_freed_takes_its_connections_with_it)
{
    em_nats *nats;

    assert_ok(em_loop_new(NULL, &loop));
    server_start(NULL, NULL);
    nats = connected();
    assert_ok(em_on(em_nats_emitter(nats), "close", note, "close"));
    em_loop_free(loop);
    assert_error(-ESHUTDOWN, em_nats_publish(nats, "subject", "", 0));
    em_nats_free(nats);
    assert_ok(em_loop_new(NULL, &loop));
    nats = connect_to(server_url());
    em_loop_free(loop);
    em_nats_free(nats);
    loop = NULL;
    server_end();
    (void)nats_CloseAndWait(0);
}

TEST(an_unreferenced_connection_does_not_keep_the_loop_alive)
{
    const char *url;

    assert_ok(em_loop_new(NULL, &loop));
    server_start(NULL, NULL);
    url = server_url();
    assert_ok(em_nats_connect(loop,
                              EM_OPTIONS(em_nats_options, .servers = &url,
                                         .server_count = 1, .unref = true),
                              &a));
    assert_ok(em_on(em_nats_emitter(a), "connect", note, "connect"));
    ck_assert_int_eq(em_loop_run(loop, EM_RUN_DEFAULT), 0);
    assert_marks("connect");
    finish();
}

TEST(nonsense_is_refused)
{
    em_nats *nats;
    em_emitter *stray;

    begin();
    assert_error(-EINVAL, em_nats_connect(NULL, NULL, &nats));
    assert_error(-EINVAL, em_nats_connect(loop, NULL, NULL));
    assert_error(-EINVAL,
                 em_nats_connect(loop,
                                 EM_OPTIONS(em_nats_options, .tls_cert = "x"),
                                 &nats));
    assert_error(-ENOENT,
                 em_nats_connect(
                     loop,
                     EM_OPTIONS(em_nats_options, .tls_ca = "/nowhere/ca.pem"),
                     &nats));
    assert_error(-EINVAL,
                 em_nats_connect(loop, &(em_nats_options){ .size = 0 }, &nats));
    assert_error(-EINVAL, em_nats_publish(NULL, "subject", "", 0));
    assert_error(-EINVAL, em_nats_publish(a, NULL, "", 0));
    assert_error(-EINVAL, em_nats_publish(a, "", "", 0));
    assert_error(-EINVAL, em_nats_publish(a, "a..b", "", 0));
    assert_error(-EINVAL, em_nats_publish(a, "a.*", "", 0));
    assert_error(-EINVAL, em_nats_publish(a, "a.>", "", 0));
    assert_error(-EINVAL, em_nats_publish(a, "a b", "", 0));
    assert_error(-EINVAL, em_nats_publish(a, "a\r\nPING", "", 0));
    assert_error(-EINVAL, em_nats_publish(a, "subject", NULL, 1));
    assert_ok(em_emitter_new(NULL, &stray));
    assert_error(-EINVAL, em_nats_export(a, stray, "event", "subject", NULL));
    assert_error(-EINVAL, em_nats_import(a, "subject", stray, "event", NULL));
    em_unref(stray);
    stray = new_emitter();
    assert_error(-EINVAL, em_nats_export(a, stray, "event", "a.*", NULL));
    assert_error(-EINVAL, em_nats_import(a, ">.a", stray, "event", NULL));
    assert_error(-EINVAL,
                 em_nats_import(a, "subject", stray, "newListener", NULL));
    assert_error(-ENOENT, em_nats_unexport(a, stray, "event", "subject"));
    assert_error(-ENOENT, em_nats_unimport(a, "subject", stray, "event"));
    em_unref(stray);
    finish();
}

NATS_SUITE("nats", a_connection_connects_and_closes_and_then_nothing_is_alive,
           without_a_server_there_is_an_error_and_the_loop_goes_on,
           a_server_that_says_nothing_is_an_error_in_time_and_holds_up_nobody,
           of_several_servers_one_is_enough,
           a_wrong_password_is_refused_and_the_right_one_is_not,
           a_connection_that_is_let_go_while_it_connects_says_nothing,
           a_loop_that_is_freed_takes_its_connections_with_it,
           an_unreferenced_connection_does_not_keep_the_loop_alive,
           nonsense_is_refused);
