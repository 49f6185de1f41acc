/* SPDX-License-Identifier: MIT */
/* Hook: how a host is woken, told, attached, and detached.  The hosts
 * themselves are in test_host. */

#include <config.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter/baton.h>
#include <emitter/loop.h>

#include "testing.h"

static em_loop *loop;

static void begin(void)
{
    assert_ok(em_loop_new(
        EM_OPTIONS(em_loop_options, .poller = EM_POLLER_EPOLL), &loop));
}

static void tell(em_loop *of, bool alive, void *data)
{
    ck_assert_ptr_eq(of, loop);
    ck_assert(em_loop_alive(of) == alive);
    if (data)
        mark(data);
    mark(alive ? "alive" : "dead");
}

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

static bool readable(int fd, int timeout_ms)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    return poll(&wait, 1, timeout_ms) == 1;
}

static void *post_after(void *data)
{
    assert_ok(em_loop_post(data, note_task, "from afar"));
    return NULL;
}

TEST(the_host_wakes_for_a_post_from_another_thread)
{
    int fd;
    pthread_t thread;

    begin();
    fd = em_loop_fd(loop);
    assert_ok(fd);
    ck_assert_int_eq(em_loop_fd(loop), fd);
    ck_assert(!readable(fd, 0));
    ck_assert_int_eq(pthread_create(&thread, NULL, post_after, loop), 0);
    ck_assert(readable(fd, -1));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("from afar");
    ck_assert(!readable(fd, 0));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    em_loop_free(loop);
}

TEST(the_host_wakes_for_timers_defers_and_descriptors)
{
    int fd;
    em_source *timer;

    begin();
    fd = em_loop_fd(loop);
    assert_ok(em_loop_add_timer(loop, 3, 0, note_timer, "timer", &timer));
    ck_assert(readable(fd, -1));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("timer");
    ck_assert(!readable(fd, 0));

    assert_ok(em_loop_defer(loop, note_task, "defer"));
    ck_assert(readable(fd, 0));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("defer");

    assert_ok(em_source_set_timer(timer, 0, 0));
    ck_assert(readable(fd, 0));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("timer");
    ck_assert(!readable(fd, 0));
    em_loop_free(loop);
}

TEST(the_host_is_told_of_what_was_due_before_it_asked)
{
    begin();
    assert_ok(em_loop_post(loop, note_task, "post"));
    assert_ok(em_loop_add_timer(loop, 400, 0, note_timer, "timer", NULL));
    ck_assert(readable(em_loop_fd(loop), 0));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("post");
    ck_assert(readable(em_loop_fd(loop), -1));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("timer");
    em_loop_free(loop);
}

TEST(the_host_comes_back_for_what_a_budget_left)
{
    int i;

    assert_ok(em_loop_new(EM_OPTIONS(em_loop_options, .budget_count = 2,
                                     .poller = EM_POLLER_EPOLL),
                          &loop));
    for (i = 0; i < 5; i++)
        assert_ok(em_loop_post(loop, note_task, "x"));
    for (i = 0; i < 2; i++) {
        ck_assert(readable(em_loop_fd(loop), 0));
        assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
        assert_marks("x x");
    }
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("x");
    em_loop_free(loop);
}

TEST(no_timer_descriptor_is_an_error_and_can_be_tried_again)
{
    begin();
    fail_call("timerfd_create", 1, EMFILE);
    assert_error(-EMFILE, em_loop_fd(loop));
    fail_call("epoll_ctl", 1, ENOSPC);
    assert_error(-ENOSPC, em_loop_fd(loop));
    assert_ok(em_loop_fd(loop));
    em_loop_free(loop);
}

TEST(the_hook_is_told_of_each_change_by_a_source)
{
    em_source *timer, *notify;

    begin();
    assert_ok(em_loop_set_alive_hook(loop, tell, NULL));
    assert_marks("");
    assert_ok(em_loop_add_timer(loop, 50, 0, note_timer, "t", &timer));
    assert_marks("alive");
    assert_ok(em_source_set_timer(timer, 60, 0));
    assert_ok(em_loop_add_notify(loop, note_timer, "n", &notify));
    assert_marks("");
    em_source_unref(timer);
    em_source_unref(timer);
    assert_marks("");
    em_source_remove(notify);
    assert_marks("dead");
    em_source_ref(timer);
    em_source_ref(timer);
    assert_marks("alive");
    assert_ok(em_source_set_timer(timer, UINT64_MAX, 0));
    assert_marks("dead");
    em_loop_free(loop);
}

TEST(the_hook_is_told_of_references_and_tasks)
{
    begin();
    assert_ok(em_loop_set_alive_hook(loop, tell, NULL));
    em_loop_ref(loop);
    em_loop_ref(loop);
    em_loop_unref(loop);
    assert_marks("alive");
    em_loop_unref(loop);
    assert_marks("dead");
    assert_ok(em_loop_post(loop, note_task, "post"));
    assert_marks("alive");
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("post dead");
    assert_ok(em_loop_defer(loop, note_task, "defer"));
    assert_marks("alive");
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("defer dead");
    em_loop_free(loop);
}

static int no_work(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return 0;
}

TEST(the_hook_is_told_of_batons)
{
    begin();
    assert_ok(em_loop_set_alive_hook(loop, tell, NULL));
    assert_ok(em_baton_run(loop, no_work, NULL, NULL));
    assert_marks("alive");
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("dead");
    em_loop_free(loop);
}

static atomic_bool at_work, let_go;

static int work_until_let_go(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    atomic_store(&at_work, true);
    while (!atomic_load(&let_go))
        (void)sched_yield();
    return 0;
}

static void *run_baton(void *data)
{
    assert_ok(em_baton_run(data, work_until_let_go, NULL, NULL));
    return NULL;
}

TEST(the_host_is_told_of_another_threads_baton_before_it_ends)
{
    pthread_t thread;

    begin();
    assert_ok(em_loop_fd(loop));
    assert_ok(em_loop_set_alive_hook(loop, tell, NULL));
    ck_assert_int_eq(pthread_create(&thread, NULL, run_baton, loop), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    while (!atomic_load(&at_work))
        (void)sched_yield();
    ck_assert(readable(em_loop_fd(loop), 0));
    assert_error(1, em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("alive");
    ck_assert(!readable(em_loop_fd(loop), 0));
    atomic_store(&let_go, true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("dead");
    em_loop_free(loop);
}

static void ref_and_unref(em_loop *of, void *data)
{
    mark(data);
    em_loop_ref(of);
    em_loop_unref(of);
}

TEST(what_changes_and_changes_back_inside_a_turn_is_not_told)
{
    begin();
    em_loop_ref(loop);
    assert_ok(em_loop_post(loop, ref_and_unref, "post"));
    assert_ok(em_loop_set_alive_hook(loop, tell, NULL));
    em_loop_unref(loop);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("post dead");
    assert_ok(em_loop_set_alive_hook(loop, NULL, NULL));
    em_loop_ref(loop);
    em_loop_unref(loop);
    assert_marks("");
    em_loop_free(loop);
}

static void detached(em_loop *of, void *data)
{
    ck_assert_ptr_eq(of, loop);
    mark(data);
    mark("detached");
}

static const em_host host = { sizeof(host), tell, detached };

static void run_refused(em_loop *of, void *data)
{
    mark(data);
    assert_error(-EBUSY, em_loop_run(of, EM_RUN_NOWAIT));
    assert_error(-EBUSY, em_loop_turn(of));
}

TEST(an_attached_loop_is_run_by_its_host_alone)
{
    begin();
    assert_ok(em_loop_post(loop, run_refused, "post"));
    assert_ok(em_loop_attach(loop, &host, "host"));
    assert_marks("host alive");
    assert_error(-EBUSY, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_error(-EBUSY, em_loop_attach(loop, &host, "another"));
    assert_error(0, em_loop_turn(loop));
    assert_marks("post host dead");
    em_detach(loop);
    em_detach(loop);
    assert_marks("host detached");
    assert_error(-EINVAL, em_loop_turn(loop));
    assert_error(0, em_loop_run(loop, EM_RUN_NOWAIT));
    em_loop_free(loop);
}

TEST(a_host_and_a_hook_are_both_told)
{
    begin();
    assert_ok(em_loop_set_alive_hook(loop, tell, "hook"));
    assert_ok(em_loop_attach(loop, &host, "host"));
    assert_marks("host dead");
    em_loop_ref(loop);
    assert_marks("host alive hook alive");
    em_detach(loop);
    em_loop_unref(loop);
    assert_marks("host detached hook dead");
    em_loop_free(loop);
}

static void free_loop(em_loop *of, void *data)
{
    mark(data);
    em_loop_free(of);
}

TEST(a_loop_freed_while_attached_leaves_its_host)
{
    begin();
    assert_ok(em_loop_attach(loop, &host, "host"));
    em_loop_free(loop);
    assert_marks("host dead host detached");
    begin();
    assert_ok(em_loop_post(loop, free_loop, "free"));
    assert_ok(em_loop_attach(loop, &host, "host"));
    assert_error(0, em_loop_turn(loop));
    assert_marks("host alive free host detached");
}

static void note_end(em_loop *of, bool alive, void *data)
{
    (void)of;
    mark(data);
    mark(alive ? "alive" : "dead");
}

TEST(a_hook_is_told_that_a_living_loop_is_freed)
{
    begin();
    assert_ok(em_loop_set_alive_hook(loop, note_end, "hook"));
    em_loop_ref(loop);
    em_loop_free(loop);
    assert_marks("hook alive hook dead");
}

static void free_when_dead(em_loop *of, bool alive, void *data)
{
    (void)data;
    mark(alive ? "alive" : "dead");
    if (!alive)
        em_loop_free(of);
}

static void note_free(void *data)
{
    mark("free");
    mark(data);
}

TEST(a_hook_may_free_the_loop_after_its_last_turn)
{
    begin();
    assert_ok(em_loop_set_alive_hook(loop, free_when_dead, NULL));
    assert_ok(em_loop_post(loop, note_task, "post"));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("alive post dead");
}

static void note_alive(em_loop *of, bool alive, void *data)
{
    ck_assert_ptr_eq(of, loop);
    mark(data);
    mark(alive ? "alive" : "dead");
}

/* A host that had been told that nothing is left would not come again. */
TEST(a_hook_may_free_the_loop_amid_a_change_and_the_host_ends_it)
{
    const em_host stays = { sizeof(stays), note_alive, detached };
    em_source *timer;
    int fd;

    begin();
    assert_ok(em_loop_attach(loop, &stays, "host"));
    assert_ok(em_loop_set_alive_hook(loop, free_when_dead, NULL));
    assert_ok(em_loop_add_timer(loop, 60000, 0, note_timer, "x", &timer));
    em_source_set_free(timer, note_free);
    (void)take_marks();
    fd = em_loop_fd(loop);
    ck_assert(!readable(fd, 0));
    assert_ok(em_source_set_timer(timer, UINT64_MAX, 0));
    assert_marks("host dead dead host alive");
    ck_assert(readable(fd, 0));
    assert_error(-ESHUTDOWN, em_loop_post(loop, note_task, "post"));
    assert_error(0, em_loop_turn(loop));
    assert_marks("host detached free x");
}

TEST(nonsense_hosts_are_refused)
{
    em_host none = { .size = sizeof(none) };

    begin();
    assert_error(-EINVAL, em_loop_attach(loop, NULL, NULL));
    assert_error(-EINVAL, em_loop_attach(loop, &none, NULL));
    assert_error(-EINVAL, em_loop_attach(NULL, &host, NULL));
    assert_error(-EINVAL, em_loop_set_alive_hook(NULL, tell, NULL));
    assert_error(-EINVAL, em_loop_turn(NULL));
    fail_call("timerfd_create", 1, EMFILE);
    assert_error(-EMFILE, em_loop_attach(loop, &host, NULL));
    fail_allocation(1);
    assert_error(-ENOMEM, em_loop_attach(loop, &host, NULL));
    fail_allocation(1);
    assert_error(-ENOMEM, em_loop_set_alive_hook(loop, tell, NULL));
    ck_assert(allocation_failed());
    em_detach(NULL);
    em_detach(loop);
    em_loop_free(loop);
}

TEST(a_forked_child_does_not_touch_its_parents_host)
{
    int status;
    pid_t pid;

    begin();
    assert_ok(em_loop_attach(loop, &host, "host"));
    assert_marks("host dead");
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        status = em_loop_turn(loop) == -ECHILD &&
                         em_loop_run(loop, EM_RUN_NOWAIT) == -ECHILD
                     ? 0
                     : 1;
        em_detach(loop);
        em_loop_free(loop);
        _exit(take_marks()[0] ? 2 : status);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    em_loop_free(loop);
    assert_marks("host detached");
}

TEST(a_forked_child_calls_no_hook_of_its_parent)
{
    int status;
    pid_t pid;

    begin();
    em_loop_ref(loop);
    assert_ok(em_loop_set_alive_hook(loop, tell, NULL));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        em_loop_ref(loop);
        em_loop_unref(loop);
        em_loop_unref(loop);
        em_loop_free(loop);
        _exit(take_marks()[0] ? 1 : 0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    em_loop_unref(loop);
    assert_marks("dead");
    em_loop_free(loop);
}

/* In how many seconds the alarm of the loop's descriptor rings, as Linux tells
 * of a timerfd; -1: never. */
static long alarm_in(void)
{
    char path[64], line[128];
    long seconds = -1, rest = 0;
    FILE *info;
    int fd;

    for (fd = 0; fd < 64; fd++) {
        (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        info = fopen(path, "re");
        while (info && fgets(line, sizeof(line), info))
            if (sscanf(line, "it_value: (%ld, %ld)", &seconds, &rest) == 2)
                break;
        if (info)
            (void)fclose(info);
    }
    return seconds || rest ? seconds : -1;
}

TEST(the_host_sleeps_on_when_the_timer_that_it_waited_for_is_taken_off)
{
    em_source *timer;

    begin();
    assert_ok(em_loop_fd(loop));
    assert_ok(em_loop_add_timer(loop, 60000, 0, note_timer, "never", &timer));
    ck_assert_int_ge(alarm_in(), 1);
    em_source_remove(timer);
    ck_assert_int_eq(alarm_in(), -1);
    assert_ok(em_loop_add_timer(loop, 60000, 0, note_timer, "never", &timer));
    assert_ok(em_source_set_timer(timer, 6000000, 0));
    ck_assert_int_gt(alarm_in(), 60);
    assert_ok(em_source_set_timer(timer, UINT64_MAX, 0));
    ck_assert_int_eq(alarm_in(), -1);
    em_loop_free(loop);
    assert_marks("");
}

SUITE("hook", the_host_wakes_for_a_post_from_another_thread,
      the_host_wakes_for_timers_defers_and_descriptors,
      the_host_is_told_of_what_was_due_before_it_asked,
      the_host_comes_back_for_what_a_budget_left,
      no_timer_descriptor_is_an_error_and_can_be_tried_again,
      the_hook_is_told_of_each_change_by_a_source,
      the_hook_is_told_of_references_and_tasks, the_hook_is_told_of_batons,
      the_host_is_told_of_another_threads_baton_before_it_ends,
      what_changes_and_changes_back_inside_a_turn_is_not_told,
      an_attached_loop_is_run_by_its_host_alone,
      a_host_and_a_hook_are_both_told,
      a_loop_freed_while_attached_leaves_its_host,
      a_hook_is_told_that_a_living_loop_is_freed,
      a_hook_may_free_the_loop_after_its_last_turn,
      a_hook_may_free_the_loop_amid_a_change_and_the_host_ends_it,
      nonsense_hosts_are_refused,
      a_forked_child_does_not_touch_its_parents_host,
      a_forked_child_calls_no_hook_of_its_parent,
      the_host_sleeps_on_when_the_timer_that_it_waited_for_is_taken_off);
