/* SPDX-License-Identifier: MIT */
/* Seed: batons of a loop with a virtual clock, run by itself as its seed has
 * it.
 */

#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "door.h"

enum { SEEDS = 200, WEEK = 7 * 24 * 3600 * 1000 };

static em_loop *loop;
static pthread_t self;

static em_loop *new_loop(uint64_t seed)
{
    em_loop *made = NULL;

    assert_ok(em_loop_new(
        EM_OPTIONS(em_loop_options, .virtual_clock = true, .seed = seed),
        &made));
    return made;
}

static void begin(uint64_t seed)
{
    loop = new_loop(seed);
    self = pthread_self();
}

static void run_to_the_end(void)
{
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
}

static void start(em_baton_options options, em_baton **ret)
{
    options.size = sizeof(options);
    if (!options.work)
        options.work = write_letter;
    assert_ok(em_baton_start(loop, &options, ret));
}

static int check_thread(em_baton *baton, void *data)
{
    (void)data;
    ck_assert(pthread_equal(pthread_self(), self));
    ck_assert_uint_eq(counts_of(em_pool_default()).running, 1);
    ck_assert(!em_baton_cancelled(baton));
    return 7;
}

TEST(works_run_on_the_loops_own_thread_and_no_other_is_made)
{
    em_pool_counts counts;

    begin(1);
    start((em_baton_options){ .work = succeed, .after = note, .data = "b" },
          NULL);
    start(
        (em_baton_options){
            .work = check_thread, .after = note, .data = "a", .priority = 1 },
        NULL);
    ck_assert_uint_eq(counts_of(em_pool_default()).queued, 2);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    counts = counts_of(em_pool_default());
    ck_assert_uint_eq(counts.threads, 0);
    ck_assert_uint_eq(counts.done, 2);
    ck_assert_uint_eq(counts.run[0], 2);
    ck_assert_uint_eq(counts.queued + counts.running, 0);
    assert_marks("a 7 b 0");
    em_loop_free(loop);
}

/* The letters of works in the order they ran, with seed. */
static const char *order_of(uint64_t seed, const char *letters)
{
    begin(seed);
    for (; *letters; letters++)
        start((em_baton_options){ .data = (void *)(uintptr_t)letters }, NULL);
    run_to_the_end();
    return take_letters();
}

TEST(the_same_seed_gives_the_same_order_and_others_give_every_order)
{
    static const char *const orders[] = { "abc", "acb", "bac",
                                          "bca", "cab", "cba" };
    bool seen[6] = { false };
    char first[8];
    uint64_t seed;
    int i;

    for (seed = 0; seed < SEEDS; seed++) {
        (void)strcpy(first, order_of(seed, "abc"));
        ck_assert_str_eq(order_of(seed, "abc"), first);
        for (i = 0; i < 6; i++)
            seen[i] |= strcmp(first, orders[i]) == 0;
    }
    for (i = 0; i < 6; i++)
        ck_assert_msg(seen[i], "never in the order %s", orders[i]);
}

enum { MANY = 20000, CHOICES = 64 };

static int ran, ran_early, farthest;

static int note_place(em_baton *baton, void *data)
{
    int place = (int)(size_t)data;

    (void)baton;
    ran_early += place > ran;
    if (place - ran > farthest)
        farthest = place - ran;
    ran++;
    return 0;
}

/* However many wait, a draw looks at so many and takes no longer for it. */
TEST(a_draw_is_among_the_first_that_wait)
{
    size_t i;

    ran = ran_early = farthest = 0;
    begin(5);
    for (i = 0; i < MANY; i++)
        start((em_baton_options){ .work = note_place, .data = (void *)i },
              NULL);
    run_to_the_end();
    ck_assert_int_eq(ran, MANY);
    ck_assert_int_gt(ran_early, MANY / 4);
    ck_assert_int_gt(farthest, CHOICES / 2);
    ck_assert_int_lt(farthest, CHOICES);
}

static void write_after(em_baton *baton, int status, void *data)
{
    (void)status;
    (void)write_letter(baton, data);
}

TEST(a_work_may_come_before_or_after_what_follows_another)
{
    bool between = false, together = false;
    const char *letters;
    uint64_t seed;

    for (seed = 0; seed < SEEDS; seed++) {
        begin(seed);
        start((em_baton_options){ .data = "a", .after = write_after }, NULL);
        start((em_baton_options){ .data = "b", .after = write_after }, NULL);
        run_to_the_end();
        letters = take_letters();
        between |= strcmp(letters, "aabb") == 0;
        together |= strcmp(letters, "abab") == 0;
    }
    ck_assert(between && together);
}

TEST(priorities_and_keys_hold_with_every_seed)
{
    static const char key;
    const char *letters;
    uint64_t seed;

    for (seed = 0; seed < SEEDS; seed++) {
        begin(seed);
        start((em_baton_options){ .data = "z", .priority = -4 }, NULL);
        start((em_baton_options){ .data = "1", .key = &key }, NULL);
        start((em_baton_options){ .data = "x" }, NULL);
        start((em_baton_options){ .data = "2", .key = &key }, NULL);
        start((em_baton_options){ .data = "3", .key = &key }, NULL);
        start((em_baton_options){ .data = "a", .priority = 4 }, NULL);
        run_to_the_end();
        letters = take_letters();
        ck_assert_uint_eq(strlen(letters), 6);
        ck_assert_int_eq(letters[0], 'a');
        ck_assert_int_eq(letters[5], 'z');
        ck_assert(strchr(letters, '1') < strchr(letters, '2'));
        ck_assert(strchr(letters, '2') < strchr(letters, '3'));
    }
}

static void note_time(em_source *source, void *data)
{
    mark(data);
    mark_number((long)em_loop_now(em_source_loop(source)));
}

TEST(time_passes_only_when_no_baton_waits)
{
    begin(3);
    assert_ok(em_loop_add_timer(loop, 1, 0, note_time, "timer", NULL));
    start((em_baton_options){ .work = succeed, .after = note, .data = "x" },
          NULL);
    start((em_baton_options){ .work = succeed, .after = note, .data = "x" },
          NULL);
    run_to_the_end();
    assert_marks("x 0 x 0 timer 1");
}

TEST(a_time_limit_does_not_pass_since_nothing_waits_in_that_time)
{
    begin(3);
    start(
        (em_baton_options){
            .work = succeed, .after = note, .data = "x", .timeout_ms = 1 },
        NULL);
    (void)usleep(3000); /* real time, which is none of its business */
    assert_ok(em_loop_add_timer(loop, WEEK, 0, note_time, "week", NULL));
    run_to_the_end();
    assert_marks("x 0 week 604800000");
}

static void note_item(em_baton *baton, void *item, void *data)
{
    (void)baton, (void)data;
    mark(item);
}

static int send_three(em_baton *baton, void *data)
{
    (void)data;
    assert_ok(em_baton_progress(baton, "one", NULL));
    assert_ok(em_baton_progress(baton, "two", NULL));
    return em_baton_progress(baton, "three", NULL);
}

TEST(progress_comes_in_order_and_no_work_waits_for_its_own_thread)
{
    begin(3);
    start((em_baton_options){ .work = send_three,
                              .after = note,
                              .data = "end",
                              .progress = note_item,
                              .progress_limit = 2,
                              .progress_wait = true },
          NULL);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("one two three end 0");
    start((em_baton_options){ .work = send_three,
                              .after = note,
                              .data = "end",
                              .progress = note_item,
                              .progress_limit = 2 },
          NULL);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    assert_marks("one two end -11");
    em_loop_free(loop);
}

static em_baton *other;

static int cancel_both(em_baton *baton, void *data)
{
    (void)data;
    assert_error(-EBUSY, em_baton_cancel(baton));
    ck_assert(em_baton_cancelled(baton));
    assert_ok(em_baton_cancel(other));
    assert_error(-EALREADY, em_baton_cancel(other));
    return 0;
}

TEST(cancel_answers_as_ever)
{
    em_baton *early = NULL;

    begin(3);
    start((em_baton_options){ .after = note, .data = "early" }, &early);
    start((em_baton_options){ .after = note, .data = "late", .priority = -1 },
          &other);
    start((em_baton_options){ .work = cancel_both,
                              .after = note,
                              .data = "cancels",
                              .priority = 1 },
          NULL);
    assert_ok(em_baton_cancel(early));
    assert_marks("");
    run_to_the_end();
    assert_marks("early -125 late -125 cancels 0");
    ck_assert_uint_eq(counts_of(em_pool_default()).cancelled, 2);
    em_baton_unref(early);
    em_baton_unref(other);
}

static int next_letter(em_group *group, em_baton_options *next, void *data)
{
    const char **letters = data;

    (void)group;
    if (!**letters)
        return 0;
    next->work = write_letter;
    next->data = (void *)(uintptr_t)(*letters)++;
    return 1;
}

static void note_done(em_group *group, int status, void *data)
{
    (void)group, (void)data;
    mark("done");
    mark_number(status);
}

static const char *order_of_group(uint64_t seed)
{
    const char *letters = "abcdefgh";
    em_group *group = NULL;

    begin(seed);
    assert_ok(em_group_new(loop,
                           EM_OPTIONS(em_group_options, .next = next_letter,
                                      .done = note_done, .data = &letters,
                                      .limit = 3),
                           &group));
    run_to_the_end();
    assert_marks("done 0");
    return take_letters();
}

TEST(a_group_is_fed_and_ends_and_is_the_same_each_time)
{
    char first[16];
    uint64_t seed;
    bool differs = false;

    for (seed = 0; seed < 20; seed++) {
        (void)strcpy(first, order_of_group(seed));
        ck_assert_uint_eq(strlen(first), 8);
        ck_assert_str_eq(order_of_group(seed), first);
        differs |= strcmp(first, "abcdefgh") != 0;
    }
    ck_assert(differs);
}

TEST(waiting_on_the_loops_thread_runs_the_baton)
{
    em_baton *baton = NULL;

    begin(3);
    start((em_baton_options){ .work = succeed, .after = note, .data = "x" },
          &baton);
    assert_error(-ETIMEDOUT, em_baton_wait(baton, 0));
    assert_ok(em_baton_wait(baton, 1));
    assert_ok(em_baton_wait(baton, 0));
    assert_marks(""); /* its after comes in a run */
    run_to_the_end();
    assert_marks("x 0");
    em_baton_unref(baton);
}

static int wait_for_other(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return em_baton_wait(other, UINT64_MAX);
}

TEST(a_work_waits_for_one_of_another_pool_but_not_for_its_own)
{
    em_pool *pool = new_pool(1);
    em_baton *outer = NULL;

    begin(3);
    start((em_baton_options){ .work = wait_for_other,
                              .after = note,
                              .data = "outer",
                              .priority = 1 },
          &outer);
    start((em_baton_options){ .pool = pool, .after = note, .data = "inner" },
          &other);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    ck_assert_str_eq(take_letters(), "i");
    em_baton_unref(other);
    em_baton_unref(outer);
    assert_marks("inner 0 outer 0");
    start((em_baton_options){ .work = wait_for_other,
                              .after = note,
                              .data = "x" },
          &other);
    run_to_the_end();
    assert_marks("x -35");
    em_baton_unref(other);
    em_pool_free(pool);
}

static em_baton *first;

static int wait_for_first(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return em_baton_wait(first, UINT64_MAX);
}

/* What the two tell that wait for each other, of which seed draws one first. */
static const char *told_with(uint64_t seed, em_pool *pool)
{
    begin(seed);
    start((em_baton_options){ .work = wait_for_other,
                              .after = note,
                              .data = "first" },
          &first);
    start((em_baton_options){ .work = wait_for_first,
                              .pool = pool,
                              .after = note,
                              .data = "other" },
          &other);
    run_to_the_end();
    em_baton_unref(first);
    em_baton_unref(other);
    return take_marks();
}

TEST(a_work_that_waits_for_one_further_up_is_told)
{
    em_pool *pool = new_pool(1);
    bool seen[2] = { false };
    const char *told;
    uint64_t seed;

    for (seed = 0; seed < 20; seed++) {
        told = told_with(seed, pool);
        seen[0] |= strcmp(told, "first -35 other 0") == 0;
        seen[1] |= strcmp(told, "other -35 first 0") == 0;
    }
    ck_assert(seen[0] && seen[1]);
    em_pool_free(pool);
}

TEST(a_pool_that_shuts_down_and_a_loop_that_is_freed_give_them_back)
{
    em_pool *pool = new_pool(1);

    begin(3);
    start((em_baton_options){ .pool = pool, .after = note, .data = "a" }, NULL);
    assert_error(0, em_pool_shutdown(pool, UINT64_MAX));
    assert_error(-ESHUTDOWN,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .pool = pool),
                                NULL));
    em_pool_free(pool);
    start((em_baton_options){ .after = note, .data = "b" }, NULL);
    em_loop_free(loop);
    assert_marks("a -108 b -125");
}

TEST(a_full_queue_refuses)
{
    em_pool *pool = NULL;

    assert_ok(
        em_pool_new(EM_OPTIONS(em_pool_options, .queue_limit = 1), &pool));
    begin(3);
    start((em_baton_options){ .pool = pool, .data = "a" }, NULL);
    assert_error(-EAGAIN,
                 em_baton_start(loop,
                                EM_OPTIONS(em_baton_options, .work = succeed,
                                           .pool = pool),
                                NULL));
    run_to_the_end();
    ck_assert_str_eq(take_letters(), "a");
    em_pool_free(pool);
}

static void *submit(void *data)
{
    assert_ok(em_baton_run(loop, write_letter, note, data));
    return NULL;
}

static void submit_elsewhere(em_source *timer, void *data)
{
    pthread_t *thread = data;

    (void)timer;
    ck_assert_int_eq(pthread_create(thread, NULL, submit, "x"), 0);
    ck_assert_int_eq(pthread_join(*thread, NULL), 0);
}

TEST(another_thread_may_submit_and_time_does_not_pass_first)
{
    pthread_t thread;

    begin(3);
    assert_ok(em_loop_add_timer(loop, 1, 0, submit_elsewhere, &thread, NULL));
    assert_ok(em_loop_add_timer(loop, 2, 0, note_time, "timer", NULL));
    run_to_the_end();
    ck_assert_str_eq(take_letters(), "x");
    assert_marks("x 0 timer 2");
}

TEST(a_loop_that_sleeps_is_woken_for_a_baton)
{
    pthread_t thread;

    begin(3);
    em_loop_ref(loop);
    ck_assert_int_eq(pthread_create(&thread, NULL, submit, "x"), 0);
    do
        assert_error(1, em_loop_run(loop, EM_RUN_ONCE));
    while (strcmp(take_marks(), "x 0") != 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(take_letters(), "x");
    em_loop_free(loop);
}

TEST(loops_that_share_a_key_go_one_after_the_other)
{
    static const char key;
    em_loop *one, *two;
    em_baton *behind = NULL;

    begin(1);
    one = loop;
    start((em_baton_options){ .data = "a", .key = &key }, NULL);
    begin(2);
    two = loop;
    start((em_baton_options){ .data = "b", .key = &key }, &behind);
    assert_error(1, em_loop_run(two, EM_RUN_NOWAIT));
    assert_error(-ETIMEDOUT, em_baton_wait(behind, 1));
    assert_error(0, em_loop_run(one, EM_RUN_DEFAULT));
    assert_error(0, em_loop_run(two, EM_RUN_DEFAULT));
    ck_assert_str_eq(take_letters(), "ab");
    em_baton_unref(behind);
    em_loop_free(one);
    em_loop_free(two);
}

static atomic_int afters;

static void count_after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    ck_assert(status == 0 || status == -ECANCELED);
    atomic_fetch_add(&afters, 1);
}

/* How many it was let to; the loop's memory is there as long as the emitter. */
static void *submit_until_it_is_gone(void *data)
{
    int *accepted = data;
    int r;

    while ((r = em_baton_run(loop, succeed, count_after, NULL)) == 0)
        ++*accepted;
    assert_error(-ESHUTDOWN, r);
    return NULL;
}

TEST(a_loop_that_is_freed_while_others_submit_gives_all_of_it_back)
{
    em_emitter *emitter = NULL;
    pthread_t thread;
    int accepted, i;

    for (i = 0; i < 50; i++) {
        begin(3);
        accepted = 0;
        atomic_store(&afters, 0);
        assert_ok(em_emitter_new(loop, &emitter));
        ck_assert_int_eq(
            pthread_create(&thread, NULL, submit_until_it_is_gone, &accepted),
            0);
        (void)em_loop_run(loop, EM_RUN_NOWAIT);
        em_loop_free(loop);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_int_eq(atomic_load(&afters), accepted);
        em_unref(emitter);
    }
}

static int stop_loop(em_baton *baton, void *data)
{
    em_loop_stop(em_baton_loop(baton));
    return write_letter(baton, data);
}

TEST(a_work_that_stops_the_loop_is_the_last_of_the_run)
{
    uint64_t seed;

    for (seed = 0; seed < 20; seed++) {
        begin(seed);
        start(
            (em_baton_options){ .work = stop_loop, .data = "a", .priority = 1 },
            NULL);
        start((em_baton_options){ .data = "b" }, NULL);
        assert_error(1, em_loop_run(loop, EM_RUN_DEFAULT));
        ck_assert_str_eq(take_letters(), "a");
        run_to_the_end();
        ck_assert_str_eq(take_letters(), "b");
    }
}

SUITE("seed", works_run_on_the_loops_own_thread_and_no_other_is_made,
      the_same_seed_gives_the_same_order_and_others_give_every_order,
      a_draw_is_among_the_first_that_wait,
      a_work_may_come_before_or_after_what_follows_another,
      priorities_and_keys_hold_with_every_seed,
      time_passes_only_when_no_baton_waits,
      a_time_limit_does_not_pass_since_nothing_waits_in_that_time,
      progress_comes_in_order_and_no_work_waits_for_its_own_thread,
      cancel_answers_as_ever, a_group_is_fed_and_ends_and_is_the_same_each_time,
      waiting_on_the_loops_thread_runs_the_baton,
      a_work_waits_for_one_of_another_pool_but_not_for_its_own,
      a_work_that_waits_for_one_further_up_is_told,
      a_pool_that_shuts_down_and_a_loop_that_is_freed_give_them_back,
      a_full_queue_refuses,
      another_thread_may_submit_and_time_does_not_pass_first,
      a_loop_that_sleeps_is_woken_for_a_baton,
      loops_that_share_a_key_go_one_after_the_other,
      a_loop_that_is_freed_while_others_submit_gives_all_of_it_back,
      a_work_that_stops_the_loop_is_the_last_of_the_run);
