/* SPDX-License-Identifier: MIT */
/* Tests of the emitter: its life, and listeners without options. */

#include <config.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <emitter.h>

#include "testing.h"

static void note(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    mark(data);
}

static void other(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg, (void)data;
    mark("other");
}

static void ignore(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg, (void)data;
}

static void freed(em_emitter *e)
{
    (void)e;
    mark("freed");
}

TEST(listeners_run_in_the_order_they_were_added)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", note, "first"));
    assert_ok(em_once(&e, "data", note, "once"));
    assert_ok(em_prepend(&e, "data", note, "front"));
    assert_ok(em_prepend_once(&e, "data", note, "frontmost"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("frontmost front first once");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("front first");
    em_unref(&e);
}

static void note_arg(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)data;
    mark(arg);
}

TEST(emit_tells_whether_the_event_had_listeners_and_passes_the_argument)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    ck_assert(!em_emit(&e, "data", "lost"));
    assert_ok(em_on(&e, "data", note_arg, NULL));
    ck_assert(em_emit(&e, "data", "found"));
    ck_assert(!em_emit(&e, "Data", "lost"));
    assert_marks("found");
    assert_ok(em_off(&e, "data", note_arg, NULL));
    ck_assert(!em_emit(&e, "data", "lost"));
    em_unref(&e);
}

TEST(off_takes_the_newest_of_equal_listeners)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", note, "a"));
    assert_ok(em_on(&e, "data", other, "a"));
    assert_ok(em_on(&e, "data", note, "a"));
    assert_ok(em_on(&e, "data", note, "b"));
    assert_ok(em_off(&e, "data", note, "a"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("a other b");
    assert_ok(em_off(&e, "data", note, "a"));
    assert_error(-ENOENT, em_off(&e, "data", note, "a"));
    assert_error(-ENOENT, em_off(&e, "data", other, "b"));
    assert_error(-ENOENT, em_off(&e, "none", other, "b"));
    em_unref(&e);
}

TEST(names_are_copied_and_any_string_is_one)
{
    static const char *const names[] = { "", " ", "__proto__", "\xff\x01\n",
                                         "constructor" };
    char buffer[16] = "before";
    size_t i;
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    for (i = 0; i < 5; i++)
        assert_ok(em_on(&e, names[i], note, "hit"));
    for (i = 0; i < 5; i++)
        ck_assert(em_emit(&e, names[i], NULL));
    assert_marks("hit hit hit hit hit");
    assert_ok(em_on(&e, buffer, note, "buffer"));
    ck_assert(em_emit(&e, buffer, NULL));
    strcpy(buffer, "after");
    ck_assert(!em_emit(&e, buffer, NULL));
    ck_assert(em_emit(&e, "before", NULL));
    assert_marks("buffer buffer");
    em_unref(&e);
}

static void add_and_remove(em_emitter *e, void *arg, void *data)
{
    note(e, arg, "change");
    assert_ok(em_off(e, "data", note, data));
    assert_ok(em_on(e, "data", note, "appended"));
    assert_ok(em_prepend(e, "data", note, "prepended"));
}

TEST(what_is_removed_in_an_emit_is_not_called_and_what_is_added_waits)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_once(&e, "data", add_and_remove, "gone"));
    assert_ok(em_on(&e, "data", note, "gone"));
    assert_ok(em_on(&e, "data", note, "stays"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("change stays");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("prepended stays appended");
    em_unref(&e);
}

static void remove_self(em_emitter *e, void *arg, void *data)
{
    note(e, arg, data);
    assert_ok(em_off(e, "data", remove_self, data));
    assert_ok(em_on(e, "data", note, "new"));
}

TEST(a_listener_added_in_the_place_of_a_removed_one_waits_too)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", remove_self, "self"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("self");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("new");
    em_unref(&e);
}

static void emit_again(em_emitter *e, void *arg, void *data)
{
    int *depth = data;

    (void)arg;
    if (*depth == 0)
        return;
    --*depth;
    mark("in");
    ck_assert(em_emit(e, "data", NULL));
    mark("out");
}

TEST(a_once_used_up_by_an_inner_emit_is_not_called_by_the_outer_one)
{
    em_emitter e;
    int depth = 1;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", emit_again, &depth));
    assert_ok(em_once(&e, "data", note, "once"));
    assert_ok(em_on(&e, "data", note, "on"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("in once on out on");
    em_unref(&e);
}

static void once_emits(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    mark(data);
    ck_assert(!em_emit(e, "data", NULL));
}

TEST(a_once_is_off_when_it_is_called)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_once(&e, "data", once_emits, "once"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("once");
    em_unref(&e);
}

static void churn(em_emitter *e, void *arg, void *data)
{
    int i;

    (void)arg, (void)data;
    mark("churn");
    for (i = 0; i < 1000; i++) {
        assert_ok(em_on(e, "data", ignore, NULL));
        assert_ok(em_prepend(e, "data", ignore, e));
    }
    for (i = 0; i < 1000; i++) {
        assert_ok(em_off(e, "data", ignore, NULL));
        assert_ok(em_off(e, "data", ignore, e));
    }
}

TEST(an_emit_keeps_its_place_while_the_array_grows_and_shrinks)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", note, "a"));
    assert_ok(em_on(&e, "data", churn, NULL));
    assert_ok(em_on(&e, "data", note, "b"));
    assert_ok(em_on(&e, "data", churn, NULL));
    assert_ok(em_on(&e, "data", note, "c"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("a churn b churn c");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("a churn b churn c");
    em_unref(&e);
}

/* The array against the plainest model: one that is copied at each emit. */
enum { MOST = 60 };

struct model {
    int listeners[MOST];
    int count;
    bool called[4000];
    int next;
};

static struct model model;

static void called(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    mark_number((long)((bool *)data - model.called));
}

static void model_change(em_emitter *e)
{
    bool front = rand() % 3 == 0;
    int at;

    if (model.count < MOST && rand() % 2) {
        assert_ok(front
                      ? em_prepend(e, "data", called, &model.called[model.next])
                      : em_on(e, "data", called, &model.called[model.next]));
        at = front ? 0 : model.count;
        memmove(&model.listeners[at + 1], &model.listeners[at],
                (size_t)(model.count - at) * sizeof(int));
        model.listeners[at] = model.next++;
        model.count++;
    } else if (model.count > 0) {
        at = rand() % model.count;
        assert_ok(
            em_off(e, "data", called, &model.called[model.listeners[at]]));
        model.count--;
        memmove(&model.listeners[at], &model.listeners[at + 1],
                (size_t)(model.count - at) * sizeof(int));
    }
}

TEST(the_listeners_agree_with_a_model_over_random_changes)
{
    char story[4096];
    em_emitter e;
    int i, step;
    size_t used;

    srand(7);
    memset(&model, 0, sizeof(model));
    em_emitter_init(&e, NULL, NULL);
    for (step = 0; step < 6000; step++) {
        model_change(&e);
        if (step % 5 != 0)
            continue;
        ck_assert(em_emit(&e, "data", NULL) == (model.count > 0));
        used = 0;
        story[0] = '\0';
        for (i = 0; i < model.count; i++)
            used += (size_t)snprintf(story + used, sizeof(story) - used, "%s%d",
                                     i ? " " : "", model.listeners[i]);
        assert_marks(story);
    }
    em_unref(&e);
}

TEST(an_emitter_has_room_for_many_events)
{
    enum { NAMES = 1000 };
    static bool hit[NAMES];
    char name[32];
    em_emitter e;
    int i;

    em_emitter_init(&e, NULL, NULL);
    for (i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof(name), "event-%d", i);
        assert_ok(em_on(&e, name, ignore, &hit[i]));
    }
    for (i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof(name), "event-%d", i);
        ck_assert(em_emit(&e, name, NULL));
        assert_ok(em_off(&e, name, ignore, &hit[i]));
        ck_assert(!em_emit(&e, name, NULL));
    }
    em_unref(&e);
}

/* --- life --- */

static void let_go(em_emitter *e, void *arg, void *data)
{
    note(e, arg, data);
    em_unref(e);
    ck_assert(!em_emit(e, "data", NULL));
    assert_error(-ESHUTDOWN, em_on(e, "data", note, ""));
    ck_assert(!em_emit_error(e, -EIO, "too late"));
}

TEST(the_last_reference_may_go_in_a_listener)
{
    em_emitter e;

    em_emitter_init(&e, NULL, freed);
    assert_ok(em_on(&e, "data", let_go, "let_go"));
    assert_ok(em_on(&e, "data", note, "never"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("let_go freed");
}

static void dive(em_emitter *e, void *arg, void *data)
{
    int *depth = arg;

    (void)data;
    mark("dive");
    if (--*depth > 0)
        ck_assert(em_emit(e, "data", arg));
    else
        em_unref(e);
    mark("up");
}

TEST(an_emitter_destroyed_at_depth_three_goes_when_the_outermost_is_back)
{
    em_emitter e;
    int depth = 3;

    em_emitter_init(&e, NULL, freed);
    assert_ok(em_on(&e, "data", dive, NULL));
    assert_ok(em_on(&e, "data", note, "never"));
    ck_assert(em_emit(&e, "data", &depth));
    assert_marks("dive dive dive up up up freed");
}

TEST(an_emitter_lives_as_long_as_its_references)
{
    em_emitter *e;

    assert_ok(em_emitter_new(NULL, &e));
    ck_assert_ptr_eq(em_ref(e), e);
    assert_ok(em_on(e, "data", note, "called"));
    em_unref(e);
    ck_assert(em_emit(e, "data", NULL));
    assert_marks("called");
    em_unref(e);
}

struct dummy {
    int before;
    em_emitter emitter;
};

static void free_dummy(em_emitter *e)
{
    struct dummy *dummy =
        (struct dummy *)(void *)((char *)e - offsetof(struct dummy, emitter));

    mark_number(dummy->before);
    free(dummy);
}

TEST(an_embedded_emitter_frees_what_is_around_it)
{
    struct dummy *dummy = malloc(sizeof(*dummy));

    ck_assert_ptr_nonnull(dummy);
    dummy->before = 42;
    em_emitter_init(&dummy->emitter, NULL, free_dummy);
    assert_ok(em_on(&dummy->emitter, "data", note, ""));
    em_unref(&dummy->emitter);
    assert_marks("42");
}

static void emit_in_destructor(em_emitter *e)
{
    ck_assert(!em_emit(e, "data", NULL));
    ck_assert(!em_emit(e, "error", NULL));
    assert_error(-ESHUTDOWN, em_on(e, "data", note, ""));
    assert_error(-ENOENT, em_off(e, "data", note, "never"));
    em_ref(e);
    em_unref(e);
    em_unref(e);
    mark("freed");
}

TEST(a_destructor_finds_the_emitter_inert)
{
    em_emitter e;

    em_emitter_init(&e, NULL, emit_in_destructor);
    assert_ok(em_on(&e, "data", note, "never"));
    em_unref(&e);
    assert_marks("freed");
}

static void recurse(em_emitter *e, void *arg, void *data)
{
    long *depth = arg;

    (void)data;
    if (++*depth == 10000)
        return;
    assert_ok(em_on(e, "data", ignore, NULL));
    ck_assert(em_emit(e, "data", arg));
    assert_ok(em_off(e, "data", ignore, NULL));
}

TEST(emits_may_nest_ten_thousand_deep)
{
    em_emitter e;
    long depth = 0;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", recurse, NULL));
    ck_assert(em_emit(&e, "data", &depth));
    ck_assert_int_eq(depth, 10000);
    em_unref(&e);
}

static void add_more(em_emitter *e, void *arg, void *data)
{
    long *left = data;

    (void)arg;
    if (*left > 0) {
        --*left;
        assert_ok(em_on(e, "data", add_more, data));
    }
}

TEST(a_listener_that_keeps_adding_listeners_does_not_keep_its_emit_going)
{
    em_emitter e;
    long left = 1000;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", add_more, &left));
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert_int_eq(left, 999);
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert_int_eq(left, 997);
    em_unref(&e);
}

/* --- across threads --- */

static void *unref_there(void *data)
{
    em_unref(data);
    return NULL;
}

TEST(the_last_reference_dropped_elsewhere_is_reaped_by_the_loop)
{
    em_loop *loop;
    em_emitter e;
    pthread_t thread;

    assert_ok(em_loop_new(NULL, &loop));
    em_emitter_init(&e, loop, freed);
    ck_assert_ptr_eq(em_emitter_loop(&e), loop);
    assert_ok(em_on(&e, "data", note, "never"));
    ck_assert_int_eq(pthread_create(&thread, NULL, unref_there, &e), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(!em_emit(&e, "data", NULL));
    assert_error(-ESHUTDOWN, em_on(&e, "data", note, ""));
    assert_marks("");
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    assert_marks("freed");
    em_loop_free(loop);
}

static void unref_elsewhere(em_emitter *e, void *arg, void *data)
{
    pthread_t thread;

    (void)arg, (void)data;
    ck_assert_int_eq(pthread_create(&thread, NULL, unref_there, e), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

TEST(a_foreign_unref_ends_the_emits_under_way)
{
    em_loop *loop;
    em_emitter e;

    assert_ok(em_loop_new(NULL, &loop));
    em_emitter_init(&e, loop, freed);
    assert_ok(em_on(&e, "data", unref_elsewhere, NULL));
    assert_ok(em_on(&e, "data", note, "never"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("");
    em_loop_free(loop);
    assert_marks("freed");
}

TEST(a_foreign_unref_may_come_at_any_moment_of_an_emit)
{
    em_loop *loop;
    em_emitter *e;
    pthread_t thread;
    int round;

    assert_ok(em_loop_new(NULL, &loop));
    for (round = 0; round < 50; round++) {
        assert_ok(em_emitter_new(loop, &e));
        assert_ok(em_on(e, "data", ignore, NULL));
        ck_assert_int_eq(pthread_create(&thread, NULL, unref_there, e), 0);
        while (em_emit(e, "data", NULL))
            ;
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
    }
    em_loop_free(loop);
}

TEST(an_emitter_may_outlive_its_loop)
{
    em_loop *loop;
    em_emitter *e;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_emitter_new(loop, &e));
    em_loop_free(loop);
    assert_ok(em_on(e, "data", note, "called"));
    ck_assert(em_emit(e, "data", NULL));
    assert_marks("called");
    em_unref(e);
}

/* --- errors --- */

static void note_error(em_emitter *e, void *arg, void *data)
{
    const em_error *error = arg;

    (void)e, (void)data;
    mark(error->message);
    mark_number(error->code);
    ck_assert_ptr_null(error->origin);
}

TEST(an_error_event_carries_code_and_message)
{
    char expected[512 + 8];
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "error", note_error, NULL));
    ck_assert(em_emit_error(&e, -EIO, "disk %d failed", 3));
    assert_marks("disk 3 failed -5");
    ck_assert(em_emit_error(&e, 7, "%0600d", 0));
    memset(expected, '0', 511);
    strcpy(expected + 511, " 7");
    assert_marks(expected);
    em_unref(&e);
}

static void emit_unheard_error(void)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    (void)em_emit_error(&e, -EIO, "disk %d failed", 3);
}

static void emit_error_without_argument(void)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    (void)em_on(&e, "data", ignore, NULL);
    (void)em_emit(&e, "error", NULL);
}

static void emit_error_after_its_listener_went(void)
{
    const em_error error = { 3, "late", "there" };
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    (void)em_once(&e, "error", ignore, NULL);
    (void)em_emit(&e, "error", NULL);
    (void)em_emit(&e, "error", (void *)(uintptr_t)&error);
}

TEST(an_error_that_nobody_listens_to_ends_the_program)
{
    if (emulated()) /* qemu-user has a line of its own for an abort */
        return;
    ck_assert_str_eq(stderr_of_abort(emit_unheard_error),
                     "emitter: unhandled 'error' event: disk 3 failed (-5)\n");
    ck_assert_str_eq(stderr_of_abort(emit_error_without_argument),
                     "emitter: unhandled 'error' event: unspecified error "
                     "(0)\n");
    ck_assert_str_eq(stderr_of_abort(emit_error_after_its_listener_went),
                     "emitter: unhandled 'error' event: late (3) from "
                     "there\n");
}

/* --- bad input and no memory --- */

TEST(nonsense_is_refused)
{
    em_emitter e;

    em_emitter_init(NULL, NULL, NULL);
    em_emitter_init(&e, NULL, NULL);
    assert_error(-EINVAL, em_emitter_new(NULL, NULL));
    assert_error(-EINVAL, em_on(NULL, "x", ignore, NULL));
    assert_error(-EINVAL, em_on(&e, NULL, ignore, NULL));
    assert_error(-EINVAL, em_on(&e, "x", NULL, NULL));
    assert_error(-EINVAL, em_once(&e, NULL, ignore, NULL));
    assert_error(-EINVAL, em_prepend(&e, NULL, ignore, NULL));
    assert_error(-EINVAL, em_prepend_once(&e, NULL, ignore, NULL));
    assert_error(-EINVAL, em_off(NULL, "x", ignore, NULL));
    assert_error(-EINVAL, em_off(&e, NULL, ignore, NULL));
    assert_error(-EINVAL, em_off(&e, "x", NULL, NULL));
    ck_assert(!em_emit(NULL, "x", NULL));
    ck_assert(!em_emit(&e, NULL, NULL));
    ck_assert(!em_emit_error(NULL, 0, "x"));
    ck_assert(!em_emit_error(&e, 0, NULL));
    ck_assert_ptr_null(em_ref(NULL));
    ck_assert_ptr_null(em_emitter_loop(NULL));
    em_unref(NULL);
    em_unref(&e);
}

TEST(without_memory_nothing_changes)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g" };
    char marks[8];
    em_emitter *e;
    unsigned long nth;
    size_t i;
    int r;

    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_emitter_new(NULL, &e);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
    }
    for (i = 0; i < 7; i++) {
        for (nth = 1;; nth++) {
            fail_allocation(nth);
            r = em_on(e, names[i], note, (void *)(uintptr_t)names[i]);
            if (!allocation_failed())
                break;
            assert_error(-ENOMEM, r);
            ck_assert(!em_emit(e, names[i], NULL));
            if (i > 0) {
                ck_assert(em_emit(e, "a", NULL));
                assert_marks("a");
            }
        }
        assert_ok(r);
        ck_assert(em_emit(e, names[i], NULL));
        (void)snprintf(marks, sizeof(marks), "%s", names[i]);
        assert_marks(marks);
    }
    em_unref(e);
}

TEST(a_growing_array_that_finds_no_memory_stays_as_it_was)
{
    em_emitter e;
    int i, failures = 0, r;

    em_emitter_init(&e, NULL, NULL);
    for (i = 0; i < 40; i++) {
        fail_allocation(1);
        r = i % 2 ? em_on(&e, "data", note, "x")
                  : em_prepend(&e, "data", note, "x");
        if (allocation_failed()) {
            assert_error(-ENOMEM, r);
            failures++;
            i--;
            assert_ok(em_on(&e, "data", note, "x"));
            i++;
        }
    }
    ck_assert_int_gt(failures, 2);
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert_uint_eq(strlen(take_marks()), 79);
    em_unref(&e);
}

TEST(emitting_and_removing_allocate_nothing)
{
    em_emitter e;
    size_t before;
    int i;

    em_emitter_init(&e, NULL, NULL);
    for (i = 0; i < 100; i++) {
        assert_ok(em_on(&e, "data", ignore, &i));
        assert_ok(em_once(&e, "other", ignore, &i));
    }
    before = allocations_made();
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert(em_emit(&e, "other", NULL));
    for (i = 0; i < 100; i++)
        assert_ok(em_off(&e, "data", ignore, &i));
    em_unref(&e);
    ck_assert_uint_eq(allocations_made(), before);
}

SUITE("emitter", listeners_run_in_the_order_they_were_added,
      emit_tells_whether_the_event_had_listeners_and_passes_the_argument,
      off_takes_the_newest_of_equal_listeners,
      names_are_copied_and_any_string_is_one,
      what_is_removed_in_an_emit_is_not_called_and_what_is_added_waits,
      a_listener_added_in_the_place_of_a_removed_one_waits_too,
      a_once_used_up_by_an_inner_emit_is_not_called_by_the_outer_one,
      a_once_is_off_when_it_is_called,
      an_emit_keeps_its_place_while_the_array_grows_and_shrinks,
      the_listeners_agree_with_a_model_over_random_changes,
      an_emitter_has_room_for_many_events,
      the_last_reference_may_go_in_a_listener,
      an_emitter_destroyed_at_depth_three_goes_when_the_outermost_is_back,
      an_emitter_lives_as_long_as_its_references,
      an_embedded_emitter_frees_what_is_around_it,
      a_destructor_finds_the_emitter_inert, emits_may_nest_ten_thousand_deep,
      a_listener_that_keeps_adding_listeners_does_not_keep_its_emit_going,
      the_last_reference_dropped_elsewhere_is_reaped_by_the_loop,
      a_foreign_unref_ends_the_emits_under_way,
      a_foreign_unref_may_come_at_any_moment_of_an_emit,
      an_emitter_may_outlive_its_loop, an_error_event_carries_code_and_message,
      an_error_that_nobody_listens_to_ends_the_program, nonsense_is_refused,
      without_memory_nothing_changes,
      a_growing_array_that_finds_no_memory_stays_as_it_was,
      emitting_and_removing_allocate_nothing);
