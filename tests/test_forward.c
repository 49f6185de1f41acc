/* SPDX-License-Identifier: MIT */
/* Tests of forwarding. */

#include <config.h>

#include <emitter.h>

#include "testing.h"

static void note(em_emitter *e, void *arg, void *data)
{
    mark(data);
    mark(em_event(e));
    if (arg)
        mark(arg);
}

static em_emitter a, b, c;

static void set_up(void)
{
    em_emitter_init(&a, NULL, NULL);
    em_emitter_init(&b, NULL, NULL);
    em_emitter_init(&c, NULL, NULL);
}

static void tear_down(void)
{
    em_unref(&a);
    em_unref(&b);
    em_unref(&c);
}

TEST(what_one_emits_the_other_emits_too)
{
    set_up();
    assert_ok(em_on(&b, "data", note, "b"));
    assert_ok(em_forward(&a, "data", &b));
    ck_assert_uint_eq(em_listener_count(&a, "data"), 1);
    ck_assert(em_emit(&a, "data", "x"));
    ck_assert(!em_emit(&a, "other", "x"));
    assert_marks("b data x");
    assert_ok(em_unforward(&a, "data", &b));
    assert_error(-ENOENT, em_unforward(&a, "data", &b));
    ck_assert(!em_emit(&a, "data", "x"));
    tear_down();
}

TEST(any_is_forwarded_under_each_events_own_name)
{
    set_up();
    assert_ok(em_on(&b, "one", note, "b"));
    assert_ok(em_on(&b, "two", note, "b"));
    assert_ok(em_forward(&a, EM_ANY, &b));
    ck_assert(!em_emit(&a, "one", NULL));
    ck_assert(!em_emit(&a, "two", NULL));
    assert_marks("b one b two");
    tear_down();
}

static void note_error(em_emitter *e, void *arg, void *data)
{
    const em_error *error = arg;

    (void)e;
    mark(data);
    mark(error->message);
}

static void note_uncaught(em_emitter *e, const em_error *error, void *data)
{
    (void)data;
    mark(e == &a ? "a" : "b");
    mark(error->message);
}

TEST(a_forwarded_error_is_handled_there_and_the_others_to_handle)
{
    set_up();
    em_set_uncaught(note_uncaught, NULL);
    assert_ok(em_forward(&a, "error", &b));
    ck_assert(em_emit_error(&a, 1, "lost"));
    assert_marks("b lost");
    assert_ok(em_on(&b, "error", note_error, "handler"));
    ck_assert(em_emit_error(&a, 1, "found"));
    assert_marks("handler found");
    em_set_uncaught(NULL, NULL);
    tear_down();
}

TEST(a_forward_ends_with_either_end)
{
    em_emitter *short_lived;

    set_up();
    assert_ok(em_emitter_new(NULL, &short_lived));
    assert_ok(em_forward(&a, "data", short_lived));
    em_unref(short_lived);
    ck_assert(!em_emit(&a, "data", NULL));
    assert_ok(em_emitter_new(NULL, &short_lived));
    assert_ok(em_forward(short_lived, "data", &a));
    assert_ok(em_forward(short_lived, EM_ANY, &a));
    em_unref(short_lived);
    assert_ok(em_forward(&a, "data", &b));
    tear_down();
}

TEST(cycles_are_refused)
{
    set_up();
    assert_error(-ELOOP, em_forward(&a, "data", &a));
    assert_ok(em_forward(&a, "data", &b));
    assert_error(-ELOOP, em_forward(&b, "data", &a));
    assert_error(-ELOOP, em_forward(&b, EM_ANY, &a));
    assert_ok(em_forward(&b, "data", &c));
    assert_error(-ELOOP, em_forward(&c, "data", &a));
    assert_ok(em_forward(&c, "other", &a));
    assert_ok(em_unforward(&a, "data", &b));
    assert_ok(em_forward(&c, "data", &a));
    assert_error(-ELOOP, em_forward(&a, "data", &b));
    tear_down();
}

TEST(two_ways_to_one_end_are_no_cycle)
{
    set_up();
    assert_ok(em_forward(&a, "data", &b));
    assert_ok(em_forward(&a, "data", &c));
    assert_ok(em_forward(&b, "data", &c));
    assert_ok(em_on(&c, "data", note, "c"));
    ck_assert(em_emit(&a, "data", NULL));
    assert_marks("c data c data");
    tear_down();
}

static void end_emitter(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg;
    em_unref(data);
}

TEST(either_end_may_go_while_the_forward_is_made)
{
    em_emitter *from, *to;

    set_up();
    assert_ok(em_emitter_new(NULL, &to));
    assert_ok(em_once(&a, "newListener", end_emitter, to));
    assert_ok(em_forward(&a, "data", to));
    ck_assert(!em_emit(&a, "data", NULL));
    assert_ok(em_emitter_new(NULL, &from));
    assert_ok(em_once(from, "newListener", end_emitter, from));
    assert_error(-ESHUTDOWN, em_forward(from, "data", &a));
    tear_down();
}

TEST(a_snapshot_does_not_forward_to_what_is_gone)
{
    em_emitter *to;

    set_up();
    assert_ok(em_emitter_set_flags(&a, EM_SNAPSHOT));
    assert_ok(em_emitter_new(NULL, &to));
    assert_ok(em_on(&a, "data", end_emitter, to));
    assert_ok(em_forward(&a, "data", to));
    ck_assert(em_emit(&a, "data", NULL));
    ck_assert_uint_eq(em_listener_count(&a, "data"), 1);
    tear_down();
}

TEST(nonsense_is_refused)
{
    em_emitter elsewhere;
    em_loop *loop;

    set_up();
    assert_ok(em_loop_new(NULL, &loop));
    em_emitter_init(&elsewhere, loop, NULL);
    assert_error(-EINVAL, em_forward(&a, "data", &elsewhere));
    assert_error(-EINVAL, em_forward(&a, EM_ERROR_MONITOR, &b));
    assert_error(-EINVAL, em_forward(NULL, "data", &b));
    assert_error(-EINVAL, em_forward(&a, NULL, &b));
    assert_error(-EINVAL, em_forward(&a, "data", NULL));
    assert_error(-EINVAL, em_unforward(&a, NULL, &b));
    assert_error(-EINVAL, em_unforward(NULL, "data", &b));
    assert_error(-EINVAL, em_unforward(&a, "data", NULL));
    em_unref(&elsewhere);
    assert_error(-ESHUTDOWN, em_forward(&elsewhere, "data", &elsewhere));
    em_loop_free(loop);
    tear_down();
}

TEST(without_memory_nothing_is_forwarded)
{
    unsigned long nth;
    int r;

    for (nth = 1;; nth++) {
        set_up();
        fail_allocation(nth);
        r = em_forward(&a, "data", &b);
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(!em_emit(&a, "data", NULL));
        tear_down();
    }
    assert_ok(r);
    ck_assert_uint_gt(nth, 5);
    tear_down();
}

SUITE("forward", what_one_emits_the_other_emits_too,
      any_is_forwarded_under_each_events_own_name,
      a_forwarded_error_is_handled_there_and_the_others_to_handle,
      a_forward_ends_with_either_end, cycles_are_refused,
      two_ways_to_one_end_are_no_cycle,
      either_end_may_go_while_the_forward_is_made,
      a_snapshot_does_not_forward_to_what_is_gone, nonsense_is_refused,
      without_memory_nothing_is_forwarded);
