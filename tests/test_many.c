/* SPDX-License-Identifier: MIT */
/* Very many descriptors: a hundred thousand, or the most that the limits of the
 * system allow, which the test tells. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"

enum { WISH = 100000, OTHERS = 100 }; /* OTHERS: what else is open */

static em_loop *loop;
static int ends[2];
static int *numbers; /* all that are watched */
static unsigned char *calls;
static unsigned count;

/* How many the system allows: beyond the hard limit only for who may raise it.
 */
static unsigned raise_limit(void)
{
    const rlim_t wish = WISH + OTHERS;
    struct rlimit had, files;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &had), 0);
    if (had.rlim_cur >= wish)
        return WISH;
    files.rlim_cur = wish;
    files.rlim_max = had.rlim_max > wish ? had.rlim_max : wish;
    if (setrlimit(RLIMIT_NOFILE, &files) == 0)
        return WISH;
    files.rlim_cur = files.rlim_max = had.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_uint_gt(files.rlim_cur, 2 * OTHERS);
    return (unsigned)files.rlim_cur - OTHERS;
}

/* Duplicates are watched each by itself, and cost the system little. */
static void begin(void)
{
    unsigned i;

    count = raise_limit();
    (void)printf("watching %u descriptors\n", count);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_ok(em_loop_new(NULL, &loop));
    numbers = calloc(count, sizeof(*numbers));
    calls = calloc(count, sizeof(*calls));
    ck_assert(numbers && calls);
    for (i = 0; i < count; i++) {
        numbers[i] = dup(ends[0]);
        ck_assert_int_ge(numbers[i], 0);
    }
}

static void finish(void)
{
    unsigned i;

    em_loop_free(loop);
    for (i = 0; i < count; i++)
        (void)close(numbers[i]);
    (void)close(ends[0]);
    (void)close(ends[1]);
    free(numbers);
    free(calls);
}

static void note_and_remove(em_source *source, int fd, unsigned events,
                            void *data)
{
    unsigned char *mine = data;

    ck_assert_int_eq(fd, numbers[mine - calls]);
    ck_assert(events & EM_READABLE);
    ++*mine;
    em_source_remove(source);
}

static void watch_all(void)
{
    unsigned i;

    for (i = 0; i < count; i++)
        assert_ok(em_loop_add_fd(loop, numbers[i], EM_READABLE, note_and_remove,
                                 &calls[i], NULL));
}

static unsigned called(void)
{
    unsigned i, sum = 0;

    for (i = 0; i < count; i++)
        sum += calls[i];
    return sum;
}

/* That one becomes a pipe's, with a byte in it. */
static void make_readable(unsigned i)
{
    int pipe_ends[2];

    ck_assert_int_eq(pipe(pipe_ends), 0);
    ck_assert_int_eq(dup2(pipe_ends[0], numbers[i]), numbers[i]);
    ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
}

TEST(of_very_many_only_the_ready_are_called)
{
    begin();
    make_readable(0);
    make_readable(count / 2);
    make_readable(count - 1);
    watch_all();
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    ck_assert_uint_eq(called(), 3);
    ck_assert(calls[0] && calls[count / 2] && calls[count - 1]);
    finish();
}

TEST(very_many_that_are_ready_at_once_are_each_called)
{
    unsigned i;

    begin();
    watch_all();
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    for (i = 0; i < count; i++)
        ck_assert_uint_eq(calls[i], 1);
    finish();
}

SUITE("many", of_very_many_only_the_ready_are_called,
      very_many_that_are_ready_at_once_are_each_called);
