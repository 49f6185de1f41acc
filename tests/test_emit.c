/* SPDX-License-Identifier: MIT */
/* Tests of emitting to an event's only listener, of which the emitter keeps no
 * more account than it must until somebody looks. */

#include <config.h>

#include <errno.h>
#include <stdio.h>

#include <emitter.h>

#include "testing.h"

static void note(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    mark(data);
}

static void freed(em_emitter *e)
{
    (void)e;
    mark("freed");
}

/* With the event "data" only, or as the youngest of several, and with the name
 * interned, or a text. */
enum { ALONE, AMONG, ALONE_INTERNED, AMONG_INTERNED, WAYS };

static const char *prepare(em_emitter *e, int way)
{
    em_emitter_init(e, NULL, freed);
    if (way == AMONG || way == AMONG_INTERNED) {
        assert_ok(em_on(e, "first", note, "first"));
        assert_ok(em_on(e, "second", note, "second"));
    }
    return way < ALONE_INTERNED ? "data" : em_intern("data");
}

static void finish(const char *event, int way)
{
    if (way >= ALONE_INTERNED)
        em_name_unref(event);
}

static void emits_other(em_emitter *e, void *arg, void *data)
{
    mark(em_event(e));
    note(e, arg, data);
    ck_assert(!em_emit(e, "nobody", NULL));
    if (em_listener_count(e, "other") > 0)
        ck_assert(em_emit(e, "other", NULL));
    mark(em_event(e));
}

TEST(the_only_listener_is_told_the_event)
{
    const char *event;
    em_emitter e;
    int way;

    for (way = 0; way < WAYS; way++) {
        event = prepare(&e, way);
        assert_ok(em_on(&e, event, emits_other, "a"));
        ck_assert(em_emit(&e, event, NULL));
        assert_marks("data a data");
        assert_ok(em_on(&e, "other", emits_other, "b"));
        assert_ok(em_off(&e, "other", emits_other, "b"));
        assert_ok(em_on(&e, "other", note, "c"));
        ck_assert(em_emit(&e, event, NULL));
        assert_marks("data a c data");
        ck_assert_ptr_null(em_event(&e));
        em_unref(&e);
        finish(event, way);
        assert_marks("freed");
    }
}

static void surround(em_emitter *e, void *arg, void *data)
{
    int i, *count = arg;

    note(e, arg, data);
    for (i = 0; i < *count; i++) {
        assert_ok(em_on(e, "data", note, "behind"));
        assert_ok(em_prepend(e, "data", note, "before"));
    }
    *count = 0;
}

TEST(what_the_only_listener_adds_on_either_side_waits)
{
    const char *event;
    em_emitter e;
    int way, count;

    for (way = 0; way < WAYS; way++) {
        event = prepare(&e, way);
        count = 2;
        assert_ok(em_on(&e, event, surround, "it"));
        ck_assert(em_emit(&e, event, &count));
        assert_marks("it");
        ck_assert(em_emit(&e, event, &count));
        assert_marks("before before it behind behind");
        em_unref(&e);
        finish(event, way);
        assert_marks("freed");
    }
}

/* The event is left without listeners under its emit, and must keep its name
 * even so, though other names look for a place. */
static void move_away(em_emitter *e, void *arg, void *data)
{
    static char names[40][8];
    int i;

    (void)arg;
    assert_ok(em_off(e, "data", move_away, data));
    for (i = 0; i < 40; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "e%d", i);
        assert_ok(em_on(e, names[i], note, data));
        assert_ok(em_off(e, names[i], note, data));
    }
    mark(em_event(e));
    ck_assert(!em_emit(e, "data", NULL));
    assert_ok(em_prepend(e, "data", note, "later"));
    mark(em_event(e));
}

TEST(an_event_keeps_its_name_when_its_only_listener_goes_in_its_own_call)
{
    const char *event;
    em_emitter e;
    int way;

    for (way = 0; way < WAYS; way++) {
        event = prepare(&e, way);
        assert_ok(em_on(&e, event, move_away, "it"));
        ck_assert(em_emit(&e, event, NULL));
        assert_marks("data data");
        ck_assert(em_emit(&e, event, NULL));
        assert_marks("later");
        em_unref(&e);
        finish(event, way);
        assert_marks("freed");
    }
}

static void let_go(em_emitter *e, void *arg, void *data)
{
    em_unref(e);
    ck_assert(!em_emit(e, "data", arg));
    assert_error(-ESHUTDOWN, em_on(e, "data", note, data));
    mark(em_event(e));
}

TEST(the_only_listener_may_drop_the_last_reference)
{
    const char *event;
    em_emitter e;
    int way;

    for (way = 0; way < WAYS; way++) {
        event = prepare(&e, way);
        assert_ok(em_on(&e, event, let_go, NULL));
        ck_assert(em_emit(&e, event, NULL));
        finish(event, way);
        assert_marks("data freed");
    }
}

static void again(em_emitter *e, void *arg, void *data)
{
    int *depth = arg;

    mark(data);
    if (--*depth > 0)
        ck_assert(em_emit(e, "data", arg));
    mark(em_event(e));
}

TEST(the_only_listener_may_emit_its_event_again)
{
    const char *event;
    em_emitter e;
    int way, depth;

    for (way = 0; way < WAYS; way++) {
        event = prepare(&e, way);
        depth = 3;
        assert_ok(em_on(&e, event, again, "in"));
        ck_assert(em_emit(&e, event, &depth));
        assert_marks("in in in data data data");
        em_unref(&e);
        finish(event, way);
        assert_marks("freed");
    }
}

/* Few listeners leave their array where it is, many give it back. */
TEST(a_listener_may_be_the_only_one_that_is_left_or_the_first_again)
{
    static const int counts[] = { 2, 5, 40 };
    const char *event;
    em_emitter e;
    int way, c, i;

    for (way = 0; way < WAYS; way++) {
        event = prepare(&e, way);
        for (c = 0; c < 3; c++) {
            for (i = 0; i < counts[c]; i++)
                assert_ok(em_on(&e, event, note, "it"));
            for (i = 1; i < counts[c]; i++)
                assert_ok(em_off(&e, event, note, "it"));
            ck_assert(em_emit(&e, event, NULL));
            assert_ok(em_off(&e, event, note, "it"));
            ck_assert(!em_emit(&e, event, NULL));
            assert_ok(em_prepend(&e, event, note, "new"));
            ck_assert(em_emit(&e, event, NULL));
            assert_ok(em_off(&e, event, note, "new"));
            assert_marks("it new");
        }
        em_unref(&e);
        finish(event, way);
        assert_marks("freed");
    }
}

SUITE("emit", the_only_listener_is_told_the_event,
      what_the_only_listener_adds_on_either_side_waits,
      an_event_keeps_its_name_when_its_only_listener_goes_in_its_own_call,
      the_only_listener_may_drop_the_last_reference,
      the_only_listener_may_emit_its_event_again,
      a_listener_may_be_the_only_one_that_is_left_or_the_first_again);
