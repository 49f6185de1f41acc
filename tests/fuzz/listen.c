/* SPDX-License-Identifier: MIT */
/* Fuzz of what says where and how to listen: addresses, the badge of a worker's
 * environment, and the options of clusters and workers, of any size and with
 * any values.  What an address is taken for is what the system's own resolver
 * takes it for; what is refused leaves nothing. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <emitter/cluster.h>

#include "fuzz.h"
#include "worker/address.h"
#include "worker/badge.h"

enum { LONGEST = 160, TAIL = 24 };

const char fuzz_name[] = "listen";

static char text[LONGEST + 1];

/* --- texts --- */

static void append(const char *piece)
{
    size_t used = strlen(text), length = strlen(piece);

    if (used + length <= LONGEST)
        memcpy(text + used, piece, length + 1);
}

/* HOST:PORT of such as are at the limits. */
static void draw_place(void)
{
    static const char *const hosts[] = { "127.0.0.1",
                                         "[::1]",
                                         "[::]",
                                         "[fe80::1%lo]",
                                         "[fe80::1%7]",
                                         "[::ffff:1.2.3.4]",
                                         "0.0.0.0",
                                         "1.2.3",
                                         "::1",
                                         "[]",
                                         "",
                                         "256.1.1.1" };
    static const char *const ports[] = {
        "0",          "1",          "080", "65535", "65536", "65537", "131072",
        "4294967296", "4294967297", "",    "-1",    "+1",    " 1"
    };

    append(hosts[draw(sizeof(hosts) / sizeof(hosts[0]))]);
    append(":");
    append(ports[draw(sizeof(ports) / sizeof(ports[0]))]);
}

/* Pieces of what an address is made of. */
static void draw_pieces(void)
{
    static const char *const pieces[] = {
        "127.0.0.1", "[",       "]",          "::",         "1",     ":",
        "%",         "lo",      "fe80::1%lo", "unix",       "unix:", "fd:",
        ".",         "0",       "255",        "65535",      "65536", "ffff",
        "::ffff:",   "systemd", "/",          "4294967296", "-",     "+"
    };
    unsigned count = draw(8);

    while (count-- > 0)
        append(pieces[draw(sizeof(pieces) / sizeof(pieces[0]))]);
}

/* And then any bytes. */
static void draw_text(void)
{
    size_t length;
    unsigned count;

    memset(text, 0, sizeof(text));
    if (draw(2))
        draw_place();
    else
        draw_pieces();
    for (count = draw(16) == 1 ? draw(LONGEST) : 0; count > 0; count--)
        append("a");
    length = strlen(text);
    for (count = draw(8) == 1 ? draw(4) : 0; count > 0 && length > 0; count--)
        text[draw((unsigned)length)] = (char)draw(256);
}

static unsigned port_of(const em__address *address)
{
    const struct sockaddr_in *ipv4 = (const void *)&address->name;
    const struct sockaddr_in6 *ipv6 = (const void *)&address->name;

    return ntohs(address->name.ss_family == AF_INET ? ipv4->sin_port
                                                    : ipv6->sin6_port);
}

static bool is_same_host(const em__address *address, const struct addrinfo *it)
{
    const struct sockaddr_in *ipv4 = (const void *)&address->name;
    const struct sockaddr_in6 *ipv6 = (const void *)&address->name;
    const struct sockaddr_in6 *other = (const void *)it->ai_addr;

    if (it->ai_family != address->name.ss_family)
        return false;
    if (it->ai_family == AF_INET)
        return memcmp(&ipv4->sin_addr,
                      &((const struct sockaddr_in *)other)->sin_addr,
                      sizeof(ipv4->sin_addr)) == 0;
    return memcmp(&ipv6->sin6_addr, &other->sin6_addr,
                  sizeof(ipv6->sin6_addr)) == 0 &&
           ipv6->sin6_scope_id == other->sin6_scope_id;
}

static void check_inet(const em__address *address)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char host[LONGEST + 1];
    char *colon;

    (void)snprintf(host, sizeof(host), "%s", text);
    colon = strrchr(host, ':');
    promise(colon && port_of(address) == strtoul(colon + 1, NULL, 10));
    *colon = '\0';
    if (host[0] == '[') {
        promise(colon[-1] == ']');
        colon[-1] = '\0';
    }
    promise(getaddrinfo(host + (host[0] == '['), NULL, &hints, &found) == 0);
    promise(is_same_host(address, found));
    freeaddrinfo(found);
}

static void check_unix(const em__address *address)
{
    const struct sockaddr_un *name = (const void *)&address->name;

    promise(name->sun_family == AF_UNIX);
    promise(strcmp(name->sun_path, text + 5) == 0 && text[5]);
    promise(address->name_len ==
            offsetof(struct sockaddr_un, sun_path) + strlen(text + 5) + 1);
}

static void try_address(void)
{
    em__address address;
    int r;

    draw_text();
    r = em__address_parse(text, &address);
    promise(r == 0 || r == -EINVAL);
    if (r < 0)
        return;
    switch (address.kind) {
    case EM__ADDRESS_INET:
        check_inet(&address);
        break;
    case EM__ADDRESS_UNIX:
        check_unix(&address);
        break;
    case EM__ADDRESS_FD:
        promise(address.fd >= 0 && text[3] >= '0' && text[3] <= '9');
        promise((unsigned long)address.fd == strtoul(text + 3, NULL, 10));
        break;
    default:
        promise(strcmp(text, "systemd") == 0);
    }
}

static void try_number(void)
{
    unsigned max = draw(2) ? UINT_MAX : draw(256), number = 0;
    char *end;
    int r;

    draw_text();
    r = em__address_number(text, max, &number);
    promise(r == 0 || r == -EINVAL);
    errno = 0;
    if (r == 0)
        promise(number <= max && strtoull(text, &end, 10) == number && !*end);
    else if (strspn(text, "0123456789") == strlen(text) && *text)
        promise(strtoull(text, NULL, 10) > max || errno == ERANGE);
}

/* Of another process, or of no socket, so that none is ever taken. */
static void try_badge(void)
{
    em__badge badge;

    (void)snprintf(text, sizeof(text), "%d %d %llu %d", (int)draw(256) - 1,
                   (int)draw(256) - 1, (unsigned long long)draw_word(),
                   draw(2) ? (int)getpid() : (int)draw(256));
    if (draw(2))
        text[draw((unsigned)strlen(text))] = (char)draw(256);
    promise(setenv("EMITTER_WORKER", text, 1) == 0);
    promise(em__badge_read(&badge) == -ENOENT);
    promise(unsetenv("EMITTER_WORKER") == 0);
}

/* --- options --- */

/* As a caller of another version of the library hands them over. */
typedef struct given {
    union {
        em_cluster_options cluster;
        em_worker_options worker;
        size_t size;
        uint8_t bytes[256];
    } as;
} given;

static int run(em_loop *own, em_worker *parent, void *data)
{
    (void)parent, (void)data;
    return em_loop_run(own, EM_RUN_NOWAIT) < 0;
}

static int choose(em_cluster *cluster, const struct sockaddr *peer,
                  const void *first, size_t size, void *data)
{
    (void)cluster, (void)peer, (void)first, (void)size, (void)data;
    return -EACCES;
}

static unsigned draw_number(void)
{
    static const unsigned odd[] = { 0, 1, 2, 32, 33, 0x80000000, 0xffffffff };

    return odd[draw(7)];
}

static uint64_t draw_time(void)
{
    return draw(4) == 1 ? (size_t)draw_word() : draw_number();
}

/* Whole members, or more than the library knows; returns what it must say. */
static int draw_size(given *it, size_t known)
{
    size_t i;

    it->as.size = known;
    if (draw(8) == 1)
        it->as.size = draw((unsigned)known) & ~7u;
    if (draw(8) == 1) {
        it->as.size = known + draw(TAIL + 1);
        for (i = known; i < known + TAIL; i++)
            it->as.bytes[i] = (uint8_t)(draw(4) == 1 ? draw(256) : 0);
    }
    for (i = known; i < it->as.size; i++) {
        if (it->as.bytes[i])
            return -E2BIG;
    }
    return it->as.size == 0 ? -EINVAL : 0;
}

/* A thread, which is cheap; anything that a thread has not is refused. */
static int draw_worker(given *it)
{
    static const int fds[] = { 0, 1, 400 };
    static const em_limit limit = { 0, 1, 1 };

    memset(it, 0, sizeof(*it));
    it->as.worker = (em_worker_options){
        .main = run,
        .thread = true,
        .queue_limit = draw(4) == 1 ? (size_t)draw_word() : draw_number(),
        .path = draw(16) == 1 ? "/nowhere" : NULL,
        .nice = draw(16) == 1 ? (int)draw_number() : 0,
        .cpus = draw(16) == 1 ? draw_word() : 0,
        .keep_fds = draw(16) == 1 ? fds : NULL,
        .keep_count = draw(16) == 1 ? draw(4) : 0,
        .limits = draw(16) == 1 ? &limit : NULL,
        .limit_count = draw(16) == 1 ? draw(2) : 0,
    };
    it->as.worker.stdio[draw(3)] = draw(16) == 1 ? (int)draw_number() : 0;
    /* One that is cut before it says so would be this program again. */
    return it->as.worker.thread ? draw_size(it, sizeof(it->as.worker)) : 0;
}

static void promise_refusal(int r, int by_size)
{
    promise(by_size == 0 || r < 0);
    promise(by_size != -E2BIG || r == -E2BIG || r == -EINVAL);
    promise(r <= 0);
}

static bool says_thread(const given *it)
{
    return it->as.size > offsetof(em_worker_options, thread);
}

static void try_worker(em_loop *loop)
{
    em_worker *worker = NULL;
    given it;
    int by_size = draw_worker(&it), r;

    if (!says_thread(&it) && it.as.size > 0)
        return;
    r = em_worker_spawn(loop, &it.as.worker, draw(16) == 1 ? NULL : &worker);
    promise_refusal(r, by_size);
    promise((r == 0) == (worker != NULL));
    em_worker_free(worker);
}

static void try_cluster(em_loop *loop)
{
    static const char *const places[] = { NULL, "127.0.0.1:0", "[::1]:0",
                                          "127.0.0.1", text };
    em_cluster *cluster = NULL;
    given worker, it = { .as.size = 0 };
    int worker_size = draw_worker(&worker), by_size, r;

    if (!says_thread(&worker) && worker.as.size > 0)
        return;
    (void)snprintf(text, sizeof(text), "fd:%u", 300 + draw_number() % 256);
    it.as.cluster = (em_cluster_options){
        .workers = draw(8) == 1 ? draw_number() : 1 + draw(3),
        .worker = draw(16) == 1 ? NULL : &worker.as.worker,
        .listen = places[draw(5)],
        .reuseport = draw(4) == 1,
        .route = (em_route)(draw(8) == 1 ? draw_number() : draw(5)),
        .route_fn = draw(8) == 1 ? NULL : choose,
        .peek = draw(8) == 1 ? draw_number() : 0,
        .ipv4_prefix = draw(8) == 1 ? draw_number() : 0,
        .ipv6_prefix = draw(8) == 1 ? draw_number() : 0,
        .restart_budget = draw_number(),
        .restart_window_ms = draw_time(),
        .backoff_ms = draw_time(),
        .backoff_max_ms = draw(2) ? draw_time() : 0,
        .drain_ms = draw_time(),
    };
    if (it.as.cluster.workers == 32 || it.as.cluster.workers == 0)
        it.as.cluster.workers = 1; /* threads enough */
    by_size = draw_size(&it, sizeof(it.as.cluster));
    r = em_cluster_new(loop, &it.as.cluster, &cluster);
    promise_refusal(r, by_size);
    promise(worker_size == 0 || r < 0);
    promise((r == 0) == (cluster != NULL));
    em_cluster_free(cluster);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    unsigned threads = 0;
    em_loop *loop;

    fuzz_begin(bytes, size);
    promise(em_loop_new(NULL, &loop) == 0);
    while (!drawn_out()) {
        switch (draw(8)) {
        case 1:
            try_badge();
            break;
        case 2:
            try_number();
            break;
        case 3:
            if (threads++ < 8)
                try_worker(loop);
            break;
        case 4:
            if (threads++ < 8)
                try_cluster(loop);
            break;
        default:
            try_address();
            break;
        }
    }
    em_loop_free(loop);
    fuzz_end();
    return 0;
}
