/* SPDX-License-Identifier: MIT */
/* Addresses, and the sockets that they lead to. */

#include <config.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing.h"
#include "worker/socket.h"

static em__address address;
static int sockets[EM__SOCKETS_MAX];
static char directory[64], path[80], text[96];

static void begin(void)
{
    strcpy(directory, "/tmp/test_address.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    (void)snprintf(text, sizeof(text), "unix:%s", path);
}

static void finish(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

static bool path_exists(void)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static void listen_one(const char *where)
{
    assert_ok(em__address_parse(where, &address));
    ck_assert_int_eq(em__socket_listen(&address, false, sockets), 1);
}

/* The listening socket answers at its own name. */
static void assert_reachable(int listening, int family)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    int fd = socket(family, SOCK_STREAM, 0);

    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&name, &size),
                     0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, size), 0);
    (void)close(fd);
}

static void assert_flags(int fd)
{
    ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

TEST(addresses_are_read)
{
    const struct sockaddr_in *ipv4 = (const void *)&address.name;
    const struct sockaddr_in6 *ipv6 = (const void *)&address.name;

    assert_ok(em__address_parse("127.0.0.1:8080", &address));
    ck_assert_int_eq(address.kind, EM__ADDRESS_INET);
    ck_assert_int_eq(ipv4->sin_family, AF_INET);
    ck_assert_int_eq(ntohs(ipv4->sin_port), 8080);
    ck_assert_uint_eq(ntohl(ipv4->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_ok(em__address_parse("[::1]:65535", &address));
    ck_assert_int_eq(ipv6->sin6_family, AF_INET6);
    ck_assert_int_eq(ntohs(ipv6->sin6_port), 65535);
    ck_assert(IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr));
    assert_ok(em__address_parse("[fe80::1%7]:0", &address));
    ck_assert_uint_eq(ipv6->sin6_scope_id, 7);
    assert_ok(em__address_parse("[fe80::1%lo]:0", &address));
    ck_assert_uint_ne(ipv6->sin6_scope_id, 0);
    assert_ok(em__address_parse("fd:2147483647", &address));
    ck_assert_int_eq(address.kind, EM__ADDRESS_FD);
    ck_assert_int_eq(address.fd, 2147483647);
    assert_ok(em__address_parse("systemd", &address));
    ck_assert_int_eq(address.kind, EM__ADDRESS_SYSTEMD);
    assert_ok(em__address_parse("unix:x", &address));
    ck_assert_int_eq(address.kind, EM__ADDRESS_UNIX);
}

TEST(what_is_no_address_is_refused)
{
    static const char *const wrong[] = {
        "",
        ":",
        "80",
        ":80",
        "*:80",
        "localhost:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:4294967376",
        "127.0.0.1:99999999999999999999",
        "127.0.0.1:+80",
        "127.0.0.1:-1",
        "127.0.0.1: 80",
        "127.0.0.1:80 ",
        " 127.0.0.1:80",
        "127.0.0.1:0x50",
        "127.0.0.1:80:80",
        "127.0.0:80",
        "127.1:80",
        "0127.0.0.1.1:80",
        "256.0.0.1:80",
        "127.0.0.1.:80",
        "::1:80",
        "[::1]",
        "[::1]:",
        "[::1]80",
        "[::1:80",
        "::1]:80",
        "[]:80",
        "[:80",
        "[127.0.0.1]:80",
        "[::1]]:80",
        "[[::1]:80",
        "[::1%]:80",
        "[::1%0]:80",
        "[fe80::1%no-such-interface]:80",
        "[fe50::1%lo]:80", /* local to no link */
        "[::1]x:80",
        "[1:2:3:4:5:6:7:8:9]:80",
        "unix:",
        "unix",
        "UNIX:x",
        "fd:",
        "fd",
        "fd:-1",
        "fd:x",
        "fd:3x",
        "fd: 3",
        "fd:2147483648",
        "fd:3,4",
        "systemd:",
        "systemd ",
        "systemd:http",
        "http://127.0.0.1:80",
    };
    size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(em__address_parse(wrong[i], &address) == -EINVAL,
                      "\"%s\" is no address", wrong[i]);
    assert_error(-EINVAL, em__address_parse(NULL, &address));
}

TEST(a_host_longer_than_any_is_refused)
{
    char host[200] = "[::1%";

    memset(host + 5, '0', 180);
    strcpy(host + 185, "1]:80");
    assert_error(-EINVAL, em__address_parse(host, &address));
}

TEST(a_path_may_be_as_long_as_the_system_takes)
{
    struct sockaddr_un name;
    char longest[sizeof(name.sun_path) + 8] = "unix:";

    memset(longest + 5, 'x', sizeof(name.sun_path));
    longest[5 + sizeof(name.sun_path)] = '\0';
    assert_error(-EINVAL, em__address_parse(longest, &address));
    longest[4 + sizeof(name.sun_path)] = '\0';
    assert_ok(em__address_parse(longest, &address));
}

TEST(ipv4_listens_and_tells_its_port)
{
    const struct sockaddr_in *name = (const void *)&address.name;

    listen_one("127.0.0.1:0");
    ck_assert_int_ne(name->sin_port, 0);
    assert_flags(sockets[0]);
    assert_reachable(sockets[0], AF_INET);
    assert_error(-EADDRINUSE, em__socket_listen(&address, false, sockets + 1));
    (void)close(sockets[0]);
}

/* An address of the host's own that no interface has: TEST-NET-1, RFC 5737. */
TEST(an_address_of_somebody_else_is_refused)
{
    assert_ok(em__address_parse("192.0.2.1:0", &address));
    assert_error(-EADDRNOTAVAIL, em__socket_listen(&address, false, sockets));
}

TEST(the_unspecified_ipv6_address_is_for_both)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    const struct sockaddr_in6 *bound = (const void *)&address.name;
    int fd, r;

    assert_ok(em__address_parse("[::]:0", &address));
    r = em__socket_listen(&address, false, sockets);
    if (r == -EAFNOSUPPORT)
        return; /* the system has no IPv6 */
    ck_assert_int_eq(r, 1);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = bound->sin6_port;
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    (void)close(fd);
    (void)close(sockets[0]);
}

TEST(reuseport_sockets_share_one_port)
{
    assert_ok(em__address_parse("127.0.0.1:0", &address));
    ck_assert_int_eq(em__socket_listen(&address, true, sockets), 1);
    ck_assert_int_eq(em__socket_listen(&address, true, sockets + 1), 1);
    assert_reachable(sockets[0], AF_INET);
    (void)close(sockets[0]);
    (void)close(sockets[1]);
}

TEST(only_tcp_addresses_have_reuseport)
{
    assert_ok(em__address_parse("unix:x", &address));
    assert_error(-EINVAL, em__socket_listen(&address, true, sockets));
    assert_ok(em__address_parse("fd:0", &address));
    assert_error(-EINVAL, em__socket_listen(&address, true, sockets));
    assert_ok(em__address_parse("systemd", &address));
    assert_error(-EINVAL, em__socket_listen(&address, true, sockets));
}

TEST(a_path_is_made_and_removed)
{
    begin();
    listen_one(text);
    assert_flags(sockets[0]);
    assert_reachable(sockets[0], AF_UNIX);
    em__socket_release(&address);
    ck_assert(!path_exists());
    em__socket_release(&address);
    (void)close(sockets[0]);
    finish();
}

TEST(a_stale_socket_is_replaced)
{
    begin();
    listen_one(text);
    (void)close(sockets[0]);
    ck_assert(path_exists());
    listen_one(text);
    assert_reachable(sockets[0], AF_UNIX);
    em__socket_release(&address);
    (void)close(sockets[0]);
    finish();
}

TEST(a_socket_where_somebody_listens_is_left_alone)
{
    em__address other;
    int more[EM__SOCKETS_MAX];

    begin();
    listen_one(text);
    assert_ok(em__address_parse(text, &other));
    assert_error(-EADDRINUSE, em__socket_listen(&other, false, more));
    em__socket_release(&other);
    assert_reachable(sockets[0], AF_UNIX);
    em__socket_release(&address);
    (void)close(sockets[0]);
    finish();
}

TEST(a_path_that_became_anothers_is_left_alone)
{
    em__address other;
    int more[EM__SOCKETS_MAX];

    begin();
    listen_one(text);
    ck_assert_int_eq(unlink(path), 0);
    assert_ok(em__address_parse(text, &other));
    ck_assert_int_eq(em__socket_listen(&other, false, more), 1);
    em__socket_release(&address);
    ck_assert(path_exists());
    em__socket_release(&other);
    ck_assert(!path_exists());
    (void)close(sockets[0]);
    (void)close(more[0]);
    finish();
}

TEST(a_file_that_is_no_socket_is_left_alone)
{
    int fd;

    begin();
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    assert_ok(em__address_parse(text, &address));
    assert_error(-EADDRINUSE, em__socket_listen(&address, false, sockets));
    ck_assert(path_exists());
    finish();
}

TEST(a_path_without_a_directory_is_refused)
{
    assert_ok(em__address_parse("unix:/nonexistent/socket", &address));
    assert_error(-ENOENT, em__socket_listen(&address, false, sockets));
}

static int listening_socket(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

TEST(a_given_descriptor_is_duplicated)
{
    int fd = listening_socket();

    (void)snprintf(text, sizeof(text), "fd:%d", fd);
    listen_one(text);
    ck_assert_int_ne(sockets[0], fd);
    (void)close(fd);
    assert_flags(sockets[0]);
    assert_reachable(sockets[0], AF_INET);
    (void)close(sockets[0]);
}

TEST(a_descriptor_that_does_not_listen_is_refused)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)snprintf(text, sizeof(text), "fd:%d", fd);
    assert_ok(em__address_parse(text, &address));
    assert_error(-EINVAL, em__socket_listen(&address, false, sockets));
    (void)close(fd);
    assert_error(-EBADF, em__socket_listen(&address, false, sockets));
    fd = open("/dev/null", O_RDONLY);
    assert_error(-ENOTSOCK, em__socket_listen(&address, false, sockets));
    (void)close(fd);
}

static int listen_systemd(const char *pid, const char *fds)
{
    if (pid)
        (void)setenv("LISTEN_PID", pid, 1);
    else
        (void)unsetenv("LISTEN_PID");
    if (fds)
        (void)setenv("LISTEN_FDS", fds, 1);
    else
        (void)unsetenv("LISTEN_FDS");
    if (em__address_parse("systemd", &address) < 0)
        return -EINVAL;
    return em__socket_listen(&address, false, sockets);
}

TEST(what_systemd_says_is_checked)
{
    char pid[16], parent[16];

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    (void)snprintf(parent, sizeof(parent), "%d", (int)getppid());
    assert_error(-ENOENT, listen_systemd(NULL, NULL));
    assert_error(-ENOENT, listen_systemd(pid, NULL));
    assert_error(-ENOENT, listen_systemd(NULL, "1"));
    assert_error(-ENOENT, listen_systemd(parent, "1"));
    assert_error(-ENOENT, listen_systemd(pid, "0"));
    assert_error(-EINVAL, listen_systemd("", "1"));
    assert_error(-EINVAL, listen_systemd("x", "1"));
    assert_error(-EINVAL, listen_systemd(pid, ""));
    assert_error(-EINVAL, listen_systemd(pid, "-1"));
    assert_error(-EINVAL, listen_systemd(pid, "1 "));
    assert_error(-EINVAL, listen_systemd(pid, "2147483647"));
    assert_error(-E2BIG, listen_systemd(pid, "17"));
}

/* Descriptors 3 and 4 are Check's, so a child, which must not tell it anything,
 * arranges them. */
TEST(sockets_from_systemd_are_adopted)
{
    int a = listening_socket(), b = listening_socket(), status, r;
    pid_t child = fork();
    char pid[16];

    if (child == 0) {
        (void)dup2(a, 60);
        (void)dup2(b, 61);
        (void)dup2(60, 3);
        (void)dup2(61, 4);
        (void)close(5);
        (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
        r = listen_systemd(pid, "3") == -EBADF ? 0 : 1;
        if (r == 0 && listen_systemd(pid, "2") != 2)
            r = 2;
        if (r == 0 && !(fcntl(3, F_GETFD) & FD_CLOEXEC))
            r = 3;
        if (r == 0 && listen_systemd(pid, "2") != 2)
            r = 4;
        _exit(r);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    (void)close(a);
    (void)close(b);
}

SUITE("address", addresses_are_read, what_is_no_address_is_refused,
      a_host_longer_than_any_is_refused,
      a_path_may_be_as_long_as_the_system_takes,
      ipv4_listens_and_tells_its_port, an_address_of_somebody_else_is_refused,
      the_unspecified_ipv6_address_is_for_both,
      reuseport_sockets_share_one_port, only_tcp_addresses_have_reuseport,
      a_path_is_made_and_removed, a_stale_socket_is_replaced,
      a_socket_where_somebody_listens_is_left_alone,
      a_path_that_became_anothers_is_left_alone,
      a_file_that_is_no_socket_is_left_alone,
      a_path_without_a_directory_is_refused, a_given_descriptor_is_duplicated,
      a_descriptor_that_does_not_listen_is_refused,
      what_systemd_says_is_checked, sockets_from_systemd_are_adopted);
