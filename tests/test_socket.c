/* SPDX-License-Identifier: MIT */
/* Sockets that listen, on a system that fails: whatever was refused, nothing is
 * left, neither a descriptor nor a path. */

#include <config.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing.h"
#include "worker/socket.h"

static em__address address;
static int sockets[EM__SOCKETS_MAX];
static char directory[64], path[80], text[96];

static void begin(void)
{
    strcpy(directory, "/tmp/test_socket.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    (void)snprintf(text, sizeof(text), "unix:%s", path);
}

static void finish(void)
{
    ck_assert_int_eq(rmdir(directory), 0);
}

static int listen_at(const char *where, bool reuseport)
{
    assert_ok(em__address_parse(where, &address));
    return em__socket_listen(&address, reuseport, sockets);
}

/* With just so many descriptors to open. */
static int listen_with(unsigned left, const char *where)
{
    int r;

    leave_descriptors(left);
    r = listen_at(where, false);
    restore_descriptors();
    return r;
}

static bool path_exists(void)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

/* --- without descriptors --- */

static int listening_socket(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

TEST(without_descriptors_nothing_listens)
{
    int fd = listening_socket();
    char given[16];

    begin();
    (void)snprintf(given, sizeof(given), "fd:%d", fd);
    assert_error(-EMFILE, listen_with(0, "127.0.0.1:0"));
    assert_error(-EMFILE, listen_with(0, text));
    assert_error(-EMFILE, listen_with(0, given));
    ck_assert(!path_exists());
    (void)close(fd);
    finish();
}

TEST(without_a_descriptor_to_ask_with_a_path_counts_as_taken)
{
    begin();
    ck_assert_int_eq(listen_at(text, false), 1);
    (void)close(sockets[0]);
    assert_error(-EADDRINUSE, listen_with(1, text));
    ck_assert(path_exists());
    ck_assert_int_eq(unlink(path), 0);
    finish();
}

/* At 3 and 4, with room for a copy of the first alone, which is 5. */
static int adopt_one_of_two(void)
{
    struct rlimit limit;
    char pid[16];
    int r;

    (void)close(5);
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    (void)setenv("LISTEN_PID", pid, 1);
    (void)setenv("LISTEN_FDS", "2", 1);
    if (em__address_parse("systemd", &address) < 0 ||
        getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1;
    limit.rlim_cur = 6;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 2;
    r = em__socket_listen(&address, false, sockets);
    if (r != -EMFILE)
        return 3;
    return fcntl(5, F_GETFD) < 0 && fcntl(3, F_GETFD) >= 0 &&
                   fcntl(4, F_GETFD) >= 0
               ? 0
               : 4;
}

TEST(sockets_from_systemd_are_adopted_all_or_none)
{
    int a = listening_socket(), b = listening_socket(), status;
    pid_t child = fork();

    if (child == 0) { /* 3 and 4 are Check's */
        (void)dup2(a, 60);
        (void)dup2(b, 4);
        (void)dup2(60, 3);
        _exit(adopt_one_of_two());
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    (void)close(a);
    (void)close(b);
}

/* --- calls that fail --- */

static void assert_told(const char *call, unsigned long nth, const char *where,
                        bool reuseport)
{
    fail_call(call, nth, ENOBUFS);
    assert_error(-ENOBUFS, listen_at(where, reuseport));
    ck_assert_msg(call_failed(), "%s %lu", call, nth);
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

TEST(every_call_that_fails_is_told)
{
    int fd = listening_socket();

    (void)snprintf(text, sizeof(text), "fd:%d", fd);
    assert_told("getsockopt", 1, text, false);
    assert_told("getsockopt", 2, text, false);
    (void)close(fd);
    assert_told("setsockopt", 1, "127.0.0.1:0", true);
    assert_told("setsockopt", 2, "127.0.0.1:0", true);
    if (has_ipv6())
        assert_told("setsockopt", 2, "[::]:0", true);
    assert_told("bind", 1, "127.0.0.1:0", false);
    assert_told("getsockname", 1, "127.0.0.1:0", false);
    begin();
    assert_told("bind", 1, text, false);
    ck_assert(!path_exists());
    finish();
}

/* Whoever was there is gone before we look. */
TEST(a_path_that_is_free_again_is_tried_again)
{
    begin();
    fail_call("bind", 1, EADDRINUSE);
    ck_assert_int_eq(listen_at(text, false), 1);
    ck_assert(call_failed());
    ck_assert(path_exists());
    em__socket_release(&address);
    ck_assert(!path_exists());
    (void)close(sockets[0]);
    finish();
}

TEST(a_path_that_cannot_be_looked_at_is_told)
{
    fail_call("bind", 1, EADDRINUSE);
    assert_error(-ENOTDIR, listen_at("unix:/dev/null/socket", false));
    ck_assert(call_failed());
}

TEST(a_path_that_went_is_not_missed)
{
    begin();
    ck_assert_int_eq(listen_at(text, false), 1);
    ck_assert_int_eq(unlink(path), 0);
    em__socket_release(&address);
    ck_assert(!path_exists());
    (void)close(sockets[0]);
    finish();
}

SUITE("socket", without_descriptors_nothing_listens,
      without_a_descriptor_to_ask_with_a_path_counts_as_taken,
      sockets_from_systemd_are_adopted_all_or_none,
      every_call_that_fails_is_told, a_path_that_is_free_again_is_tried_again,
      a_path_that_cannot_be_looked_at_is_told, a_path_that_went_is_not_missed);
