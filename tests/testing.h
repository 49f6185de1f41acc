/* SPDX-License-Identifier: MIT */
/* Testing: what every test program shares.
 *
 * Each test runs inside a guard that fails it if it left a descriptor, a thread
 * or a block of the library's memory behind. */

#ifndef TESTS_TESTING_H
#define TESTS_TESTING_H

#include <check.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <emitter/error.h>

/* TEST(a_sentence) { ... } and, at the end of the file,
 * SUITE("module", a_sentence, another_one); */
#define TEST(name) START_TEST(name)
#define SUITE(name, ...)                                                 \
    int main(void)                                                       \
    {                                                                    \
        const TTest *const tests[] = { __VA_ARGS__ };                    \
        return run_suite(name, tests, sizeof(tests) / sizeof(tests[0])); \
    }                                                                    \
    typedef int suite_needs_a_semicolon

/* The call succeeded; else its text and its error are printed. */
#define assert_ok(call)                                \
    do {                                               \
        int assert_r_ = (call);                        \
        ck_assert_msg(assert_r_ >= 0, "%s: %s", #call, \
                      em_strerror(assert_r_));         \
    } while (0)

/* The call answered just that negative errno. */
#define assert_error(error, call)                                         \
    do {                                                                  \
        int assert_r_ = (call);                                           \
        ck_assert_msg(assert_r_ == (error), "%s: %d (%s), not %s", #call, \
                      assert_r_, em_strerror(assert_r_), #error);         \
    } while (0)

/* The story of a test in one line: every mark adds a word, assert_marks
 * compares all of them and starts anew.  For one thread at a time. */
void mark(const char *word);
void mark_number(long long number);
#define assert_marks(story) ck_assert_str_eq(take_marks(), story)
const char *take_marks(void);

/* Make the library's nth allocation from now fail (1: the next; 0: none), and
 * with `on` all from then on.  allocation_failed tells whether it came to that,
 * and stops it. */
void fail_allocation(unsigned long nth);
bool allocation_failed(void);

/* For an allocator of one's own: whether it is to fail now. */
bool refuse_allocation(void);

/* Count down; whether this is the one.  Several may take part. */
bool count_down(atomic_ulong *left);

/* Blocks of the library's memory in use, and allocations made so far. */
size_t blocks_in_use(void);
size_t allocations_made(void);

/* The same for the nth call of a libc function from the library, in children
 * that were forked since too, which then fails with `error`.  The functions are
 * those that Makefile.am wraps. */
void fail_call(const char *function, unsigned long nth, int error);
bool call_failed(void);

/* As the error: the call does nothing and says that it has succeeded. */
enum { PRETEND = -1 };

/* The same for all its calls from now on; NULL: none. */
void fail_every_call(const char *function, int error);

/* None in this process from now on. */
void fail_no_call(void);

/* Leave the process no descriptor to open, or just so many; and again as it
 * was. */
void exhaust_descriptors(void);
void leave_descriptors(unsigned count);
void restore_descriptors(void);

/* Whether loops are on epoll, and so have a descriptor; each suite runs once on
 * each poller that is built in. */
bool on_epoll(void);

/* Whether the library was built with --disable-linux, and so makes none of the
 * calls that only Linux has, and cannot be seen to fail in them. */
bool portable(void);

/* Whether valgrind runs this, which has no pidfds, and its own view of the
 * limit of descriptors.  Up to 3.19 it executes itself for a program that
 * executes itself, and in a forked child it takes the memory of other threads
 * for lost.  What it puts into each program tells. */
bool under_valgrind(void);

/* Of very many, a multiple of 16, how many are enough: under valgrind, where
 * each takes some fifty times as long, a sixteenth. */
size_t enough(size_t count);

/* Whether a user-mode emulator runs this, as scripts/cross says. */
bool emulated(void);

/* A byte for each failure that came to pass, for whoever counts them over all
 * tests, which are processes.  Returns failed. */
bool count_failure(bool failed, const char *kind);

/* What fn writes to stderr in a child, where it must call abort. */
const char *stderr_of_abort(void (*fn)(void));

/* What a test program does when a test has executed it as a worker; only some
 * have it. */
int as_worker(void) __attribute__((weak));

int run_suite(const char *name, const TTest *const *tests, size_t count);

#endif
