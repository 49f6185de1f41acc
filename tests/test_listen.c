/* SPDX-License-Identifier: MIT */
/* Tests of listeners with options: handles, data that is freed, owners. */

#include <config.h>

#include <stdlib.h>

#include <emitter.h>

#include "testing.h"

static void note(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    mark(data);
}

static void note_free(void *data)
{
    mark("free");
    mark(data);
}

static void freed(em_emitter *e)
{
    (void)e;
    mark("freed");
}

static void init(em_emitter *e)
{
    em_emitter_init(e, NULL, freed);
}

static em_listener *listen_with(em_emitter *e, em_listener_fn *fn, void *data)
{
    em_listener *listener = NULL;

    assert_ok(em_listen(e, "data",
                        EM_OPTIONS(em_listen_options, .fn = fn, .data = data,
                                   .free_data = note_free),
                        &listener));
    ck_assert_ptr_nonnull(listener);
    return listener;
}

TEST(a_handle_removes_its_listener_once)
{
    em_listener *first, *second;
    em_emitter e;

    init(&e);
    first = listen_with(&e, note, "x");
    second = listen_with(&e, note, "x");
    ck_assert_ptr_ne(first, second);
    assert_ok(em_on(&e, "data", note, "y"));
    em_listener_remove(first);
    assert_marks("free x");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("x y");
    ck_assert_uint_eq(em_listener_count(&e, "data"), 2);
    em_unref(&e);
    assert_marks("free x freed");
}

TEST(data_is_freed_once_in_every_way_a_listener_can_go)
{
    em_emitter e;

    init(&e);
    (void)listen_with(&e, note, "off");
    assert_ok(em_off(&e, "data", note, "off"));
    assert_marks("free off");
    (void)listen_with(&e, note, "all");
    ck_assert_int_eq(em_off_all(&e, "data"), 1);
    assert_marks("free all");
    (void)listen_with(&e, note, "every");
    ck_assert_int_eq(em_off_all(&e, NULL), 1);
    assert_marks("free every");
    (void)listen_with(&e, note, "data");
    ck_assert_int_eq(em_off_data(&e, "data"), 1);
    assert_marks("free data");
    assert_ok(
        em_listen(&e, "data",
                  EM_OPTIONS(em_listen_options, .fn = note, .data = "once",
                             .once = true, .free_data = note_free),
                  NULL));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("once free once");
    (void)listen_with(&e, note, "end");
    em_unref(&e);
    assert_marks("free end freed");
}

static em_listener *handle;

static void remove_during_call(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    mark("begin");
    em_listener_remove(handle);
    em_listener_remove(handle); /* it is valid until free_data runs */
    ck_assert_uint_eq(em_listener_count(e, "data"), 0);
    mark(data);
    mark("end");
}

TEST(data_is_not_freed_while_its_callback_is_on_the_stack)
{
    em_emitter e;

    init(&e);
    handle = listen_with(&e, remove_during_call, "x");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("begin x end free x");
    em_unref(&e);
    assert_marks("freed");
}

static void nest(em_emitter *e, void *arg, void *data)
{
    int *depth = arg;

    if (--*depth > 0)
        (void)em_emit(e, "data", arg);
    else
        em_listener_remove(handle);
    mark(data);
}

TEST(nor_while_it_is_there_more_than_once)
{
    int depth = 3;
    em_emitter e;

    init(&e);
    handle = listen_with(&e, nest, "x");
    ck_assert(em_emit(&e, "data", &depth));
    assert_marks("x x x free x");
    em_unref(&e);
    assert_marks("freed");
}

static void end_emitter(em_emitter *e, void *arg, void *data)
{
    (void)arg, (void)data;
    em_unref(e);
    mark("out");
}

TEST(data_is_freed_after_the_outermost_emit_when_the_emitter_dies_in_it)
{
    em_emitter e;

    init(&e);
    (void)listen_with(&e, end_emitter, "a");
    (void)listen_with(&e, note, "b");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("out free a free b freed");
}

static void free_and_use_others(void *data)
{
    em_emitter *e = data;

    mark("free");
    em_listener_remove(handle);
    ck_assert(!em_emit(e, "data", NULL));
    assert_error(-ESHUTDOWN, em_on(e, "data", note, ""));
    ck_assert_uint_eq(em_listener_count(e, "data"), 0);
}

TEST(a_free_data_may_use_the_emitter_and_the_handles_of_others)
{
    em_emitter e;

    init(&e);
    assert_ok(em_listen(&e, "data",
                        EM_OPTIONS(em_listen_options, .fn = note, .data = &e,
                                   .free_data = free_and_use_others),
                        NULL));
    handle = listen_with(&e, note, "x");
    em_unref(&e);
    assert_marks("free free x freed");
}

TEST(times_counts_the_calls_that_are_left)
{
    em_emitter e;
    int i;

    init(&e);
    assert_ok(em_listen(&e, "data",
                        EM_OPTIONS(em_listen_options, .fn = note, .data = "x",
                                   .free_data = note_free, .times = 3),
                        NULL));
    for (i = 0; i < 3; i++)
        ck_assert(em_emit(&e, "data", NULL));
    assert_marks("x x x free x");
    ck_assert(!em_emit(&e, "data", NULL));
    em_unref(&e);
    assert_marks("freed");
}

TEST(prepend_and_once_work_as_options_too)
{
    em_emitter e;

    init(&e);
    assert_ok(em_on(&e, "data", note, "on"));
    assert_ok(
        em_listen(&e, "data",
                  EM_OPTIONS(em_listen_options, .fn = note, .data = "front",
                             .prepend = true, .once = true),
                  NULL));
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("front on on");
    em_unref(&e);
    assert_marks("freed");
}

TEST(off_data_removes_from_every_event)
{
    em_emitter e;

    init(&e);
    assert_ok(em_on(&e, "a", note, "x"));
    assert_ok(em_on(&e, "b", note, "x"));
    assert_ok(em_on(&e, "b", note, "y"));
    assert_ok(em_once(&e, "b", note, "x"));
    ck_assert_int_eq(em_off_data(&e, "x"), 3);
    ck_assert_int_eq(em_off_data(&e, "x"), 0);
    ck_assert(!em_emit(&e, "a", NULL));
    ck_assert(em_emit(&e, "b", NULL));
    assert_marks("y");
    em_unref(&e);
    assert_marks("freed");
}

/* --- owners --- */

static void listen_for(em_emitter *e, em_emitter *owner, void *data)
{
    assert_ok(em_listen(e, "data",
                        EM_OPTIONS(em_listen_options, .fn = note, .data = data,
                                   .free_data = note_free, .owner = owner),
                        &handle));
}

TEST(a_listener_goes_with_its_owner)
{
    em_emitter e, owner;

    init(&e);
    em_emitter_init(&owner, NULL, NULL);
    listen_for(&e, &owner, "a");
    listen_for(&e, &owner, "b");
    assert_ok(em_on(&e, "data", note, "c"));
    em_unref(&owner);
    assert_marks("free a free b");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("c");
    em_unref(&e);
    assert_marks("freed");
}

TEST(an_owner_may_outlive_what_it_owns)
{
    em_emitter e, owner;

    em_emitter_init(&owner, NULL, NULL);
    init(&e);
    listen_for(&e, &owner, "a");
    em_listener_remove(handle);
    assert_marks("free a");
    listen_for(&e, &owner, "b");
    em_unref(&e);
    assert_marks("free b freed");
    em_unref(&owner);
}

TEST(an_emitter_may_own_its_own_listeners)
{
    em_emitter e;

    init(&e);
    listen_for(&e, &e, "a");
    em_unref(&e);
    assert_marks("free a freed");
}

static void drop_owner(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    em_unref(data);
}

TEST(an_owner_may_go_while_its_listener_is_announced)
{
    em_emitter e, owner;

    init(&e);
    em_emitter_init(&owner, NULL, NULL);
    assert_ok(em_once(&e, "newListener", drop_owner, &owner));
    listen_for(&e, &owner, "a");
    assert_marks("free a");
    ck_assert(!em_emit(&e, "data", NULL));
    em_unref(&e);
    assert_marks("freed");
}

TEST(an_owner_must_live_and_be_of_the_same_loop)
{
    em_emitter e, owner, dying;
    em_loop *loop, *other;

    assert_ok(em_loop_new(NULL, &loop));
    assert_ok(em_loop_new(NULL, &other));
    em_emitter_init(&e, loop, NULL);
    em_emitter_init(&owner, other, NULL);
    em_emitter_init(&dying, NULL, NULL);
    em_unref(&dying);
    assert_error(-EINVAL, em_listen(&e, "data",
                                    EM_OPTIONS(em_listen_options, .fn = note,
                                               .owner = &owner),
                                    NULL));
    assert_error(-ESHUTDOWN, em_listen(&e, "data",
                                       EM_OPTIONS(em_listen_options, .fn = note,
                                                  .owner = &dying),
                                       NULL));
    em_unref(&owner);
    em_unref(&e);
    em_loop_free(loop);
    em_loop_free(other);
}

/* --- EM_SNAPSHOT --- */

static void remove_data(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    mark("remove");
    ck_assert_int_ge(em_off_data(e, data), 1);
}

TEST(a_snapshot_calls_what_was_removed_and_holds_its_data_that_long)
{
    em_emitter e;

    init(&e);
    assert_ok(em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_ok(em_once(&e, "data", remove_data, "x"));
    assert_ok(em_on(&e, "data", note, "y"));
    (void)listen_with(&e, note, "x");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("remove y x free x");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("y");
    em_unref(&e);
    assert_marks("freed");
}

static void remove_then_emit(em_emitter *e, void *arg, void *data)
{
    assert_ok(em_off(e, "data", remove_then_emit, data));
    remove_data(e, arg, data);
    mark("in");
    (void)em_emit(e, "data", NULL);
    mark("out");
}

static void add_and_use_up(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    assert_error(1, em_off_data(e, data));
    assert_ok(em_listen(e, "data",
                        EM_OPTIONS(em_listen_options, .fn = note, .data = "x",
                                   .free_data = note_free, .once = true),
                        NULL));
    ck_assert(em_emit(e, "data", NULL));
    mark("out");
}

TEST(a_snapshot_frees_what_was_used_up_inside_an_emit_that_nobody_heard)
{
    em_emitter e;

    init(&e);
    assert_ok(em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_ok(em_on(&e, EM_ANY, add_and_use_up, "any"));
    assert_ok(em_on(&e, "data", note, "y"));
    assert_ok(em_off(&e, "data", note, "y"));
    ck_assert(!em_emit(&e, "data", NULL));
    assert_marks("x out free x");
    em_unref(&e);
    assert_marks("freed");
}

TEST(an_emit_that_begins_after_a_removal_does_not_see_it_in_a_snapshot)
{
    em_emitter e;

    init(&e);
    assert_ok(em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_ok(em_on(&e, "data", remove_then_emit, "x"));
    ck_assert_int_eq(em_off_data(&e, "x"), 1);
    assert_ok(em_on(&e, "data", remove_then_emit, "x"));
    (void)listen_with(&e, note, "x");
    assert_ok(em_on(&e, "data", note, "y"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("remove in y out x y free x");
    em_unref(&e);
    assert_marks("freed");
}

static void emit_once_more(em_emitter *e, void *arg, void *data)
{
    (void)data;
    if (arg) {
        mark("in");
        (void)em_emit(e, "data", NULL);
        mark("out");
    }
}

TEST(a_once_used_up_by_an_inner_emit_stays_used_up_in_a_snapshot)
{
    em_emitter e;

    init(&e);
    assert_ok(em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_ok(em_on(&e, "data", emit_once_more, NULL));
    assert_ok(em_once(&e, "data", note, "once"));
    ck_assert(em_emit(&e, "data", &e));
    assert_marks("in once out");
    ck_assert(em_emit(&e, "data", NULL));
    em_unref(&e);
    assert_marks("freed");
}

static void remove_all_of_it(em_emitter *e, void *arg, void *data)
{
    (void)arg, (void)data;
    mark_number(em_off_all(e, "data"));
    assert_ok(em_on(e, "data", note, "new"));
}

TEST(a_snapshot_survives_the_removal_of_everything)
{
    em_emitter e;

    init(&e);
    assert_ok(em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_ok(em_on(&e, "data", remove_all_of_it, NULL));
    (void)listen_with(&e, note, "a");
    (void)listen_with(&e, note, "b");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("3 a b free a free b");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("new");
    em_unref(&e);
    assert_marks("freed");
}

TEST(a_dying_emitter_calls_no_further_listener_of_a_snapshot_either)
{
    em_emitter e;

    init(&e);
    assert_ok(em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_ok(em_on(&e, "data", remove_data, "b"));
    (void)listen_with(&e, end_emitter, "a");
    (void)listen_with(&e, note, "b");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("remove out free b free a freed");
}

TEST(flags_are_for_emitters_without_listeners)
{
    em_emitter e;

    init(&e);
    assert_error(-EINVAL, em_emitter_set_flags(&e, EM_SNAPSHOT | 2));
    assert_error(-EINVAL, em_emitter_set_flags(NULL, 0));
    assert_ok(em_on(&e, "data", note, "x"));
    assert_error(-EBUSY, em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_ok(em_off(&e, "data", note, "x"));
    assert_ok(em_emitter_set_flags(&e, 0));
    em_unref(&e);
    assert_error(-ESHUTDOWN, em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_marks("freed");
}

/* --- size --- */

static void count(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    ++*(long *)data;
}

TEST(a_million_listeners_can_be_removed_by_their_handles)
{
    int many = (int)enough(1000000);
    em_listener **listeners = malloc((size_t)many * sizeof(em_listener *));
    long calls = 0;
    em_emitter e;
    int i;

    ck_assert_ptr_nonnull(listeners);
    em_emitter_init(&e, NULL, NULL);
    em_set_max_listeners(&e, 0);
    for (i = 0; i < many; i++)
        assert_ok(em_listen(&e, "data",
                            EM_OPTIONS(em_listen_options, .fn = count,
                                       .data = &calls, .prepend = i % 3 == 0),
                            &listeners[i]));
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert_int_eq(calls, many);
    for (i = 1; i < many; i += 2)
        em_listener_remove(listeners[i]);
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert_int_eq(calls, many + many / 2);
    for (i = 0; i < many; i += 2)
        em_listener_remove(listeners[i]);
    ck_assert(!em_emit(&e, "data", NULL));
    em_unref(&e);
    free(listeners);
}

/* --- bad input and no memory --- */

TEST(nonsense_is_refused)
{
    em_listener *untouched = (em_listener *)&handle;
    unsigned char future[sizeof(em_listen_options) + 8] = { 0 };
    const em_listen_options unsized = { .fn = note };
    em_listen_options *large = (em_listen_options *)(void *)future;
    em_emitter e;

    init(&e);
    handle = untouched;
    assert_error(-EINVAL, em_listen(&e, "x", NULL, &handle));
    assert_error(
        -EINVAL,
        em_listen(&e, "x", EM_OPTIONS(em_listen_options, .fn = NULL), &handle));
    assert_error(-EINVAL,
                 em_listen(NULL, "x", EM_OPTIONS(em_listen_options, .fn = note),
                           &handle));
    assert_error(-EINVAL,
                 em_listen(&e, NULL, EM_OPTIONS(em_listen_options, .fn = note),
                           &handle));
    assert_error(-EINVAL, em_listen(&e, "x",
                                    EM_OPTIONS(em_listen_options, .fn = note,
                                               .once = true, .times = 2),
                                    &handle));
    assert_error(-EINVAL, em_listen(&e, "x", &unsized, &handle));
    *large = (em_listen_options){ .size = sizeof(future), .fn = note };
    assert_ok(em_listen(&e, "x", large, NULL));
    future[sizeof(future) - 1] = 1;
    assert_error(-E2BIG, em_listen(&e, "x", large, &handle));
    ck_assert_ptr_eq(handle, untouched);
    em_listener_remove(NULL);
    assert_error(-EINVAL, em_off_all(NULL, "x"));
    assert_error(-EINVAL, em_off_data(NULL, NULL));
    ck_assert_int_eq(em_off_all(&e, "y"), 0);
    em_unref(&e);
    assert_error(
        -ESHUTDOWN,
        em_listen(&e, "x", EM_OPTIONS(em_listen_options, .fn = note), &handle));
    assert_marks("freed");
}

static int listen_with_everything(em_emitter *e, em_emitter *owner)
{
    return em_listen(e, "data",
                     EM_OPTIONS(em_listen_options, .fn = note, .data = "x",
                                .free_data = note_free, .owner = owner),
                     NULL);
}

TEST(without_memory_nothing_was_taken)
{
    em_emitter e, owner;
    unsigned long nth;
    int r;

    for (nth = 1;; nth++) {
        em_emitter_init(&e, NULL, NULL);
        em_emitter_init(&owner, NULL, NULL);
        fail_allocation(nth);
        r = listen_with_everything(&e, &owner);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(!em_emit(&e, "data", NULL));
        em_unref(&e);
        em_unref(&owner);
        assert_marks("");
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 4);
    em_unref(&owner);
    assert_marks("free x");
    em_unref(&e);
}

TEST(a_snapshot_that_finds_no_memory_stays_as_it_was)
{
    em_emitter e;
    unsigned long nth;
    int r;

    em_emitter_init(&e, NULL, NULL);
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_emitter_set_flags(&e, EM_SNAPSHOT);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
    }
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_once(&e, "data", note, "x");
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(!em_emit(&e, "data", NULL));
    }
    assert_ok(r);
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("x");
    em_unref(&e);
}

SUITE("listen", a_handle_removes_its_listener_once,
      data_is_freed_once_in_every_way_a_listener_can_go,
      data_is_not_freed_while_its_callback_is_on_the_stack,
      nor_while_it_is_there_more_than_once,
      data_is_freed_after_the_outermost_emit_when_the_emitter_dies_in_it,
      a_free_data_may_use_the_emitter_and_the_handles_of_others,
      times_counts_the_calls_that_are_left,
      prepend_and_once_work_as_options_too, off_data_removes_from_every_event,
      a_listener_goes_with_its_owner, an_owner_may_outlive_what_it_owns,
      an_emitter_may_own_its_own_listeners,
      an_owner_may_go_while_its_listener_is_announced,
      an_owner_must_live_and_be_of_the_same_loop,
      a_snapshot_calls_what_was_removed_and_holds_its_data_that_long,
      a_snapshot_frees_what_was_used_up_inside_an_emit_that_nobody_heard,
      an_emit_that_begins_after_a_removal_does_not_see_it_in_a_snapshot,
      a_once_used_up_by_an_inner_emit_stays_used_up_in_a_snapshot,
      a_snapshot_survives_the_removal_of_everything,
      a_dying_emitter_calls_no_further_listener_of_a_snapshot_either,
      flags_are_for_emitters_without_listeners,
      a_million_listeners_can_be_removed_by_their_handles, nonsense_is_refused,
      without_memory_nothing_was_taken,
      a_snapshot_that_finds_no_memory_stays_as_it_was);
