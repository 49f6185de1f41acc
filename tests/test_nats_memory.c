/* SPDX-License-Identifier: MIT */
/* Nats without memory: the library's own, and what it takes of libc, which the
 * linker leads here. */

#include <config.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats_job.h"
#include "nats_server.h"
#include "nats_stream.h"
#include "testing.h"

/* --- memory of this program, but for what other libraries take --- */

static atomic_size_t held; /* blocks */

static void *hold(void *block)
{
    if (block)
        atomic_fetch_add(&held, 1);
    return block;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return refuse_allocation() ? NULL : hold(__real_malloc(size));
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return refuse_allocation() ? NULL : hold(__real_calloc(count, size));
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    void *block = refuse_allocation() ? NULL : __real_realloc(old, size);

    return old ? block : hold(block);
}

char *__real_strdup(const char *string);
char *__wrap_strdup(const char *string);
char *__wrap_strdup(const char *string)
{
    return refuse_allocation() ? NULL : hold(__real_strdup(string));
}

int __real_vasprintf(char **ret, const char *format, va_list list);
int __wrap_vasprintf(char **ret, const char *format, va_list list);
__attribute__((format(printf, 2, 0))) int __wrap_vasprintf(char **ret,
                                                           const char *format,
                                                           va_list list)
{
    int r = refuse_allocation() ? -1 : __real_vasprintf(ret, format, list);

    if (r >= 0)
        (void)hold(*ret);
    return r;
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    if (block)
        atomic_fetch_sub(&held, 1);
    __real_free(block);
}

/* --- calls: while one may fail nothing is asserted, which takes memory, too
 * ---
 */

static int status; /* the last one */

static void note_end(em_nats_call *c, int ended, const em_nats_bytes *result,
                     void *data)
{
    (void)c, (void)result, (void)data;
    status = ended;
    answered++;
}

static void ignore(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
}

static void expect_errors(void)
{
    assert_ok(em_on(em_nats_emitter(a), "error", ignore, NULL));
    assert_ok(em_on(em_nats_emitter(b), "error", ignore, NULL));
}

static void await(int count)
{
    while (answered < count)
        (void)em_loop_run(loop, EM_RUN_ONCE);
}

/* --- at most once --- */

static int begin_without(unsigned long nth)
{
    int r;

    fail_allocation(nth);
    r = em_nats_serve(
        b, EM_OPTIONS(em_nats_serve_options, .subject = "memory", .work = echo),
        NULL);
    if (r == 0)
        r = em_nats_run(a,
                        EM_OPTIONS(em_nats_run_options, .subject = "nowhere",
                                   .after = note_end, .timeout_ms = 60000),
                        NULL);
    return r;
}

TEST(without_memory_nothing_is_begun_and_nothing_left)
{
    unsigned long nth;
    int r, begun = 0;
    bool failed;

    begin();
    expect_errors();
    for (nth = 1; nth < 100; nth++) {
        r = begin_without(nth);
        failed = allocation_failed();
        ck_assert(r == 0 || (failed && r == -ENOMEM));
        begun += r == 0;
        if (!failed)
            break;
    }
    ck_assert_uint_lt(nth, 100);
    await(begun);
    finish();
}

/* Wherever it fails, here or there, the call is answered once. */
TEST(without_memory_a_call_ends_all_the_same)
{
    unsigned long nth;
    bool failed = true;
    int i, calls = 0;

    begin();
    expect_errors();
    (void)serve("echo", echo, NULL);
    for (nth = 1; failed && nth < 200; nth++) {
        fail_allocation(nth);
        i = em_nats_run(a,
                        EM_OPTIONS(em_nats_run_options, .subject = "echo",
                                   .payload = "x", .payload_size = 1,
                                   .after = note_end),
                        NULL);
        calls += i == 0;
        await(calls);
        failed = allocation_failed();
        ck_assert(i == 0 || i == -ENOMEM);
    }
    ck_assert(!failed);
    settle();
    ck_assert_int_eq(answered, calls);
    finish();
}

/* --- durable --- */

enum { MOST = 400 }; /* allocations of a call */

static int begun, ends; /* services and calls; and of their data */

static void end_data(void *data)
{
    (void)data;
    ends++;
}

static int serve_without(unsigned long nth, const char *subject)
{
    int r;

    fail_allocation(nth);
    r = em_nats_serve(b,
                      EM_OPTIONS(em_nats_serve_options, .subject = subject,
                                 .work = echo, .stream = "WORK",
                                 .data = (void *)"data", .free_data = end_data),
                      NULL);
    begun += r == 0;
    return r;
}

static int run_without(unsigned long nth, const char *subject, const char *id)
{
    int r;

    fail_allocation(nth);
    r = em_nats_run(a,
                    EM_OPTIONS(em_nats_run_options, .subject = subject,
                               .payload = "x", .payload_size = 1,
                               .after = note_end, .stream = "WORK", .id = id,
                               .free_data = end_data, .timeout_ms = 60000),
                    NULL);
    begun += r == 0;
    return r;
}

/* Once what is deferred is done, a flush and maybe that of a tick: they take
 * memory until then. */
static size_t memory_held(void)
{
    (void)em_loop_run(loop, EM_RUN_NOWAIT);
    (void)em_loop_run(loop, EM_RUN_NOWAIT);
    return atomic_load(&held);
}

/* What the nth allocation spoils says so and leaves nothing.  Returns whether
 * one failed. */
static bool left_nothing(int r, size_t before)
{
    bool failed = allocation_failed();

    if (r < 0) {
        ck_assert(failed);
        ck_assert_int_eq(r, -ENOMEM);
        ck_assert_uint_le(memory_held(), before);
    }
    return failed;
}

/* Data ended with what was begun; that of what was not is still the caller's.
 */
static void finish_evenly(void)
{
    finish();
    ck_assert_int_eq(ends, begun);
}

/* A pair that has had a service and a call: what both need once is there. */
static void begin_used(void)
{
    begin_durable();
    expect_errors();
    assert_ok(serve_without(0, "job"));
    assert_ok(run_without(0, "job", NULL));
    await(1);
    ck_assert_int_eq(status, 7);
    run_until_empty("WORK"); /* its server has forgotten it, too */
    settle();
}

/* What it asks JetStream for is asked again, so the service is one. */
static void expect_served(const char *subject)
{
    assert_ok(run_without(0, subject, NULL));
    await(answered + 1);
    ck_assert_int_eq(status, 7);
    run_until_empty("WORK");
    settle();
}

TEST(without_memory_no_durable_service_is_begun_and_nothing_left)
{
    char subject[16];
    bool failed = true;
    unsigned long nth;
    size_t before;
    int r;

    begin_used();
    for (nth = 1; failed; nth++) {
        ck_assert_uint_lt(nth, MOST);
        (void)snprintf(subject, sizeof(subject), "job%lu", nth);
        before = memory_held();
        r = serve_without(nth, subject);
        failed = left_nothing(r, before);
        if (r == 0)
            expect_served(subject);
    }
    finish_evenly();
}

static void expect_calls(bool named)
{
    char id[16];
    bool failed = true;
    unsigned long nth;
    size_t before;
    int r;

    for (nth = 1; failed; nth++) {
        ck_assert_uint_lt(nth, MOST);
        (void)snprintf(id, sizeof(id), "id%lu", nth);
        before = memory_held();
        r = run_without(nth, "job", named ? id : NULL);
        failed = left_nothing(r, before);
        if (r < 0)
            continue;
        await(answered + 1);
        ck_assert_int_eq(status, 7);
        run_until_empty("WORK");
        settle();
    }
}

TEST(without_memory_no_durable_call_is_begun_and_nothing_left)
{
    begin_used();
    expect_calls(false);
    expect_calls(true);
    finish_evenly();
}

/* Likewise where it is the first, and opens what later ones find. */
TEST(without_memory_the_first_durable_call_is_not_begun)
{
    bool failed = true;
    unsigned long nth;
    int r;

    begin_durable();
    expect_errors();
    assert_ok(serve_without(0, "job"));
    for (nth = 1; failed; nth++) {
        ck_assert_uint_lt(nth, MOST);
        r = run_without(nth, "job", NULL);
        failed = allocation_failed();
        ck_assert(r == 0 || (failed && r == -ENOMEM));
        if (r == 0)
            await(answered + 1);
    }
    finish_evenly();
}

/* Wherever it fails, here or there, the call is answered once. */
TEST(without_memory_a_durable_call_ends_all_the_same)
{
    bool failed = true;
    unsigned long nth;

    begin_durable();
    expect_errors();
    assert_ok(em_nats_serve(b,
                            EM_OPTIONS(em_nats_serve_options, .subject = "job",
                                       .work = echo, .stream = "WORK",
                                       .ack_ms = 200, .attempts = 100),
                            NULL)); /* it has no data, so it is not counted */
    expect_served("job");
    for (nth = 1; failed; nth++) {
        ck_assert_uint_lt(nth, MOST);
        (void)run_without(nth, "job", NULL);
        await(begun);
        failed = allocation_failed();
    }
    settle();
    ck_assert_int_eq(answered, begun);
    finish_evenly();
}

NATS_SUITE("nats_memory", without_memory_nothing_is_begun_and_nothing_left,
           without_memory_a_call_ends_all_the_same,
           without_memory_no_durable_service_is_begun_and_nothing_left,
           without_memory_no_durable_call_is_begun_and_nothing_left,
           without_memory_the_first_durable_call_is_not_begun,
           without_memory_a_durable_call_ends_all_the_same);
