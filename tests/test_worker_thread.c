/* SPDX-License-Identifier: MIT */
/* Workers that are threads of this process. */

#include <config.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers.h"

static em_worker *spawn_thread(em_worker_main_fn *main, void *data)
{
    return spawn(EM_OPTIONS(em_worker_options, .thread = true, .main = main,
                            .data = data));
}

static int add(em_loop *own, em_worker *parent, void *data)
{
    em_worker *same = NULL;

    if (em_worker_parent(own, &same) < 0 || same != parent ||
        em_worker_ready(parent) < 0)
        return 1;
    ++*(int *)data;
    say(parent, "%d", em_worker_pid(parent) == getpid());
    return 0x1ff;
}

TEST(a_thread_has_the_events_of_a_process_and_our_memory)
{
    em_worker *worker;
    int number = 41;

    begin_workers();
    worker = spawn_thread(add, &number);
    ck_assert_int_eq(em_worker_pid(worker), getpid());
    ck_assert_int_eq(em_worker_slot(worker), -1);
    ck_assert(em_loop_alive(master));
    run();
    assert_marks("online ready 1 exit 255");
    ck_assert_int_eq(number, 42);
    assert_error(-EPIPE, em_worker_post(worker, "", 0, -1));
    assert_error(-ESRCH, em_worker_terminate(worker, 0));
    em_worker_free(worker);
    end_workers();
}

TEST(messages_and_descriptors_go_there_and_back)
{
    em_worker *worker;
    int ends[2];
    char byte;

    begin_workers();
    ck_assert_int_eq(pipe(ends), 0);
    worker = spawn_thread(echo, NULL);
    assert_ok(em_worker_post(worker, "take", 4, ends[1]));
    assert_ok(em_worker_post(worker, NULL, 0, -1));
    assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    assert_marks("online ready take fd  exit 0 wanted");
    ck_assert_int_eq(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
    em_worker_free(worker);
    end_workers();
}

enum { THREADS = 8, MESSAGES = 1000 };

static int post_many(em_loop *own, em_worker *parent, void *data)
{
    static const char block[1000];
    int i;

    (void)own, (void)data;
    for (i = 0; i < MESSAGES; i++) {
        if (em_worker_post(parent, block, (size_t)i, -1) < 0)
            abort();
    }
    return 0;
}

static void count(em_emitter *emitter, void *arg, void *data)
{
    const em_message *message = arg;

    (void)emitter;
    ck_assert_uint_eq(message->size, (size_t) * (int *)data);
    ++*(int *)data;
}

TEST(many_threads_lose_nothing_before_their_exit)
{
    em_worker *workers[THREADS];
    int counts[THREADS] = { 0 };
    int i;

    begin_workers();
    for (i = 0; i < THREADS; i++) {
        assert_ok(em_worker_spawn(
            master,
            EM_OPTIONS(em_worker_options, .thread = true, .main = post_many),
            &workers[i]));
        assert_ok(
            em_on(em_worker_emitter(workers[i]), "message", count, &counts[i]));
    }
    run();
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(counts[i], MESSAGES);
        em_worker_free(workers[i]);
    }
    end_workers();
}

/* --- the end --- */

static sem_t door;

static int wait_at_door(em_loop *own, em_worker *parent, void *data)
{
    (void)own, (void)parent, (void)data;
    while (sem_wait(&door) < 0)
        ;
    return 3;
}

TEST(a_thread_that_does_not_stop_is_told_once_and_never_killed)
{
    em_worker *worker;

    begin_workers();
    ck_assert_int_eq(sem_init(&door, 0, 0), 0);
    worker = spawn_thread(wait_at_door, NULL);
    run_until(worker, "online");
    assert_ok(em_worker_terminate(worker, 1));
    run_until(worker, "error");
    assert_marks("online error -110");
    assert_ok(em_worker_terminate(worker, 0));
    ck_assert_int_eq(sem_post(&door), 0);
    run();
    assert_marks("exit 3 wanted");
    em_worker_free(worker);
    (void)sem_destroy(&door);
    end_workers();
}

static void note_in_thread(em_emitter *emitter, void *arg, void *data)
{
    (void)arg, (void)data;
    mark(em_event(emitter));
}

/* The spawner waits, so these marks are one thread's. */
static int note_end(em_loop *own, em_worker *parent, void *data)
{
    em_emitter *emitter = em_worker_emitter(parent);

    (void)data;
    if (em_on(emitter, "stop", note_in_thread, NULL) < 0 ||
        em_on(emitter, "disconnect", note_in_thread, NULL) < 0)
        return 1;
    (void)em_loop_run(own, EM_RUN_DEFAULT);
    return 0;
}

TEST(a_thread_that_is_freed_is_asked_to_stop_and_waited_for)
{
    em_worker *worker;

    begin_workers();
    worker = spawn_thread(note_end, NULL);
    em_worker_free(worker);
    assert_marks("stop disconnect");
    worker = spawn_thread(idle, NULL);
    em_worker_free(worker);
    (void)spawn_thread(idle, NULL);
    end_workers();
    assert_marks("");
}

static void free_worker(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    em_worker_free(data);
    mark("free");
}

static void free_at(const char *event)
{
    em_worker *worker;

    begin_workers();
    assert_ok(em_worker_spawn(
        master, EM_OPTIONS(em_worker_options, .thread = true, .main = echo),
        &worker));
    assert_ok(em_on(em_worker_emitter(worker), event, free_worker, worker));
    assert_ok(em_worker_post(worker, "x", 1, -1));
    if (strcmp(event, "exit") == 0)
        assert_ok(em_worker_terminate(worker, UINT64_MAX));
    run();
    assert_marks("free");
    end_workers();
}

TEST(a_thread_may_be_freed_in_every_listener)
{
    free_at("online");
    free_at("ready");
    free_at("message");
    free_at("exit");
}

/* Full both ways, which must not keep one waiting for the other. */
TEST(a_thread_with_much_to_say_is_freed)
{
    static char block[1024 * 1024];
    em_worker *worker;
    int r = 0;

    begin_workers();
    worker = spawn(EM_OPTIONS(em_worker_options, .thread = true, .main = echo,
                              .queue_limit = sizeof(block)));
    run_until(worker, "ready");
    while (r == 0)
        r = em_worker_post(worker, block, sizeof(block), -1);
    assert_error(-EAGAIN, r);
    em_worker_free(worker);
    end_workers();
    assert_marks("online ready");
}

/* --- what it is --- */

static int say_signals(em_loop *own, em_worker *parent, void *data)
{
    sigset_t mask;

    (void)own, (void)data;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    say(parent, "%d%d", sigismember(&mask, SIGTERM),
        sigismember(&mask, SIGHUP));
    return 0;
}

TEST(a_thread_takes_no_signals)
{
    sigset_t mask;

    begin_workers();
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .thread = true,
                                       .main = say_signals)),
                     "11");
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ck_assert(!sigismember(&mask, SIGTERM));
    end_workers();
}

static int say_cpus(em_loop *own, em_worker *parent, void *data)
{
    cpu_set_t cpus;

    (void)own, (void)data;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
        return 1;
    say(parent, "%d", CPU_COUNT(&cpus));
    return 0;
}

TEST(a_thread_may_be_kept_on_a_processor)
{
    cpu_set_t cpus;
    unsigned i;

    if (portable())
        return;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    for (i = 0; i < 63 && !CPU_ISSET(i, &cpus); i++)
        ;
    begin_workers();
    ck_assert_str_eq(
        answer(EM_OPTIONS(em_worker_options, .thread = true, .main = say_cpus,
                          .cpus = UINT64_C(1) << i)),
        "1");
    end_workers();
}

/* --- forks --- */

TEST(a_forked_child_has_no_such_thread_to_wait_for)
{
    size_t blocks;
    em_worker *worker;
    int status;
    pid_t pid;

    if (under_valgrind())
        return;
    begin_workers();
    worker = spawn_thread(echo, NULL);
    run_until(worker, "ready");
    blocks = blocks_in_use();
    pid = fork();
    if (pid == 0) {
        if (em_worker_post(worker, "", 0, -1) != -ECHILD)
            _exit(1);
        em_worker_free(worker);
        em_loop_free(master);
        _exit(blocks_in_use() < blocks ? 0 : 2);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    em_worker_free(worker);
    end_workers();
    assert_marks("online ready");
}

/* A thread is a master too. */
static int have_worker(em_loop *own, em_worker *parent, void *data)
{
    em_worker *worker;
    int r = em_worker_spawn(own, EM_OPTIONS(em_worker_options, .main = idle),
                            &worker);

    (void)data;
    say(parent, "%d", r);
    return 0;
}

TEST(a_thread_may_have_workers)
{
    begin_workers();
    ck_assert_str_eq(answer(EM_OPTIONS(em_worker_options, .thread = true,
                                       .main = have_worker)),
                     "0");
    end_workers();
}

SUITE("worker_thread", a_thread_has_the_events_of_a_process_and_our_memory,
      messages_and_descriptors_go_there_and_back,
      many_threads_lose_nothing_before_their_exit,
      a_thread_that_does_not_stop_is_told_once_and_never_killed,
      a_thread_that_is_freed_is_asked_to_stop_and_waited_for,
      a_thread_may_be_freed_in_every_listener,
      a_thread_with_much_to_say_is_freed, a_thread_takes_no_signals,
      a_thread_may_be_kept_on_a_processor,
      a_forked_child_has_no_such_thread_to_wait_for, a_thread_may_have_workers);
