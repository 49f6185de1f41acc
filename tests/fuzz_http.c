/* SPDX-License-Identifier: MIT */
/* Fuzz: what of examples/http reads bytes of strangers: the routing peek, heads
 * and chunks.  A byte sequence means the same in whatever pieces it comes, and
 * to a server behind the proxy, which gets it rewritten.
 *
 *     clang -fsanitize=fuzzer,address -DFUZZER -Iexamples/http \
 *         tests/fuzz_http.c examples/http/{chunk,head,rewrite,table}.c \
 *         -lhttp_parser
 *
 * Without -DFUZZER it makes up a fixed number of inputs itself and is a test;
 * arguments are files of inputs. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chunk.h"
#include "head.h"
#include "rewrite.h"
#include "table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                           \
    do {                                                           \
        if (!(condition)) {                                        \
            fprintf(stderr, "%d: not %s\n", __LINE__, #condition); \
            abort();                                               \
        }                                                          \
    } while (0)

/* A copy of its own, so that a byte read behind it is found. */
static char *copy(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size ? size : 1);

    CHECK(bytes);
    memcpy(bytes, data, size);
    return bytes;
}

static struct table *make_table(enum by by)
{
    static const char lines[] = "/ 0\n/a 1\n/a/b 2\na.example 1\n* 3\n";
    char path[] = "/tmp/fuzz_http.XXXXXX";
    int fd = mkstemp(path);
    struct table *table;

    CHECK(fd >= 0);
    CHECK(write(fd, lines, sizeof(lines) - 1) == sizeof(lines) - 1);
    CHECK(close(fd) == 0);
    CHECK(table_read(path, by, 4, &table) == 0);
    CHECK(unlink(path) == 0);
    return table;
}

/* Once it is decided more bytes change nothing. */
static void route(enum by by, const uint8_t *data, size_t size)
{
    static struct table *tables[3];
    size_t step = size / 16 + 1, part;
    int decided = -EAGAIN, r;
    char *bytes;

    if (!tables[by])
        tables[by] = make_table(by);
    for (part = 0; part <= size; part += step) {
        bytes = copy(data, part);
        r = table_route(tables[by], bytes, part);
        free(bytes);
        CHECK(r == -EAGAIN || (r >= 0 && r < 4));
        CHECK(decided == -EAGAIN || r == decided);
        decided = r;
    }
    CHECK(size < TABLE_PEEK || part <= TABLE_PEEK || decided != -EAGAIN);
}

static bool is_same(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

/* One head, no longer and no shorter, that says the same. */
static void pass_on(const struct head *head, size_t size)
{
    size_t room = size + 512, line = 0, written;
    char *bytes = malloc(room);
    struct head there;

    CHECK(bytes);
    written = rewrite_request(head, "::1", "behind", bytes, room);
    CHECK(written > 0 && written <= room);
    CHECK(head_find(bytes, written, &line) == (long)written);
    CHECK(head_parse_request(&there, bytes, written) == 0);
    CHECK(there.method == head->method && there.minor == 1);
    CHECK(is_same(there.path, head->path));
    CHECK(is_same(there.query, head->query));
    CHECK(is_same(there.host, head->host) ||
          (head->host.size == 0 && span_is_exact(there.host, "behind")));
    CHECK(there.has_length == head->has_length);
    CHECK(there.length == head->length && there.chunked == head->chunked);
    CHECK(!there.expects);
    free(bytes);
}

static void pass_back(const struct head *head, size_t size)
{
    size_t room = size + 512, line = 0, written;
    char *bytes = malloc(room);
    struct head there;

    CHECK(bytes);
    written = rewrite_answer(head, head->chunked, "\r\n", bytes, room);
    CHECK(written > 0 && written <= room);
    CHECK(head_find(bytes, written, &line) == (long)written);
    CHECK(head_parse_answer(&there, bytes, written) == 0);
    CHECK(there.status == head->status && there.minor == 1);
    CHECK(there.has_length == head->has_length);
    CHECK(there.length == head->length && there.chunked == head->chunked);
    free(bytes);
}

static void find_head(const uint8_t *data, size_t size)
{
    size_t line = 0, at_once = 0, part;
    long whole, r = 0;
    struct head head;
    char *bytes = copy(data, size);

    whole = head_find(bytes, size, &at_once);
    for (part = 1; part <= size && r == 0; part += size / 16 + 1)
        r = head_find(bytes, part, &line);
    if (r == 0)
        r = head_find(bytes, size, &line);
    CHECK(r == whole);
    CHECK(whole <= (long)size);
    free(bytes);
    if (whole <= 0)
        return;
    bytes = copy(data, (size_t)whole);
    if (head_parse_request(&head, bytes, (size_t)whole) == 0) {
        CHECK(!(head.chunked && head.has_length));
        CHECK(head.path.size > 0 && head.count <= HEADERS_MAX);
        pass_on(&head, (size_t)whole);
    }
    if (head_parse_answer(&head, bytes, (size_t)whole) == 0)
        pass_back(&head, (size_t)whole);
    free(bytes);
}

/* Returns where the body ended, or -errno; *sum tells its bytes. */
static long read_chunks(const char *bytes, size_t size, size_t piece,
                        uint64_t *sum)
{
    struct chunk chunk = { 0 };
    struct span data;
    size_t used = 0, part;
    long n;

    *sum = 0;
    while (used < size && !chunk.done) {
        part = size - used < piece ? size - used : piece;
        n = chunk_read(&chunk, bytes + used, part, &data);
        if (n < 0)
            return n;
        CHECK(n > 0 && (size_t)n <= part);
        CHECK(data.size == 0 || data.at + data.size <= bytes + used + n);
        *sum += data.size;
        used += (size_t)n;
    }
    return (long)used;
}

static void chunks(const uint8_t *data, size_t size)
{
    char *bytes = copy(data, size);
    uint64_t one, many;
    long whole = read_chunks(bytes, size, size, &many);

    CHECK(read_chunks(bytes, size, 1, &one) == whole);
    CHECK(whole < 0 || one == many);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    route(BY_PATH, data, size);
    route(BY_HOST, data, size);
    find_head(data, size);
    chunks(data, size);
    return 0;
}

#ifndef FUZZER
enum { INPUTS = 20000, INPUT_SIZE = 512 };

static const char *const seeds[] = {
    "GET /a/b?c HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "GET http://a.example:80/a HTTP/1.1\r\nHost: b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.0\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    "5;a=b\r\nhello\r\na\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    "OPTIONS http://[::1]:8080 HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    "GET http://a?b=/c HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ::1\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: a\r\nConnection: close, x, content-length\r\n"
    "X: y\r\nContent-Length: 3\r\nTE: trailers\r\nUpgrade: h2c\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n"
    "Connection: keep-alive\r\nTrailer: x\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "0;a\r\nContent-Length: 1\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n\r\n",
};

/* xorshift64 (Marsaglia 2003); the same inputs each time. */
static uint64_t draw(void)
{
    static uint64_t state = 88172645463325252;

    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static size_t mutate(uint8_t *input, size_t size)
{
    static const char bytes[] = "\r\n\t :/?*;,0f\xff\x01\x7f"
                                "Aa";
    size_t at = draw() % size, count = draw() % 8 + 1;

    switch (draw() % 4) {
    case 0:
        input[at] = (uint8_t)bytes[draw() % sizeof(bytes)];
        return size;
    case 1: /* take some out */
        count = count < size - at ? count : size - at;
        memmove(input + at, input + at + count, size - at - count);
        return size - count ? size - count : 1;
    case 2: /* put some in twice */
        if (size + count > INPUT_SIZE || at + count > size)
            return size;
        memmove(input + at + count, input + at, size - at);
        return size + count;
    default:
        return at + 1;
    }
}

static void make_one(void)
{
    const char *seed = seeds[draw() % (sizeof(seeds) / sizeof(*seeds))];
    uint8_t input[INPUT_SIZE];
    size_t size = strlen(seed), count = draw() % 6;

    memcpy(input, seed, size);
    while (count-- > 0)
        size = mutate(input, size);
    (void)LLVMFuzzerTestOneInput(input, size);
}

static void run_file(const char *path)
{
    static uint8_t input[1 << 16];
    FILE *file = fopen(path, "rb");

    CHECK(file);
    (void)LLVMFuzzerTestOneInput(input, fread(input, 1, sizeof(input), file));
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++)
        run_file(argv[i]);
    for (i = 0; argc == 1 && i < INPUTS; i++)
        make_one();
    return 0;
}
#endif
