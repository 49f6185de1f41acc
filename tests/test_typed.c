/* SPDX-License-Identifier: MIT */
/* Tests of typed events and of dynamic arguments. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include <emitter.h>
#include <emitter/args.h>
#include <emitter/typed.h>

#include "testing.h"

struct chicken {
    const char *state;
};

EM_EVENT(dummy, cooked, struct chicken *)
EM_EVENT(dummy, seen, const struct chicken *)

static void eat(em_emitter *e, struct chicken *chicken, void *data)
{
    (void)e;
    mark(data);
    mark(chicken->state);
}

static void admire(em_emitter *e, const struct chicken *chicken, void *data)
{
    (void)e;
    mark(data);
    mark(chicken->state);
}

static void untyped(em_emitter *e, void *arg, void *data)
{
    struct chicken *chicken = arg;

    (void)e, (void)data;
    mark(chicken->state);
}

TEST(typed_listeners_get_the_argument_as_what_it_is)
{
    struct chicken chicken = { "crisp" };
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(dummy_on_cooked(&e, eat, "on"));
    assert_ok(dummy_once_cooked(&e, eat, "once"));
    assert_ok(em_on(&e, "cooked", untyped, NULL));
    assert_ok(dummy_on_seen(&e, admire, "seen"));
    ck_assert(dummy_emit_cooked(&e, &chicken));
    assert_marks("on crisp once crisp crisp");
    ck_assert(dummy_emit_seen(&e, &chicken));
    assert_marks("seen crisp");
    ck_assert(dummy_emit_cooked(&e, &chicken));
    assert_marks("on crisp crisp");
    em_unref(&e);
}

TEST(typed_listeners_go_as_others_do)
{
    struct chicken chicken = { "raw" };
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(dummy_on_cooked(&e, eat, "a"));
    assert_ok(dummy_on_cooked(&e, eat, "b"));
    assert_error(-ENOENT, dummy_off_cooked(&e, eat, "c"));
    assert_ok(dummy_off_cooked(&e, eat, "a"));
    assert_error(-ENOENT, dummy_off_cooked(&e, eat, "a"));
    ck_assert(dummy_emit_cooked(&e, &chicken));
    assert_marks("b raw");
    ck_assert_int_eq(em_off_data(&e, "b"), 1);
    ck_assert(!dummy_emit_cooked(&e, &chicken));
    assert_error(-EINVAL, dummy_on_cooked(NULL, eat, NULL));
    assert_error(-EINVAL, dummy_on_cooked(&e, NULL, NULL));
    assert_error(-EINVAL, dummy_off_cooked(&e, NULL, NULL));
    em_unref(&e);
    assert_error(-ESHUTDOWN, dummy_once_cooked(&e, eat, NULL));
}

TEST(without_memory_no_typed_listener_is_added)
{
    struct chicken chicken = { "raw" };
    unsigned long nth;
    em_emitter e;
    int r;

    em_emitter_init(&e, NULL, NULL);
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = dummy_on_cooked(&e, eat, "a");
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(!dummy_emit_cooked(&e, &chicken));
    }
    assert_ok(r);
    em_unref(&e);
}

/* --- dynamic arguments --- */

static void called_back(void)
{
    mark("called back");
}

static void with_callback(em_emitter *e, void *arg, void *data)
{
    const em_args *args = arg;
    em_function_fn *callback;
    const char *name;
    int64_t count;

    (void)data;
    EM_REQUIRE_ARG(e, args, 0, EM_TYPE_STRING, name);
    EM_REQUIRE_ARG(e, args, 1, EM_TYPE_INT, count);
    EM_REQUIRE_ARG(e, args, 2, EM_TYPE_FUNCTION, callback);
    mark(name);
    mark_number((long)count);
    callback();
}

static void note_error(em_emitter *e, void *arg, void *data)
{
    const em_error *error = arg;

    (void)e, (void)data;
    ck_assert_int_eq(error->code, -EINVAL);
    mark(error->message);
}

TEST(arguments_are_checked_when_they_are_used)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "cooked", with_callback, NULL));
    assert_ok(em_on(&e, "error", note_error, NULL));
    ck_assert(em_emit(
        &e, "cooked",
        EM_ARGS(em_string("chicken"), em_int(3), em_function(called_back))));
    assert_marks("chicken 3 called back");
    ck_assert(em_emit(&e, "cooked", EM_ARGS(em_string("x"), em_int(3))));
    assert_marks("Argument 2 must be a function");
    ck_assert(em_emit(&e, "cooked", EM_ARGS(em_string("x"), em_double(3))));
    assert_marks("Argument 1 must be an integer");
    ck_assert(em_emit(&e, "cooked", NULL));
    assert_marks("Argument 0 must be a string");
    em_unref(&e);
}

TEST(every_type_is_made_and_required)
{
    static const em_type types[] = { EM_TYPE_NULL,    EM_TYPE_BOOL,
                                     EM_TYPE_INT,     EM_TYPE_DOUBLE,
                                     EM_TYPE_STRING,  EM_TYPE_POINTER,
                                     EM_TYPE_FUNCTION };
    static const char *const words[] = {
        "null",     "a boolean", "an integer", "a number",
        "a string", "a pointer", "a function",
    };
    em_emitter e;
    em_args *args =
        EM_ARGS(em_null(), em_bool(true), em_int(INT64_MIN), em_double(0.5),
                em_string("s"), em_pointer(&e), em_function(called_back));
    char expected[64];
    size_t i;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "error", note_error, NULL));
    ck_assert_uint_eq(args->count, 7);
    for (i = 0; i < 7; i++) {
        ck_assert_ptr_eq(em_require_arg(&e, args, i, types[i]),
                         &args->values[i]);
        ck_assert_ptr_null(em_require_arg(&e, args, 7, types[i]));
        (void)snprintf(expected, sizeof(expected), "Argument 7 must be %s",
                       words[i]);
        assert_marks(expected);
    }
    ck_assert(args->values[1].as.boolean);
    ck_assert(args->values[2].as.integer == INT64_MIN);
    ck_assert(args->values[3].as.number == 0.5);
    ck_assert(args->values[5].as.pointer == &e);
    ck_assert_int_eq(em_string(NULL).type, EM_TYPE_NULL);
    em_unref(&e);
}

TEST(a_copy_of_arguments_has_its_own_strings)
{
    const em_args none = { 0, NULL };
    const em_args broken = { 1, NULL };
    const em_arg no_text = { .type = EM_TYPE_STRING };
    const em_args empty = { 1, &no_text };
    char text[] = "before";
    em_args *args = EM_ARGS(em_string(text), em_int(1), em_string(""));
    em_args *copy;

    assert_ok(em_args_copy(args, &copy));
    strcpy(text, "after");
    ck_assert_uint_eq(copy->count, 3);
    ck_assert_str_eq(copy->values[0].as.string, "before");
    ck_assert_str_eq(copy->values[2].as.string, "");
    em_args_free(copy);
    assert_ok(em_args_copy(&none, &copy));
    ck_assert_uint_eq(copy->count, 0);
    em_args_free(copy);
    em_args_free(NULL);
    assert_ok(em_args_copy(&empty, &copy));
    ck_assert_ptr_null(copy->values[0].as.string);
    em_args_free(copy);
    assert_error(-EINVAL, em_args_copy(NULL, &copy));
    assert_error(-EINVAL, em_args_copy(args, NULL));
    assert_error(-EINVAL, em_args_copy(&broken, &copy));
    fail_allocation(1);
    assert_error(-ENOMEM, em_args_copy(args, &copy));
    ck_assert(allocation_failed());
}

SUITE("typed", typed_listeners_get_the_argument_as_what_it_is,
      typed_listeners_go_as_others_do,
      without_memory_no_typed_listener_is_added,
      arguments_are_checked_when_they_are_used, every_type_is_made_and_required,
      a_copy_of_arguments_has_its_own_strings);
