/* SPDX-License-Identifier: MIT */
/* Tests of what can be asked of an emitter. */

#include <config.h>

#include <string.h>

#include <emitter.h>

#include "testing.h"

static void note(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    mark(data);
}

static int note_name(em_emitter *e, const em_listener_info *info, void *data)
{
    (void)e;
    mark(info->event);
    return data && strcmp(info->event, data) == 0 ? 7 : 0;
}

TEST(names_come_in_the_order_of_their_first_listeners)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_event_names(&e, note_name, NULL));
    assert_ok(em_on(&e, "a", note, ""));
    assert_ok(em_event_names(&e, note_name, NULL));
    assert_marks("a");
    assert_ok(em_on(&e, "b", note, ""));
    assert_ok(em_on(&e, EM_ERROR_MONITOR, note, ""));
    assert_ok(em_on(&e, "c", note, ""));
    assert_ok(em_on(&e, "a", note, ""));
    assert_ok(em_off(&e, "b", note, ""));
    assert_ok(em_event_names(&e, note_name, NULL));
    assert_marks("a errorMonitor\0011 c");
    assert_ok(em_on(&e, "b", note, ""));
    ck_assert_int_eq(em_event_names(&e, note_name, "c"), 7);
    assert_marks("a errorMonitor\0011 c");
    assert_ok(em_event_names(&e, note_name, NULL));
    assert_marks("a errorMonitor\0011 c b");
    em_unref(&e);
}

static int add_names(em_emitter *e, const em_listener_info *info, void *data)
{
    char name[] = "0";

    (void)data;
    mark(info->event);
    for (; name[0] < '9'; name[0]++) {
        assert_ok(em_on(e, name, note, "x"));
        assert_ok(em_off(e, name, note, "x"));
    }
    return 0;
}

TEST(a_walk_over_the_names_keeps_its_place_while_others_come_and_go)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "gone", note, ""));
    assert_ok(em_on(&e, "a", note, ""));
    assert_ok(em_on(&e, "b", note, ""));
    assert_ok(em_on(&e, "c", note, ""));
    assert_ok(em_off(&e, "gone", note, ""));
    assert_ok(em_event_names(&e, add_names, NULL));
    assert_marks("a b c");
    em_unref(&e);
}

static int note_info(em_emitter *e, const em_listener_info *info, void *data)
{
    (void)e, (void)data;
    ck_assert_str_eq(info->event, "data");
    ck_assert(info->fn == note);
    ck_assert_ptr_nonnull(info->listener);
    mark(info->data);
    if (info->once)
        mark("once");
    return strcmp(info->data, "stop") == 0 ? -3 : 0;
}

TEST(listeners_are_shown_in_call_order)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_each_listener(&e, "data", note_info, NULL));
    assert_ok(em_on(&e, "data", note, "a"));
    assert_ok(em_once(&e, "data", note, "b"));
    assert_ok(em_prepend(&e, "data", note, "c"));
    assert_ok(em_each_listener(&e, "data", note_info, NULL));
    assert_marks("c a b once");
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("c a b c a");
    assert_ok(em_on(&e, "data", note, "stop"));
    assert_ok(em_on(&e, "data", note, "never"));
    ck_assert_int_eq(em_each_listener(&e, "data", note_info, NULL), -3);
    assert_marks("c a stop");
    em_unref(&e);
}

static int remove_it(em_emitter *e, const em_listener_info *info, void *data)
{
    (void)e, (void)data;
    mark(info->data);
    em_listener_remove(info->listener);
    return 0;
}

static int remove_others(em_emitter *e, const em_listener_info *info,
                         void *data)
{
    (void)data;
    mark(info->data);
    (void)em_off_data(e, "b");
    assert_ok(em_on(e, "data", note, "new"));
    return 0;
}

TEST(listeners_may_be_removed_while_they_are_shown)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", note, "a"));
    assert_ok(em_on(&e, "data", note, "b"));
    assert_ok(em_on(&e, "data", note, "c"));
    assert_ok(em_each_listener(&e, "data", remove_others, NULL));
    assert_marks("a c");
    assert_ok(em_each_listener(&e, "data", remove_it, NULL));
    assert_marks("a c new new");
    ck_assert_uint_eq(em_listener_count(&e, "data"), 0);
    em_unref(&e);
}

static int end_emitter(em_emitter *e, const em_listener_info *info, void *data)
{
    (void)data;
    mark(info->event);
    em_unref(e);
    return 0;
}

static void freed(em_emitter *e)
{
    (void)e;
    mark("freed");
}

TEST(an_emitter_may_end_while_it_is_looked_at)
{
    em_emitter e;

    em_emitter_init(&e, NULL, freed);
    assert_ok(em_on(&e, "data", note, "a"));
    assert_ok(em_on(&e, "data", note, "b"));
    assert_ok(em_each_listener(&e, "data", end_emitter, NULL));
    assert_marks("data freed");
    em_emitter_init(&e, NULL, freed);
    assert_ok(em_on(&e, "data", note, "a"));
    assert_ok(em_on(&e, "more", note, "a"));
    assert_ok(em_event_names(&e, end_emitter, NULL));
    assert_marks("data freed");
}

static void note_event(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    mark(em_event(e));
    if (data)
        (void)em_emit(e, data, NULL);
    mark(em_event(e));
}

TEST(the_event_is_that_of_the_innermost_emit)
{
    char name[] = "outer";
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    ck_assert_ptr_null(em_event(&e));
    assert_ok(em_on(&e, "outer", note_event, "inner"));
    assert_ok(em_on(&e, "inner", note_event, NULL));
    ck_assert(em_emit(&e, name, NULL));
    assert_marks("outer inner inner outer");
    ck_assert_ptr_null(em_event(&e));
    ck_assert_ptr_null(em_event(NULL));
    em_unref(&e);
}

TEST(nonsense_is_refused)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_error(-EINVAL, em_event_names(NULL, note_name, NULL));
    assert_error(-EINVAL, em_event_names(&e, NULL, NULL));
    assert_error(-EINVAL, em_each_listener(NULL, "x", note_name, NULL));
    assert_error(-EINVAL, em_each_listener(&e, NULL, note_name, NULL));
    assert_error(-EINVAL, em_each_listener(&e, "x", NULL, NULL));
    ck_assert_uint_eq(em_listener_count(NULL, "x"), 0);
    ck_assert_uint_eq(em_listener_count(&e, NULL), 0);
    em_unref(&e);
}

TEST(without_memory_for_handles_no_listener_is_shown)
{
    unsigned long nth;
    em_emitter e;
    int r;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", note, "a"));
    assert_ok(em_once(&e, "data", note, "b"));
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_each_listener(&e, "data", note_info, NULL);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        assert_marks("");
    }
    assert_marks("a b once");
    ck_assert(em_emit(&e, "data", NULL));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("a b a");
    em_unref(&e);
}

SUITE("query", names_come_in_the_order_of_their_first_listeners,
      a_walk_over_the_names_keeps_its_place_while_others_come_and_go,
      listeners_are_shown_in_call_order,
      listeners_may_be_removed_while_they_are_shown,
      an_emitter_may_end_while_it_is_looked_at,
      the_event_is_that_of_the_innermost_emit, nonsense_is_refused,
      without_memory_for_handles_no_listener_is_shown);
