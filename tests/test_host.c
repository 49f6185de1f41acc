/* SPDX-License-Identifier: MIT */
/* Host: the same behaviour on our own loop and in everybody else's.
 *
 * Each test runs in each host that was found: loops, emitters and batons must
 * not be able to tell where they are. */

#include <config.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <emitter/baton.h>
#include <emitter/emitter.h>
#include <emitter/loop.h>

#include "host.h"
#include "testing.h"

/* --- our own --- */

static void do_nothing(void)
{
}

static int attach_nowhere(em_loop *loop)
{
    (void)loop;
    return 0;
}

static void run_alone(em_loop *loop)
{
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
}

static const host host_own = { "own",          NULL,      do_nothing,
                               attach_nowhere, run_alone, do_nothing };

static const host *here = &host_own;
static em_loop *loop;

static void begin(void)
{
    here->open();
    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(here->attach(loop));
}

static void run(void)
{
    here->run(loop);
}

static void finish(void)
{
    em_loop_free(loop);
    here->close();
}

/* --- the behaviour --- */

static void note_task(em_loop *of, void *data)
{
    (void)of;
    mark(data);
}

static void note_timer(em_source *source, void *data)
{
    (void)source;
    mark(data);
}

TEST(a_host_with_nothing_of_ours_alive_ends_at_once)
{
    em_source *timer;

    begin();
    run();
    assert_ok(em_loop_add_timer(loop, 1000000, 0, note_timer, "t", &timer));
    em_source_unref(timer);
    run();
    finish();
}

TEST(timers_fire_in_order_and_the_host_ends_with_the_last)
{
    begin();
    assert_ok(em_loop_add_timer(loop, 200, 0, note_timer, "second", NULL));
    assert_ok(em_loop_add_timer(loop, 2, 0, note_timer, "first", NULL));
    run();
    assert_marks("first second");
    finish();
}

TEST(posts_and_defers_run_in_order)
{
    begin();
    assert_ok(em_loop_post(loop, note_task, "post"));
    assert_ok(em_loop_post(loop, note_task, "post"));
    assert_ok(em_loop_defer(loop, note_task, "defer"));
    run();
    assert_marks("post post defer");
    finish();
}

static void let_go(em_loop *of, void *data)
{
    mark(data);
    em_loop_unref(of);
}

static void arm(em_loop *of, void *data)
{
    assert_ok(em_loop_add_timer(of, 3, 0, note_timer, data, NULL));
    em_loop_unref(of);
}

static void *post_let_go(void *data)
{
    assert_ok(em_loop_post(data, let_go, "posted"));
    return NULL;
}

static void *post_arm(void *data)
{
    assert_ok(em_loop_post(data, arm, "armed"));
    return NULL;
}

static void run_with(void *(*thread_fn)(void *), void *data)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, thread_fn, data), 0);
    run();
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

TEST(a_host_asleep_wakes_for_another_threads_post)
{
    begin();
    em_loop_ref(loop);
    run_with(post_let_go, loop);
    assert_marks("posted");
    finish();
}

TEST(a_host_asleep_wakes_for_a_timer_armed_for_another_thread)
{
    begin();
    em_loop_ref(loop);
    run_with(post_arm, loop);
    assert_marks("armed");
    finish();
}

static int add_two(em_baton *baton, void *data)
{
    (void)baton;
    return *(int *)data + 2;
}

static void note_result(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    mark_number(status);
}

TEST(a_host_asleep_wakes_for_a_completion)
{
    int count = 40;

    begin();
    assert_ok(em_baton_run(loop, add_two, note_result, &count));
    run();
    assert_marks("42");
    finish();
}

static void note_and_remove(em_source *source, int fd, unsigned events,
                            void *data)
{
    char byte;

    (void)events;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    mark(data);
    em_source_remove(source);
}

static void *write_byte(void *data)
{
    ck_assert_int_eq(write(*(int *)data, "x", 1), 1);
    return NULL;
}

TEST(a_host_asleep_wakes_for_a_ready_descriptor)
{
    int ends[2];

    begin();
    ck_assert_int_eq(pipe(ends), 0);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note_and_remove,
                             "read", NULL));
    run_with(write_byte, &ends[1]);
    assert_marks("read");
    (void)close(ends[0]);
    (void)close(ends[1]);
    finish();
}

static void note_and_end(em_source *source, void *data)
{
    mark(data);
    em_source_remove(source);
}

static void note_signal(em_source *source, int signo, void *data)
{
    (void)signo;
    note_and_end(source, data);
}

static void *notify(void *data)
{
    assert_ok(em_source_notify(data));
    return NULL;
}

static void *signal_thread(void *data)
{
    ck_assert_int_eq(pthread_kill(*(pthread_t *)data, SIGUSR1), 0);
    return NULL;
}

TEST(a_host_asleep_wakes_for_a_notification_and_a_signal)
{
    pthread_t self = pthread_self();
    em_source *source;

    begin();
    assert_ok(em_loop_add_notify(loop, note_and_end, "notified", &source));
    run_with(notify, source);
    assert_ok(em_loop_add_signal(loop, SIGUSR1, note_signal, "signal", NULL));
    run_with(signal_thread, &self);
    assert_marks("notified signal");
    finish();
}

static void call(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter;
    mark(data);
    mark(arg);
}

static void emit(em_source *source, void *data)
{
    (void)source;
    ck_assert(em_emit(data, "event", "arg"));
}

TEST(an_emitter_is_heard_from_inside_a_callback)
{
    em_emitter emitter;

    begin();
    em_emitter_init(&emitter, loop, NULL);
    assert_ok(em_on(&emitter, "event", call, "a"));
    assert_ok(em_once(&emitter, "event", call, "b"));
    assert_ok(em_loop_add_timer(loop, 1, 0, emit, &emitter, NULL));
    assert_ok(em_loop_add_timer(loop, 2, 0, emit, &emitter, NULL));
    run();
    assert_marks("a arg b arg a arg");
    em_unref(&emitter);
    finish();
}

static void repeat(em_source *source, void *data)
{
    int *left = data;

    mark_number((*left)--);
    if (*left == 0)
        em_source_unref(source);
}

TEST(what_is_unreferenced_runs_while_something_else_lives)
{
    int left = 3;
    em_source *timer, *other;

    begin();
    assert_ok(em_loop_add_timer(loop, 1, 0, note_timer, "other", &other));
    em_source_unref(other);
    assert_ok(em_loop_add_timer(loop, 3, 3, repeat, &left, &timer));
    run();
    assert_marks("other 3 2 1");
    finish();
}

TEST(a_loop_that_comes_alive_again_is_run_again)
{
    begin();
    assert_ok(em_loop_post(loop, note_task, "one"));
    run();
    assert_ok(em_loop_add_timer(loop, 1, 0, note_timer, "two", NULL));
    run();
    assert_ok(em_loop_post(loop, note_task, "three"));
    run();
    assert_marks("one two three");
    finish();
}

TEST(a_loop_detached_runs_alone_and_attached_again_is_hosted_again)
{
    begin();
    if (here != &host_own) {
        assert_error(-EBUSY, here->attach(loop));
        assert_error(-EBUSY, em_loop_run(loop, EM_RUN_NOWAIT));
    }
    assert_ok(em_loop_add_timer(loop, 1, 0, note_timer, "hosted", NULL));
    run();
    em_detach(loop);
    em_detach(loop);
    assert_ok(em_loop_add_timer(loop, 1, 0, note_timer, "alone", NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_ok(here->attach(loop));
    assert_ok(em_loop_add_timer(loop, 1, 0, note_timer, "hosted", NULL));
    run();
    assert_marks("hosted alone hosted");
    finish();
}

static void end_loop(em_source *source, void *data)
{
    mark(data);
    em_loop_free(em_source_loop(source));
}

TEST(a_loop_freed_in_a_callback_ends_its_host)
{
    begin();
    em_loop_ref(loop);
    assert_ok(em_loop_add_timer(loop, 1, 0, end_loop, "freed", NULL));
    run();
    assert_marks("freed");
    here->close();
}

static void flood(em_loop *of, void *data)
{
    int *left = data;

    (void)of;
    --*left;
}

TEST(a_budget_is_kept_and_nothing_is_lost)
{
    int left = 10000;
    int i;

    begin();
    for (i = 0; i < 10000; i++)
        assert_ok(em_loop_post(loop, flood, &left));
    run();
    ck_assert_int_eq(left, 0);
    finish();
}

static int run_in(const host *other)
{
    const TTest *const tests[] = {
        a_host_with_nothing_of_ours_alive_ends_at_once,
        timers_fire_in_order_and_the_host_ends_with_the_last,
        posts_and_defers_run_in_order,
        a_host_asleep_wakes_for_another_threads_post,
        a_host_asleep_wakes_for_a_timer_armed_for_another_thread,
        a_host_asleep_wakes_for_a_completion,
        a_host_asleep_wakes_for_a_ready_descriptor,
        a_host_asleep_wakes_for_a_notification_and_a_signal,
        an_emitter_is_heard_from_inside_a_callback,
        what_is_unreferenced_runs_while_something_else_lives,
        a_loop_that_comes_alive_again_is_run_again,
        a_loop_detached_runs_alone_and_attached_again_is_hosted_again,
        a_loop_freed_in_a_callback_ends_its_host,
        a_budget_is_kept_and_nothing_is_lost,
    };

    here = other;
    if (here->prepare)
        here->prepare();
    return run_suite(here->name, tests, sizeof(tests) / sizeof(tests[0]));
}

int main(void)
{
    int failed = run_in(&host_own);

#ifdef WITH_EPOLL
    (void)setenv("EMITTER_POLLER", "epoll", 1); /* no host without it */
#ifdef HAVE_UV
    failed |= run_in(&host_uv);
#endif
#ifdef HAVE_EV
    failed |= run_in(&host_ev);
#endif
#ifdef HAVE_EVENT
    failed |= run_in(&host_event);
#endif
#ifdef HAVE_GLIB
    failed |= run_in(&host_glib);
#endif
#ifdef HAVE_SD_EVENT
    failed |= run_in(&host_sd_event);
#endif
#endif
    return failed;
}
