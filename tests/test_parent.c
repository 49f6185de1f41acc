/* SPDX-License-Identifier: MIT */
/* The worker's end of the channel. */

#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/internal.h"
#include "workers.h"

/* --- whose it is --- */

static int ask_again(em_loop *own, em_worker *parent, void *data)
{
    em_worker *same = NULL, *worker = NULL;
    em_loop *other;
    int r, status;
    pid_t pid;

    (void)data;
    r = em_worker_parent(own, &same);
    say(parent, "%d %d", r, same == parent);
    if (em_loop_new(NULL, &other) < 0)
        return 1;
    say(parent, " %d", em_worker_parent(other, &worker) == -EBUSY);
    em_loop_free(other);
    say(parent, " %d", em_worker_terminate(parent, 0) == -EINVAL);
    say(parent, " %d", em_worker_pid(parent) == getpid());
    say(parent, " %d", em_worker_slot(parent));
    pid = fork();
    if (pid == 0) {
        if (em_loop_new(NULL, &other) < 0)
            _exit(1);
        r = em_worker_parent(other, &worker);
        em_loop_free(other);
        _exit(r == -ENOENT ? 0 : 2);
    }
    if (waitpid(pid, &status, 0) != pid)
        return 1;
    say(parent, " %d", status);
    return 0;
}

int as_worker(void)
{
    em_worker *parent, *again;
    em_loop *own;
    int r;

    if (em_loop_new(NULL, &own) < 0 || em_worker_parent(own, &parent) < 0)
        return 1;
    r = ask_again(own, parent, NULL);
    em_worker_free(parent);
    if (em_worker_parent(own, &again) != -ENOENT)
        r = 2;
    em_loop_free(own);
    return r;
}

TEST(a_worker_has_one_parent)
{
    begin_workers();
    ck_assert_str_eq(answer_of(ask_again, NULL), "0 1 1 1 1 -1 0");
    if (!under_valgrind())
        ck_assert_str_eq(answer(NULL), "0 1 1 1 1 -1 0");
    end_workers();
}

TEST(who_is_no_worker_has_none)
{
    em_worker *worker;

    begin_workers();
    assert_error(-ENOENT, em_worker_parent(master, &worker));
    assert_error(-EINVAL, em_worker_parent(NULL, &worker));
    assert_error(-EINVAL, em_worker_parent(master, NULL));
    end_workers();
}

static int try_badge(const char *format, int fd, long pid)
{
    char text[128];
    em_worker *worker;
    int r;

    (void)snprintf(text, sizeof(text), format, fd, pid);
    ck_assert_int_eq(setenv("EMITTER_WORKER", text, 1), 0);
    r = em_worker_parent(master, &worker);
    ck_assert_int_eq(unsetenv("EMITTER_WORKER"), 0);
    if (r == 0)
        em_worker_free(worker);
    return r;
}

/* Whoever had no memory may ask again, and still has the descriptor. */
static void fail_allocations(int fd)
{
    unsigned long nth;
    int r = -ENOMEM;

    for (nth = 1; r < 0; nth++) {
        assert_error(-ENOMEM, r);
        fail_allocation(nth);
        r = try_badge("%d 0 1000 %010ld", fd, getpid());
        (void)allocation_failed();
    }
    ck_assert_uint_gt(nth, 4);
}

TEST(a_badge_is_read_strictly)
{
    int ends[2], tcp = socket(AF_INET, SOCK_STREAM, 0);

    begin_workers();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_error(-ENOENT, try_badge("%d 0 1000 %ld", tcp, getpid()));
    (void)close(tcp);
    assert_error(-ENOENT, try_badge("", 0, 0));
    assert_error(-ENOENT, try_badge("%d 0 1000 %ld ", ends[0], getpid()));
    assert_error(-ENOENT, try_badge(" %d 0 1000 %ld", ends[0], getpid()));
    assert_error(-ENOENT, try_badge("%d -2 1000 %ld", ends[0], getpid()));
    assert_error(-ENOENT, try_badge("%d 0 0 %ld", ends[0], getpid()));
    assert_error(-ENOENT, try_badge("%d 0 x %ld", ends[0], getpid()));
    assert_error(-ENOENT, try_badge("%d 0 1000", ends[0], getpid()));
    assert_error(-ENOENT, try_badge("%d 0 1000 %ld", ends[0], getppid()));
    assert_error(-ENOENT, try_badge("%d 0 1000 %ld", 0, getpid()));
    assert_error(-ENOENT, try_badge("%d 0 1000 %ld", -1, getpid()));
    assert_error(-ENOENT,
                 try_badge("%d 0 99999999999999999999 %ld", ends[0], getpid()));
    fail_allocations(ends[0]);
    assert_error(-ENOENT, try_badge("%d 0 1000 %ld", ends[0], getpid()));
    (void)close(ends[1]);
    end_workers();
}

/* --- its events --- */

static void free_parent(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    say(data, "stop");
    em_worker_free(data);
}

static int free_at_stop(em_loop *own, em_worker *parent, void *data)
{
    (void)data;
    if (em_on(em_worker_emitter(parent), "stop", free_parent, parent) < 0 ||
        em_worker_ready(parent) < 0)
        abort();
    return em_loop_run(own, EM_RUN_DEFAULT) == 0 ? 5 : 1;
}

TEST(a_worker_that_frees_its_end_has_nothing_more_to_wait_for)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_main(free_at_stop, NULL);
    run_until(worker, "ready");
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    assert_marks("online ready stop exit 5 wanted");
    em_worker_free(worker);
    end_workers();
}

static int free_first(em_loop *own, em_worker *parent, void *data)
{
    em_worker_free(parent);
    return em_loop_run(own, EM_RUN_DEFAULT) == 0 ? hang(own, NULL, data) : 1;
}

TEST(what_is_posted_to_an_end_that_is_freed_finds_nobody)
{
    em_worker *worker;
    int r = 0;

    begin_workers();
    worker = spawn_main(free_first, NULL);
    run_until(worker, "online");
    while (r == 0) {
        r = em_worker_post(worker, "x", 1, -1);
        (void)em_loop_run(master, EM_RUN_NOWAIT);
    }
    assert_error(-EPIPE, r);
    assert_ok(em_worker_terminate(worker, 0)); /* it lives all the same */
    run();
    assert_marks("online killed 9 wanted");
    em_worker_free(worker);
    end_workers();
}

static void say_event(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)data;
    if (error)
        (void)printf("%s %d %s\n", em_event(emitter), error->code,
                     error->origin);
    else
        (void)printf("%s\n", em_event(emitter));
}

static int print_events(em_loop *own, em_worker *parent, void *data)
{
    em_emitter *emitter = em_worker_emitter(parent);

    (void)data;
    if (em_on(emitter, "error", say_event, NULL) < 0 ||
        em_on(emitter, "disconnect", say_event, NULL) < 0 ||
        em_worker_ready(parent) < 0)
        return 1;
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    (void)printf("%d\n", em_worker_post(parent, "", 0, -1));
    return 0;
}

TEST(a_parent_that_talks_nonsense_is_left)
{
    char text[64] = "";
    em_worker *worker;
    int out[2];

    begin_workers();
    ck_assert_int_eq(pipe(out), 0);
    worker = spawn(EM_OPTIONS(em_worker_options, .main = print_events,
                              .stdio = { 0, out[1] + 1, 0 }));
    run_until(worker, "ready");
    assert_ok(em__worker_tell(worker, EM__FRAME_READY, NULL, 0, -1));
    run();
    assert_marks("online ready exit 0");
    ck_assert_int_gt(read(out[0], text, sizeof(text) - 1), 0);
    ck_assert_str_eq(text, "error -71 parent\ndisconnect\n-32\n");
    em_worker_free(worker);
    (void)close(out[0]), (void)close(out[1]);
    end_workers();
}

/* --- forks --- */

static int free_inherited(em_loop *own, em_worker *parent, void *data)
{
    (void)own;
    em_worker_free(data);
    em_loop_free(master);
    say(parent, "alive");
    return 0;
}

TEST(a_worker_that_frees_what_it_inherited_closes_nothing_of_its_own)
{
    em_worker *first;

    begin_workers();
    assert_ok(em_worker_spawn(
        master, EM_OPTIONS(em_worker_options, .main = echo), &first));
    assert_ok(em_worker_post(first, "", 0, dup(0)));
    (void)em_loop_default();
    ck_assert_str_eq((em_worker_terminate(first, UINT64_MAX),
                      answer_of(free_inherited, first)),
                     "alive");
    em_worker_free(first);
    em_loop_free(em_loop_default());
    end_workers();
}

static int work(em_baton *baton, void *data)
{
    (void)baton;
    *(int *)data = 42;
    return 0;
}

static int use_everything(em_loop *own, em_worker *parent, void *data)
{
    int result = 0;

    (void)data;
    if (em_baton_run(em_loop_default(), work, NULL, &result) < 0 ||
        em_loop_run(em_loop_default(), EM_RUN_DEFAULT) != 0)
        return 1;
    say(parent, "%d", result);
    em_loop_free(em_loop_default());
    (void)own;
    return 0;
}

static void pass_on(em_emitter *emitter, void *arg, void *data)
{
    const em_message *message = arg;

    (void)emitter;
    say(data, "(%.*s)", (int)message->size, (const char *)message->data);
}

static void stop_loop(em_emitter *emitter, void *arg, void *data)
{
    (void)arg, (void)data;
    em_loop_stop(em_emitter_loop(emitter));
}

/* A worker has a worker that has a worker. */
static int nest(em_loop *own, em_worker *parent, void *data)
{
    int depth = *(int *)data - 1;
    em_worker *worker;

    if (depth < 0)
        return use_everything(own, parent, NULL);
    if (em_worker_spawn(
            own, EM_OPTIONS(em_worker_options, .main = nest, .data = &depth),
            &worker) < 0 ||
        em_on(em_worker_emitter(worker), "message", pass_on, parent) < 0 ||
        em_on(em_worker_emitter(worker), "exit", stop_loop, NULL) < 0)
        return 1;
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return 0;
}

TEST(a_worker_may_have_loops_pools_and_workers)
{
    int depth = 2;

    begin_workers();
    ck_assert_str_eq(answer_of(nest, &depth), "((42))");
    end_workers();
}

SUITE("parent", a_worker_has_one_parent, who_is_no_worker_has_none,
      a_badge_is_read_strictly,
      a_worker_that_frees_its_end_has_nothing_more_to_wait_for,
      what_is_posted_to_an_end_that_is_freed_finds_nobody,
      a_parent_that_talks_nonsense_is_left,
      a_worker_that_frees_what_it_inherited_closes_nothing_of_its_own,
      a_worker_may_have_loops_pools_and_workers);
