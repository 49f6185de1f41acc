/* SPDX-License-Identifier: MIT */
/* Nats pair: two connections, as of two programs, to a server of the test's
 * own, and what tests do with them. */

#ifndef TESTS_NATS_PAIR_H
#define TESTS_NATS_PAIR_H

#include <check.h>

#include <emitter.h>
#include <emitter/nats.h>

extern em_loop *loop;
extern em_nats *a, *b;

/* The loop and the pair; finish ends both, and the server. */
void begin(void);
void finish(void);

void run(void); /* until nothing is alive */
void run_until(em_emitter *emitter, const char *event);

em_nats *connect_to(const char *url);
em_nats *connected(void); /* to the test's server, and then let it connect */
em_emitter *new_emitter(void);

/* What either subscribed to before now is at the server, and what it published
 * before now was delivered to the other. */
void settle(void);

/* Listeners that mark their data, an error's code, and what is in bytes. */
void note(em_emitter *emitter, void *arg, void *data);
void note_error(em_emitter *emitter, void *arg, void *data);
void note_bytes(em_emitter *emitter, void *arg, void *data);

/* Numbers from 0 on, in order; the last of `many` stops the loop. */
typedef struct numbers {
    int next, many;
} numbers;
void expect_next(em_emitter *emitter, void *arg, void *data);

/* Run a suite, or skip it where there is no server. */
#define NATS_SUITE(name, ...)                                               \
    int main(void)                                                          \
    {                                                                       \
        const TTest *const tests[] = { __VA_ARGS__ };                       \
        return run_nats_suite(name, tests, sizeof(tests) / sizeof(*tests)); \
    }                                                                       \
    typedef int suite_needs_a_semicolon
int run_nats_suite(const char *name, const TTest *const *tests, size_t count);

#endif
