/* SPDX-License-Identifier: MIT */
/* Progress and waiting: what a running work tells, and who waits for it. */

#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "baton/internal.h"
#include "door.h"

static em_loop *loop;

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
}

/* --- progress --- */

enum { ITEMS = 5000 };

static int items[ITEMS];
static int read_count, freed_count;

static void read_item(em_baton *baton, void *item, void *data)
{
    (void)baton, (void)data;
    ck_assert_ptr_eq(item, &items[read_count]);
    read_count++;
}

static void free_item(void *item)
{
    ck_assert_ptr_eq(item, &items[freed_count]);
    freed_count++;
}

static int send_all(em_baton *baton, void *data)
{
    int i, r;

    (void)data;
    for (i = 0; i < ITEMS; i++) {
        r = em_baton_progress(baton, &items[i], free_item);
        if (r < 0)
            return r;
    }
    return ITEMS;
}

static void after_all(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    ck_assert_int_eq(status, ITEMS);
    ck_assert_int_eq(read_count, ITEMS);
    ck_assert_int_eq(freed_count, ITEMS);
    mark("after");
}

TEST(every_item_comes_once_in_order_and_before_after)
{
    begin();
    assert_ok(
        em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = send_all,
                                  .after = after_all, .progress = read_item,
                                  .progress_limit = 7, .progress_wait = true),
                       NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("after");
    em_loop_free(loop);
}

static int send_until_refused(em_baton *baton, void *data)
{
    int sent = 0;

    (void)data;
    while (em_baton_progress(baton, &items[sent], free_item) == 0)
        sent++;
    return sent;
}

TEST(past_the_limit_an_item_is_refused_and_stays_the_callers)
{
    em_baton *baton = NULL;

    begin();
    assert_ok(em_baton_start(
        loop,
        EM_OPTIONS(em_baton_options, .work = send_until_refused, .after = note,
                   .progress = read_item, .progress_limit = 3),
        &baton));
    assert_ok(em_baton_wait(baton, UINT64_MAX));
    em_baton_unref(baton);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("3");
    ck_assert_int_eq(read_count, 3);
    ck_assert_int_eq(freed_count, 3);
    em_loop_free(loop);
}

static atomic_bool in_work;

static int send_and_be_cancelled(em_baton *baton, void *data)
{
    int r;

    (void)data;
    assert_ok(em_baton_progress(baton, &items[0], NULL));
    atomic_store(&in_work, true);
    r = em_baton_progress(baton, &items[1], NULL);
    return r;
}

TEST(a_cancelled_work_does_not_wait_for_its_items_to_be_read)
{
    em_baton *baton = NULL;

    begin();
    assert_ok(em_baton_start(
        loop,
        EM_OPTIONS(em_baton_options, .work = send_and_be_cancelled,
                   .after = note, .progress = read_item, .progress_limit = 1,
                   .progress_wait = true),
        &baton));
    while (!atomic_load(&in_work))
        ;
    assert_error(-EBUSY, em_baton_cancel(baton));
    assert_ok(em_baton_wait(baton, UINT64_MAX));
    em_baton_unref(baton);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("-125");
    ck_assert_int_eq(read_count, 1);
    em_loop_free(loop);
}

static em_baton *stranger;

static int send_for_another(em_baton *baton, void *data)
{
    (void)data;
    if (em_baton_progress(stranger, NULL, NULL) != -EINVAL)
        return 1;
    return em_baton_progress(baton, NULL, NULL);
}

TEST(only_its_own_work_may_send_progress_and_only_to_a_callback)
{
    em_pool *pool;

    begin();
    pool = occupied_pool(loop, 1);
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .progress = read_item, .pool = pool),
                             &stranger));
    assert_error(-EINVAL, em_baton_progress(NULL, NULL, NULL));
    assert_error(-EINVAL, em_baton_progress(stranger, NULL, NULL));
    assert_ok(em_baton_run(loop, send_for_another, note, NULL));
    assert_error(0, em_baton_cancel(stranger));
    em_baton_unref(stranger);
    let_all_end(loop, pool);
    assert_marks("-22");
}

static int send_in_a_child(em_baton *baton, void *data)
{
    int status = -1;
    pid_t pid = fork();

    (void)data;
    if (pid == 0)
        _exit(em_baton_progress(baton, NULL, NULL) == -ECHILD ? 0 : 1);
    return waitpid(pid, &status, 0) == pid ? status : -errno;
}

TEST(a_child_that_a_work_forked_sends_nothing)
{
    begin();
    assert_ok(
        em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = send_in_a_child,
                                  .after = note, .progress = read_item),
                       NULL));
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("0");
    em_loop_free(loop);
}

TEST(a_loop_that_is_freed_reads_what_its_running_work_sends)
{
    begin();
    atomic_store(&in_work, false);
    assert_ok(
        em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = send_all,
                                  .after = after_all, .progress = read_item,
                                  .progress_limit = 1, .progress_wait = true),
                       NULL));
    while (read_count == 0)
        assert_ok(em_loop_run(loop, EM_RUN_ONCE));
    em_loop_free(loop);
    assert_marks("after");
}

/* --- waiting --- */

TEST(waiting_ends_when_work_ended_or_never_will_begin)
{
    em_baton *queued = NULL, *running = NULL;
    em_pool *pool;

    begin();
    pool = new_pool(1);
    set_door(false);
    assert_ok(em_baton_start(
        loop, EM_OPTIONS(em_baton_options, .work = wait_at_door, .pool = pool),
        &running));
    assert_ok(em_baton_start(
        loop, EM_OPTIONS(em_baton_options, .work = succeed, .pool = pool),
        &queued));
    assert_error(-EINVAL, em_baton_wait(NULL, 0));
    assert_error(-ETIMEDOUT, em_baton_wait(running, 0));
    assert_error(-ETIMEDOUT, em_baton_wait(queued, 1));
    assert_error(0, em_baton_cancel(queued));
    assert_ok(em_baton_wait(queued, UINT64_MAX));
    set_door(true);
    assert_ok(em_baton_wait(running, UINT64_MAX));
    assert_ok(em_baton_wait(running, 0));
    em_baton_unref(running);
    em_baton_unref(queued);
    let_all_end(loop, pool);
}

static em_baton *awaited;

static int wait_for_awaited(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return em_baton_wait(awaited, UINT64_MAX);
}

TEST(a_work_that_waits_for_its_own_pool_is_told_of_the_deadlock)
{
    em_pool *pool, *other;

    begin();
    pool = occupied_pool(loop, 1);
    other = new_pool(1);
    assert_ok(
        em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = wait_for_awaited,
                                  .after = note, .pool = pool),
                       NULL));
    assert_ok(em_baton_start(
        loop, EM_OPTIONS(em_baton_options, .work = succeed, .pool = pool),
        &awaited));
    assert_ok(
        em_baton_start(loop,
                       EM_OPTIONS(em_baton_options, .work = wait_for_awaited,
                                  .after = note, .pool = other),
                       NULL));
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_ptr_nonnull(strstr(take_marks(), "-35"));
    em_baton_unref(awaited);
    em_pool_free(other);
    em_loop_free(loop);
    em_pool_free(pool);
}

/* --- errors to the owner --- */

static void hear_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter;
    mark(data);
    mark_number(error->code);
}

TEST(a_failed_baton_emits_error_on_its_owner_after_after)
{
    em_emitter *owner = NULL;

    begin();
    assert_ok(em_emitter_new(loop, &owner));
    assert_ok(em_on(owner, "error", hear_error, "error"));
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = break_down,
                                        .after = note, .data = "after",
                                        .owner = owner, .error_to_owner = true),
                             NULL));
    assert_ok(em_baton_start(loop,
                             EM_OPTIONS(em_baton_options, .work = succeed,
                                        .owner = owner, .error_to_owner = true),
                             NULL));
    assert_error(-EINVAL,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .error_to_owner = true),
                                NULL));
    em_unref(owner); /* the batons hold it */
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("after -5 error -5");
    em_loop_free(loop);
}

/* --- owners that go --- */

static void mark_data(void *data)
{
    mark(data);
}

static void start_for(em_emitter *owner)
{
    assert_error(-ESHUTDOWN,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .free_data = mark_data,
                                           .data = "never", .owner = owner),
                                NULL));
}

static void start_for_and_mark(em_emitter *owner)
{
    start_for(owner);
    mark("gone");
}

TEST(an_emitter_that_is_being_destroyed_owns_no_new_baton)
{
    em_emitter owner;

    begin();
    em_emitter_init(&owner, loop, start_for_and_mark);
    em_unref(&owner);
    assert_marks("gone");
    ck_assert(!em_loop_alive(loop));
    em_loop_free(loop);
}

SUITE("progress", every_item_comes_once_in_order_and_before_after,
      past_the_limit_an_item_is_refused_and_stays_the_callers,
      a_cancelled_work_does_not_wait_for_its_items_to_be_read,
      only_its_own_work_may_send_progress_and_only_to_a_callback,
      a_child_that_a_work_forked_sends_nothing,
      a_loop_that_is_freed_reads_what_its_running_work_sends,
      waiting_ends_when_work_ended_or_never_will_begin,
      a_work_that_waits_for_its_own_pool_is_told_of_the_deadlock,
      a_failed_baton_emits_error_on_its_owner_after_after,
      an_emitter_that_is_being_destroyed_owns_no_new_baton);
