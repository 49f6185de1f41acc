/* SPDX-License-Identifier: MIT */
/* Metrics, and the hook for callbacks that hold the loop too long. */

#include <config.h>

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <emitter/baton.h>
#include <emitter/emitter.h>
#include <emitter/loop.h>

#include "loop/internal.h"
#include "testing.h"

static em_loop *loop;

static em_loop_counts counts(void)
{
    em_loop_counts now = { .size = sizeof(now) };

    assert_ok(em_loop_metrics(loop, &now));
    return now;
}

static uint64_t clock_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void hold(uint64_t us)
{
    uint64_t until = clock_us() + us;

    while (clock_us() < until)
        ;
}

static void note_task(em_loop *of, void *data)
{
    (void)of, (void)data;
}

static void note_timer(em_source *source, void *data)
{
    (void)source, (void)data;
}

static void note_free(void *data)
{
    (void)data;
}

TEST(turns_callbacks_and_posts_are_counted)
{
    em_source *timer;

    assert_ok(em_loop_new(NULL, &loop));
    ck_assert_uint_eq(counts().turns, 0);
    assert_ok(em_loop_post(loop, note_task, NULL));
    assert_ok(em_loop_post(loop, note_task, NULL));
    assert_ok(em_loop_defer(loop, note_task, NULL));
    assert_ok(em_loop_add_timer(loop, 0, 0, note_timer, NULL, &timer));
    em_source_set_free(timer, note_free);
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    ck_assert_uint_eq(counts().turns, 1);
    ck_assert_uint_eq(counts().posts, 2);
    ck_assert_uint_eq(counts().callbacks, 4);
    em_source_remove(timer);
    ck_assert_uint_eq(counts().callbacks, 5);
    em_loop_free(loop);
}

TEST(posted_events_are_counted_as_posts_where_they_are_delivered)
{
    em_emitter *emitter = NULL;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_emitter_new(loop, &emitter));
    assert_ok(em_post(emitter, "event", NULL, NULL));
    assert_ok(em_post(emitter, "event", NULL, NULL));
    ck_assert_uint_eq(counts().posts, 0);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_uint_eq(counts().posts, 2);
    em_unref(emitter);
    em_loop_free(loop);
}

TEST(waiting_is_counted_as_idle)
{
    assert_ok(em_loop_new(NULL, &loop));
    do { /* a slow machine may come too late to wait */
        assert_ok(em_loop_add_timer(loop, 10, 0, note_timer, NULL, NULL));
        assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    } while (counts().idle_us == 0);
    em_loop_free(loop);
}

static void hold_task(em_loop *of, void *data)
{
    (void)of;
    hold(*(uint64_t *)data);
}

TEST(a_waiting_loop_takes_no_turn_until_something_is_due)
{
    em_source *later;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_loop_add_timer(loop, 3600000, 0, note_timer, NULL, &later));
    em_source_unref(later);
    assert_ok(em_loop_add_timer(loop, 300, 0, note_timer, NULL, NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_uint_eq(counts().turns, 1);
    em_loop_free(loop);
}

/* --- a loop that has something ready in each turn --- */

enum { MANY_TURNS = 50, AWAITED = 3 };

static int came, turned;
static uint64_t busy_turns;

static void timer_came(em_source *source, void *data)
{
    (void)source, (void)data;
    came++;
}

static void post_came(em_loop *of, void *data)
{
    (void)of, (void)data;
    came++;
}

static int no_work(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return 0;
}

static void baton_came(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    assert_ok(status);
    came++;
}

static void *post_one(void *data)
{
    (void)data;
    assert_ok(em_loop_post(loop, post_came, NULL));
    return NULL;
}

/* The byte stays, so the descriptor is ready in each turn. */
static void keep_ready(em_source *source, int fd, unsigned events, void *data)
{
    pthread_t *thread = data;

    (void)fd, (void)events;
    if (++turned == MANY_TURNS) {
        assert_ok(em_loop_add_timer(loop, 1, 0, timer_came, NULL, NULL));
        assert_ok(em_baton_run(loop, no_work, baton_came, NULL));
        ck_assert_int_eq(pthread_create(thread, NULL, post_one, NULL), 0);
    }
    if (came == AWAITED)
        em_source_remove(source);
}

TEST(a_loop_that_is_always_busy_has_its_timers_posts_and_batons)
{
    pthread_t thread;
    int ends[2];

    assert_ok(em_loop_new(NULL, &loop));
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    assert_ok(
        em_loop_add_fd(loop, ends[0], EM_READABLE, keep_ready, &thread, NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_eq(came, AWAITED);
    ck_assert_uint_ge(counts().turns, MANY_TURNS);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    em_loop_free(loop);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void read_one(em_source *source, int fd, unsigned events, void *data)
{
    char byte;

    (void)events, (void)data;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    if (byte == '.')
        return;
    em_source_unref(source);
    busy_turns = counts().turns;
    assert_ok(em_loop_add_timer(loop, 300, 0, note_timer, NULL, NULL));
}

TEST(a_loop_that_was_busy_sleeps_until_something_is_due)
{
    static const char bytes[30] = ".............................!";
    int ends[2];

    assert_ok(em_loop_new(NULL, &loop));
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], bytes, sizeof(bytes)), sizeof(bytes));
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, read_one, NULL, NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_uint_eq(counts().turns, busy_turns + 1);
    ck_assert_uint_gt(counts().idle_us, 0);
    em_loop_free(loop);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

TEST(the_longest_callback_is_remembered)
{
    uint64_t us = 3000;
    int i;

    assert_ok(em_loop_new(NULL, &loop));
    for (i = 0; i < 3; i++)
        assert_ok(em_loop_post(loop, note_task, NULL));
    assert_ok(em_loop_post(loop, hold_task, &us));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_uint_ge(counts().longest_us, 3000);
    em_loop_free(loop);
}

TEST(a_caller_that_knows_less_gets_less)
{
    em_loop_counts known = { .size = offsetof(em_loop_counts, callbacks) };
    struct {
        em_loop_counts known;
        uint64_t unknown;
    } more = { .known = { .size = sizeof(more) }, .unknown = 7 };

    assert_ok(em_loop_new(NULL, &loop));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    known.callbacks = 99;
    assert_ok(em_loop_metrics(loop, &known));
    ck_assert_uint_eq(known.turns, 1);
    ck_assert_uint_eq(known.callbacks, 99);
    assert_ok(em_loop_metrics(loop, &more.known));
    ck_assert_uint_eq(more.known.turns, 1);
    ck_assert_uint_eq(more.known.size, sizeof(more));
    ck_assert_uint_eq(more.unknown, 0);
    known.size = 0;
    assert_error(-EINVAL, em_loop_metrics(loop, &known));
    assert_error(-EINVAL, em_loop_metrics(loop, NULL));
    assert_error(-EINVAL, em_loop_metrics(NULL, &known));
    em_loop_free(loop);
}

static void (*blamed)(void);
static int blames;

/* On a busy machine any callback may be held up; the one that is sought is the
 * last of its run. */
static void blame(em_loop *of, uint64_t held_us, void (*callback)(void),
                  void *data)
{
    ck_assert_ptr_eq(of, loop);
    ck_assert_ptr_eq(data, &blames);
    ck_assert_uint_gt(held_us, 2000);
    blamed = callback;
    blames++;
}

static void hold_timer(em_source *source, void *data)
{
    hold_task(em_source_loop(source), data);
}

static void hold_after(em_baton *baton, int status, void *data)
{
    (void)status;
    hold_task(em_baton_loop(baton), data);
}

static void run_and_blame(void (*callback)(void))
{
    int before = blames;

    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_int_gt(blames, before);
    if (callback)
        ck_assert(blamed == callback);
}

TEST(the_hook_names_the_callback_that_held_the_loop)
{
    uint64_t us = 5000;

    assert_ok(em_loop_new(EM_OPTIONS(em_loop_options, .stall_ms = 2,
                                     .stall = blame, .stall_data = &blames),
                          &loop));
    assert_ok(em_loop_post(loop, note_task, &us));
    assert_ok(em_loop_post(loop, hold_task, &us));
    run_and_blame((void (*)(void))hold_task);
    assert_ok(em_loop_add_timer(loop, 0, 0, hold_timer, &us, NULL));
    run_and_blame((void (*)(void))hold_timer);
    assert_ok(em_loop_defer(loop, hold_task, &us));
    run_and_blame((void (*)(void))hold_task);
    assert_ok(em_baton_run(loop, no_work, hold_after, &us));
    run_and_blame(NULL);
    em_loop_free(loop);
}

static void remove_blamed(em_loop *of, uint64_t held_us, void (*callback)(void),
                          void *data)
{
    (void)of, (void)held_us, (void)callback;
    em_source_remove(*(em_source **)data);
    mark("removed");
}

static void marking_free(void *data)
{
    (void)data;
    mark("free");
}

TEST(the_time_between_runs_is_nobodys)
{
    int before = blames;

    assert_ok(em_loop_new(EM_OPTIONS(em_loop_options, .stall_ms = 1000,
                                     .stall = blame, .stall_data = &blames),
                          &loop));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    loop->looked = 0; /* long ago */
    assert_ok(em_loop_defer(loop, note_task, NULL));
    em_loop_free(loop);
    ck_assert_int_eq(blames, before);
}

TEST(the_hook_may_remove_the_source_that_it_is_told_of)
{
    uint64_t us = 5000;
    em_source *timer;

    assert_ok(
        em_loop_new(EM_OPTIONS(em_loop_options, .stall_ms = 1,
                               .stall = remove_blamed, .stall_data = &timer),
                    &loop));
    assert_ok(em_loop_add_timer(loop, 0, 1, hold_timer, &us, &timer));
    em_source_set_free(timer, marking_free);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("removed free");
    em_loop_free(loop);
}

TEST(a_loop_fits_in_two_kibibytes_and_a_source_in_ninety_six_bytes)
{
    ck_assert_uint_le(sizeof(em_loop), 2048);
    ck_assert_uint_le(sizeof(em__child_source), 96);
    ck_assert_uint_le(sizeof(em__fd_source), 96);
    ck_assert_uint_le(sizeof(em__notify_source), 96);
    ck_assert_uint_le(sizeof(em__signal_source), 96);
    ck_assert_uint_le(sizeof(em__timer_source), 96);
}

SUITE("metrics", turns_callbacks_and_posts_are_counted,
      posted_events_are_counted_as_posts_where_they_are_delivered,
      waiting_is_counted_as_idle,
      a_waiting_loop_takes_no_turn_until_something_is_due,
      a_loop_that_is_always_busy_has_its_timers_posts_and_batons,
      a_loop_that_was_busy_sleeps_until_something_is_due,
      the_longest_callback_is_remembered, a_caller_that_knows_less_gets_less,
      the_hook_names_the_callback_that_held_the_loop,
      the_time_between_runs_is_nobodys,
      the_hook_may_remove_the_source_that_it_is_told_of,
      a_loop_fits_in_two_kibibytes_and_a_source_in_ninety_six_bytes);
