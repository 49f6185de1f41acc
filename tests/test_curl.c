/* SPDX-License-Identifier: MIT */
/* The adapter for libcurl: what a server is not needed for, or must not say. */

#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "curl_loop.h"
#include "testing.h"

static em_loop *loop;
static curl_loop *curl;
static int silent; /* a server that never answers */
static char silent_url[64];

static void begin(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(silent, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(silent, 8), 0);
    ck_assert_int_eq(getsockname(silent, (struct sockaddr *)&address, &length),
                     0);
    (void)snprintf(silent_url, sizeof(silent_url), "http://127.0.0.1:%d/",
                   ntohs(address.sin_port));
    ck_assert_int_eq(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(curl_loop_new(loop, &curl));
}

static void finish(void)
{
    curl_loop_free(curl);
    em_loop_free(loop);
    curl_global_cleanup();
    (void)close(silent);
}

static CURL *easy_for(const char *url)
{
    CURL *easy = curl_easy_init();

    ck_assert_ptr_nonnull(easy);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    return easy;
}

static void note(CURL *easy, CURLcode result, void *data)
{
    mark(data);
    mark_number((long)result);
    curl_easy_cleanup(easy);
}

static void add(const char *url, curl_loop_fn *done, char *name)
{
    assert_ok(curl_loop_add(curl, easy_for(url), done, name));
}

static void run_to_the_end(void)
{
    ck_assert_int_eq(em_loop_run(loop, EM_RUN_DEFAULT), 0);
}

TEST(each_transfer_ends_once_with_its_own_result)
{
    begin();
    ck_assert(!em_loop_alive(loop));
    add("file:///dev/null", note, "a");
    ck_assert(em_loop_alive(loop));
    run_to_the_end();
    add("file:///does/not/exist", note, "b");
    run_to_the_end();
    assert_marks("a 0 b 37"); /* CURLE_FILE_COULDNT_READ_FILE */
    finish();
}

static void note_and_add_again(CURL *easy, CURLcode result, void *data)
{
    note(easy, result, data);
    add("file:///dev/null", note, "next");
}

TEST(one_that_is_done_may_add_another)
{
    begin();
    add("file:///dev/null", note_and_add_again, "first");
    run_to_the_end();
    assert_marks("first 0 next 0");
    finish();
}

static void note_and_reuse(CURL *easy, CURLcode result, void *data)
{
    mark_number((long)result);
    assert_ok(curl_loop_add(curl, easy, note, data));
}

TEST(a_handle_may_be_used_again_when_it_is_done)
{
    begin();
    add("file:///dev/null", note_and_reuse, "again");
    run_to_the_end();
    assert_marks("0 again 0");
    finish();
}

TEST(a_handle_that_is_under_way_is_refused_and_goes_on)
{
    CURL *easy;

    begin();
    easy = easy_for("file:///dev/null");
    assert_ok(curl_loop_add(curl, easy, note, "once"));
    assert_error(-EINVAL, curl_loop_add(curl, easy, note, "never"));
    run_to_the_end();
    assert_marks("once 0");
    finish();
}

static void give_up(em_source *source, void *data)
{
    (void)data;
    em_loop_stop(em_source_loop(source));
}

/* The connection is made, the request sent, and an answer awaited. */
TEST(what_is_under_way_is_aborted_when_it_is_freed)
{
    begin();
    add(silent_url, note, "silent");
    assert_ok(em_loop_add_timer(loop, 20, 0, give_up, NULL, NULL));
    ck_assert_int_eq(em_loop_run(loop, EM_RUN_DEFAULT), 1);
    assert_marks("");
    curl_loop_free(curl);
    assert_marks("silent 42"); /* CURLE_ABORTED_BY_CALLBACK */
    curl = NULL;
    ck_assert(!em_loop_alive(loop));
    finish();
}

static void note_and_free(CURL *easy, CURLcode result, void *data)
{
    CURL *late = easy_for("file:///dev/null");

    note(easy, result, data);
    curl_loop_free(curl);
    assert_error(-ESHUTDOWN, curl_loop_add(curl, late, note, "never"));
    curl_easy_cleanup(late);
}

TEST(one_that_is_done_may_free_it_and_the_others_are_aborted)
{
    begin();
    add(silent_url, note, "silent");
    add("file:///dev/null", note_and_free, "freer");
    run_to_the_end();
    assert_marks("freer 0 silent 42");
    curl = NULL;
    finish();
}

TEST(patience_ends_by_the_timer)
{
    CURL *easy;

    begin();
    easy = easy_for(silent_url);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30L);
    assert_ok(curl_loop_add(curl, easy, note, "late"));
    run_to_the_end();
    assert_marks("late 28"); /* CURLE_OPERATION_TIMEDOUT */
    finish();
}

TEST(all_end_when_the_loop_refuses_a_socket)
{
    if (!on_epoll())
        return;
    begin();
    add(silent_url, note, "one");
    add(silent_url, note, "one");
    fail_every_call("epoll_ctl", ENOSPC);
    run_to_the_end();
    fail_every_call(NULL, 0);
    assert_marks("one 42 one 42");
    add("file:///dev/null", note, "later");
    run_to_the_end();
    assert_marks("later 0");
    finish();
}

TEST(without_memory_there_is_none)
{
    curl_loop *none = NULL;
    em_loop *without_timers;

    begin();
    assert_ok(em_loop_new(NULL, &without_timers));
    fail_allocation(1);
    assert_error(-ENOMEM, curl_loop_new(without_timers, &none));
    ck_assert(allocation_failed());
    ck_assert_ptr_null(none);
    em_loop_free(without_timers);
    finish();
}

SUITE("curl", each_transfer_ends_once_with_its_own_result,
      one_that_is_done_may_add_another,
      a_handle_may_be_used_again_when_it_is_done,
      a_handle_that_is_under_way_is_refused_and_goes_on,
      what_is_under_way_is_aborted_when_it_is_freed,
      one_that_is_done_may_free_it_and_the_others_are_aborted,
      patience_ends_by_the_timer, all_end_when_the_loop_refuses_a_socket,
      without_memory_there_is_none);
