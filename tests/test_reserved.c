/* SPDX-License-Identifier: MIT */
/* Tests of the names that mean something to the emitter itself. */

#include <config.h>

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
    note(e, arg, data);
}

static void ignore(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg, (void)data;
}

static void note_info(em_emitter *e, void *arg, void *data)
{
    const em_listener_info *info = arg;

    ck_assert_str_eq(em_event(e), data);
    mark(strcmp(data, "newListener") == 0 ? "new" : "removed");
    mark(info->event);
    if (info->fn == note)
        mark(info->data);
    if (info->once)
        mark("once");
}

static void watch(em_emitter *e)
{
    em_emitter_init(e, NULL, NULL);
    assert_ok(em_on(e, "newListener", note_info, "newListener"));
    assert_ok(em_on(e, "removeListener", note_info, "removeListener"));
    assert_marks("new removeListener");
}

TEST(a_listener_is_announced_before_it_is_added_and_after_it_was_removed)
{
    em_emitter e;

    watch(&e);
    assert_ok(em_on(&e, "data", note, "x"));
    assert_ok(em_once(&e, "data", note, "y"));
    assert_marks("new data x new data y once");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("x removed data y once y");
    assert_ok(em_off(&e, "data", note, "x"));
    assert_marks("removed data x");
    em_unref(&e);
}

static void count_them(em_emitter *e, void *arg, void *data)
{
    const em_listener_info *info = arg;
    bool adding = strcmp(em_event(e), "newListener") == 0;

    (void)data;
    if (strcmp(info->event, "data") != 0)
        return;
    ck_assert_int_eq(info->listener == NULL, adding);
    mark_number((long)em_listener_count(e, info->event));
    em_listener_remove(info->listener);
}

TEST(newListener_comes_with_the_old_count_and_removeListener_with_the_new_one)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "newListener", count_them, NULL));
    assert_ok(em_on(&e, "removeListener", count_them, NULL));
    assert_ok(em_on(&e, "data", ignore, NULL));
    assert_ok(em_on(&e, "data", ignore, NULL));
    assert_ok(em_off(&e, "data", ignore, NULL));
    assert_ok(em_off(&e, "data", ignore, NULL));
    assert_marks("0 1 1 0");
    em_unref(&e);
}

static void add_before(em_emitter *e, void *arg, void *data)
{
    const em_listener_info *info = arg;

    (void)data;
    if (info->fn != note)
        return;
    assert_ok(em_on(e, "data", other, "on"));
    assert_ok(em_once(e, "data", other, "once"));
    assert_ok(em_prepend(e, "data", other, "prepend"));
    assert_ok(em_on(e, "younger", other, ""));
}

static int note_name(em_emitter *e, const em_listener_info *info, void *data)
{
    (void)e, (void)data;
    mark(info->event);
    return 0;
}

TEST(what_newListener_adds_lands_before_the_one_being_added)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "newListener", add_before, NULL));
    assert_ok(em_on(&e, "data", note, "outer"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("prepend on once outer");
    ck_assert_int_eq(em_off_all(&e, "data"), 3);
    assert_ok(em_prepend(&e, "data", note, "outer"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("outer prepend on once");
    em_unref(&e);
}

TEST(names_made_in_newListener_are_as_old_as_for_Node)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "newListener", add_before, NULL));
    assert_ok(em_on(&e, "data", note, "outer"));
    assert_ok(em_event_names(&e, note_name, NULL));
    assert_marks("newListener data younger");
    em_unref(&e);
}

static void add_many(em_emitter *e, void *arg, void *data)
{
    const em_listener_info *info = arg;
    char name[] = "0";
    int i;

    (void)data;
    if (info->fn != note)
        return;
    for (i = 0; i < 8; i++) {
        name[0] = (char)('0' + i);
        assert_ok(em_on(e, name, ignore, NULL));
        assert_ok(em_on(e, "data", ignore, NULL));
    }
    assert_ok(em_off(e, "data", ignore, NULL));
    while (em_off(e, "data", ignore, NULL) == 0)
        ;
}

TEST(newListener_may_change_everything_and_the_slot_stays_reserved)
{
    em_emitter e;
    int i;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "newListener", add_many, NULL));
    for (i = 0; i < 20; i++) {
        assert_ok(i % 2 ? em_prepend(&e, "data", note, "x")
                        : em_on(&e, "data", note, "x"));
    }
    ck_assert_uint_eq(em_listener_count(&e, "data"), 20);
    em_unref(&e);
}

static void end_emitter(em_emitter *e, void *arg, void *data)
{
    (void)arg, (void)data;
    em_unref(e);
}

enum { MANY = 1200, DEEP = 1000 };

/* Add one more listener from within the announcement of the one before; the
 * last one finds almost all others gone, and no memory. */
static void go_deeper(em_emitter *e, void *arg, void *data)
{
    const em_listener_info *info = arg;
    int *depth = data;

    if (info->fn != note)
        return;
    if (++*depth < DEEP) {
        assert_ok(em_on(e, "data", note, "deep"));
        return;
    }
    ck_assert_int_eq(em_off_data(e, NULL), MANY);
    fail_allocation(2);
    (void)em_on(e, "data", other, "deepest");
    (void)allocation_failed();
}

TEST(what_was_reserved_stays_so_though_an_array_that_shrank_cannot_grow)
{
    em_emitter e;
    int i, depth = 0;

    em_emitter_init(&e, NULL, NULL);
    em_set_max_listeners(&e, 0);
    for (i = 0; i < MANY; i++)
        assert_ok(em_on(&e, "data", ignore, NULL));
    assert_ok(em_on(&e, "newListener", go_deeper, &depth));
    assert_ok(em_on(&e, "data", note, "deep"));
    ck_assert_int_eq(em_off_data(&e, "deep"), DEEP);
    em_unref(&e);
}

TEST(an_emitter_that_ends_in_newListener_takes_nothing)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "newListener", end_emitter, NULL));
    assert_error(-ESHUTDOWN, em_listen(&e, "data",
                                       EM_OPTIONS(em_listen_options, .fn = note,
                                                  .free_data = free),
                                       NULL));
}

TEST(an_emitter_may_end_in_removeListener)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "removeListener", end_emitter, NULL));
    assert_ok(em_once(&e, "data", note, "never"));
    ck_assert(em_emit(&e, "data", NULL));
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "removeListener", end_emitter, NULL));
    assert_ok(em_on(&e, "data", note, "never"));
    ck_assert_int_eq(em_off_all(&e, NULL), 1);
}

static void note_removed(em_emitter *e, void *arg, void *data)
{
    const em_listener_info *info = arg;

    (void)e;
    mark(data);
    mark(info->data ? info->data : "-");
}

TEST(off_all_goes_newest_first_and_removeListener_goes_last)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "removeListener", note_removed, "A"));
    assert_ok(em_on(&e, "removeListener", note_removed, "B"));
    assert_ok(em_on(&e, "data", note, "1"));
    assert_ok(em_on(&e, "data", note, "2"));
    assert_ok(em_prepend(&e, "data", note, "0"));
    ck_assert_int_eq(em_off_all(&e, NULL), 5);
    assert_marks("A 2 B 2 A 1 B 1 A 0 B 0 A B");
    ck_assert_int_eq(em_off_all(&e, NULL), 0);
    em_unref(&e);
}

static void add_again(em_emitter *e, void *arg, void *data)
{
    (void)arg, (void)data;
    assert_ok(em_on(e, "data", note, "again"));
    assert_ok(em_prepend(e, "data", note, "again"));
}

TEST(off_all_leaves_what_is_added_while_it_runs)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "removeListener", add_again, NULL));
    assert_ok(em_on(&e, "data", note, "1"));
    assert_ok(em_on(&e, "data", note, "2"));
    ck_assert_int_eq(em_off_all(&e, "data"), 2);
    ck_assert_uint_eq(em_listener_count(&e, "data"), 4);
    em_unref(&e);
}

/* --- too many listeners --- */

static void note_limit(em_emitter *e, const em_max_listeners_info *info,
                       void *data)
{
    (void)e;
    mark(data);
    mark(info->event);
    mark_number((long)info->count);
    mark_number((long)info->limit);
}

static void note_max(em_emitter *e, void *arg, void *data)
{
    note_limit(e, arg, data);
}

static void add(em_emitter *e, int count)
{
    while (count-- > 0)
        assert_ok(em_on(e, "data", ignore, NULL));
}

TEST(the_warning_comes_once_beyond_the_limit_while_there_are_listeners)
{
    em_emitter e;

    em_set_warning(note_limit, "hook");
    em_emitter_init(&e, NULL, NULL);
    ck_assert_uint_eq(em_max_listeners(&e), 10);
    add(&e, 10);
    assert_marks("");
    add(&e, 5);
    assert_marks("hook data 11 10");
    ck_assert_int_eq(em_off_all(&e, "data"), 15);
    add(&e, 12);
    assert_marks("hook data 11 10");
    em_unref(&e);
    em_set_warning(NULL, NULL);
}

TEST(listeners_of_maxListeners_take_the_place_of_the_hook)
{
    em_emitter e;

    em_set_warning(note_limit, "hook");
    em_emitter_init(&e, NULL, NULL);
    em_set_max_listeners(&e, 1);
    ck_assert_uint_eq(em_max_listeners(&e), 1);
    assert_ok(em_on(&e, "maxListeners", note_max, "event"));
    add(&e, 3);
    assert_marks("event data 2 1");
    em_unref(&e);
    em_set_warning(NULL, NULL);
}

TEST(a_limit_of_zero_is_none_and_the_default_is_read_at_each_add)
{
    em_emitter e, limited;

    em_set_warning(note_limit, "hook");
    em_emitter_init(&e, NULL, NULL);
    em_emitter_init(&limited, NULL, NULL);
    em_set_max_listeners(&limited, 0);
    add(&limited, 20);
    em_set_default_max_listeners(2);
    ck_assert_uint_eq(em_max_listeners(&e), 2);
    ck_assert_uint_eq(em_max_listeners(&limited), 0);
    add(&e, 3);
    assert_marks("hook data 3 2");
    em_set_default_max_listeners(0);
    ck_assert_int_eq(em_off_all(&e, "data"), 3);
    add(&e, 20);
    assert_marks("");
    em_set_default_max_listeners(10);
    ck_assert_uint_eq(em_max_listeners(NULL), 0);
    em_set_max_listeners(NULL, 1);
    em_unref(&limited);
    em_unref(&e);
    em_set_warning(NULL, NULL);
}

TEST(without_a_hook_nothing_is_printed_and_without_memory_a_limit_stays)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    fail_allocation(1);
    em_set_max_listeners(&e, 3);
    ck_assert(allocation_failed());
    ck_assert_uint_eq(em_max_listeners(&e), 10);
    add(&e, 20);
    em_unref(&e);
}

static void end_by_warning(em_emitter *e, const em_max_listeners_info *info,
                           void *data)
{
    (void)info, (void)data;
    em_unref(e);
    assert_error(-ESHUTDOWN, em_on(e, "data", ignore, NULL));
}

TEST(an_emitter_may_end_in_the_warning_hook)
{
    em_emitter e;

    em_set_warning(end_by_warning, NULL);
    em_emitter_init(&e, NULL, NULL);
    add(&e, 11);
    em_set_warning(NULL, NULL);
}

/* --- EM_ANY and EM_ERROR_MONITOR --- */

static void note_event(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    mark(data);
    mark(em_event(e));
}

TEST(any_sees_what_users_emit_first_and_does_not_count)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, EM_ANY, note_event, "any"));
    ck_assert(!em_emit(&e, "nobody", NULL));
    assert_ok(em_on(&e, "data", note, "named"));
    assert_ok(em_on(&e, "newListener", note, "new"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("any nobody any data named");
    assert_ok(em_on(&e, "more", note, "more"));
    assert_marks("new");
    ck_assert_int_eq(em_off_all(&e, EM_ANY), 1);
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("named");
    em_unref(&e);
}

TEST(emitting_the_symbols_is_false_and_calls_nobody)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    ck_assert(!em_emit(&e, EM_ANY, NULL));
    assert_ok(em_on(&e, EM_ANY, note, "any"));
    assert_ok(em_on(&e, EM_ERROR_MONITOR, note, "monitor"));
    ck_assert(!em_emit(&e, EM_ANY, NULL));
    ck_assert(!em_emit(&e, EM_ERROR_MONITOR, NULL));
    ck_assert_uint_eq(em_listener_count(&e, EM_ANY), 1);
    ck_assert_uint_eq(em_listener_count(&e, "data"), 0);
    em_unref(&e);
}

static void change_others(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    mark(data);
    assert_ok(em_off(e, "data", note, "gone"));
    assert_ok(em_on(e, "data", note, "late"));
}

TEST(what_any_adds_waits_and_what_it_removes_is_not_called)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_once(&e, EM_ANY, change_others, "any"));
    assert_ok(em_on(&e, "data", note, "gone"));
    assert_ok(em_on(&e, "data", note, "stays"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("any stays");
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("stays late");
    em_unref(&e);
}

TEST(a_special_event_that_gave_its_place_to_another_is_forgotten)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, EM_ANY, note, "any"));
    ck_assert_int_eq(em_off_all(&e, EM_ANY), 1);
    assert_ok(em_on(&e, "data", note, "data"));
    ck_assert(!em_emit(&e, "other", NULL));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("data");
    em_unref(&e);
}

TEST(an_emitter_may_end_in_any)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, EM_ANY, end_emitter, NULL));
    assert_ok(em_on(&e, EM_ANY, note, "never"));
    assert_ok(em_on(&e, "data", note, "never"));
    ck_assert(em_emit(&e, "data", NULL));
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, EM_ANY, end_emitter, NULL));
    ck_assert(!em_emit(&e, "error", NULL));
}

static void note_uncaught(em_emitter *e, const em_error *error, void *data)
{
    (void)e;
    ck_assert_str_eq(data, "hook");
    mark("uncaught");
    mark(error->message);
    mark_number(error->code);
    mark(error->origin ? error->origin : "-");
}

TEST(monitors_see_every_error_first_and_do_not_handle_it)
{
    em_emitter e;

    em_set_uncaught(note_uncaught, "hook");
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, EM_ANY, note_event, "any"));
    assert_ok(em_on(&e, EM_ERROR_MONITOR, note_event, "monitor"));
    ck_assert(!em_emit_error(&e, -5, "bad"));
    assert_marks("monitor error any error uncaught bad -5 -");
    assert_ok(em_on(&e, "error", note, "handled"));
    ck_assert(em_emit(&e, "error", NULL));
    assert_marks("monitor error any error handled");
    ck_assert_uint_eq(em_listener_count(&e, "error"), 1);
    em_unref(&e);
    em_set_uncaught(NULL, NULL);
}

static void handle_from_now_on(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    assert_ok(em_on(e, "error", note, data));
}

TEST(a_monitor_may_add_the_handler)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_once(&e, EM_ERROR_MONITOR, handle_from_now_on, "handled"));
    ck_assert(em_emit(&e, "error", NULL));
    assert_marks("handled");
    em_unref(&e);
}

static void remove_handler(em_emitter *e, void *arg, void *data)
{
    (void)arg;
    assert_ok(em_off(e, "error", note, data));
}

TEST(an_error_whose_handler_was_taken_away_by_any_is_not_handled)
{
    em_emitter e;

    em_set_uncaught(note_uncaught, "hook");
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_once(&e, EM_ANY, remove_handler, "never"));
    assert_ok(em_on(&e, "error", note, "never"));
    ck_assert(!em_emit(&e, "error", NULL));
    assert_marks("uncaught unspecified error 0 -");
    em_unref(&e);
    em_set_uncaught(NULL, NULL);
}

TEST(an_error_says_which_emitter_it_is_from)
{
    em_emitter e;

    em_set_uncaught(note_uncaught, "hook");
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_emitter_set_name(&e, "first"));
    assert_ok(em_emitter_set_name(&e, "kitchen"));
    ck_assert(!em_emit_error(&e, -5, "too %s", "hot"));
    assert_marks("uncaught too hot -5 kitchen");
    ck_assert(!em_emit(&e, "error", NULL));
    assert_marks("uncaught unspecified error 0 kitchen");
    ck_assert(!em_emit(&e, "error", &(em_error){ 7, "own", NULL }));
    assert_marks("uncaught own 7 kitchen");
    ck_assert(!em_emit(&e, "error", &(em_error){ 7, "own", "else" }));
    assert_marks("uncaught own 7 else");
    assert_error(-EINVAL, em_emitter_set_name(&e, NULL));
    assert_error(-EINVAL, em_emitter_set_name(NULL, "x"));
    em_unref(&e);
    assert_error(-ESHUTDOWN, em_emitter_set_name(&e, "x"));
    em_set_uncaught(NULL, NULL);
}

static void rename_it(em_emitter *e, void *arg, void *data)
{
    const em_error *error = arg;

    (void)data;
    assert_ok(em_emitter_set_name(e, "new"));
    mark(error->origin);
}

TEST(an_error_keeps_its_origin_while_a_listener_renames_the_emitter)
{
    em_emitter e;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_emitter_set_name(&e, "old"));
    assert_ok(em_on(&e, "error", rename_it, NULL));
    ck_assert(em_emit_error(&e, 1, "x"));
    assert_marks("old");
    em_unref(&e);
}

static void unref_it(em_emitter *e, const em_error *error, void *data)
{
    (void)error, (void)data;
    em_unref(e);
}

static void note_end(em_emitter *e)
{
    (void)e;
    mark("end");
}

static void fail_again(em_emitter *e, void *arg, void *data)
{
    note(e, arg, data);
    ck_assert(!em_emit_error(e, -5, "again"));
    mark("back");
}

/* The listener is kept for the outer emit, which began before it went. */
TEST(an_error_in_the_last_handler_of_errors_is_uncaught_also_with_a_snapshot)
{
    unsigned flags;
    em_emitter e;

    em_set_uncaught(note_uncaught, "hook");
    for (flags = 0; flags <= EM_SNAPSHOT; flags += EM_SNAPSHOT) {
        em_emitter_init(&e, NULL, NULL);
        assert_ok(em_emitter_set_flags(&e, flags));
        assert_ok(em_once(&e, "error", fail_again, "last"));
        ck_assert(em_emit_error(&e, -5, "first"));
        assert_marks("last uncaught again -5 - back");
        em_unref(&e);
    }
    em_set_uncaught(unref_it, NULL);
    em_emitter_init(&e, NULL, note_end);
    assert_ok(em_emitter_set_flags(&e, EM_SNAPSHOT));
    assert_ok(em_once(&e, "error", fail_again, "last"));
    ck_assert(em_emit_error(&e, -5, "first"));
    assert_marks("last back end");
    em_set_uncaught(NULL, NULL);
}

TEST(an_emitter_may_end_in_the_uncaught_hook)
{
    em_emitter e;

    em_set_uncaught(unref_it, NULL);
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_emitter_set_name(&e, "name"));
    ck_assert(!em_emit_error(&e, 1, "x"));
    em_emitter_init(&e, NULL, NULL);
    ck_assert(!em_emit(&e, "error", NULL));
    em_set_uncaught(NULL, NULL);
}

TEST(without_memory_special_listeners_are_not_added)
{
    static const char *const names[] = { "newListener", "removeListener",
                                         EM_ANY, EM_ERROR_MONITOR };
    unsigned long nth;
    em_emitter e;
    size_t i;
    int r;

    for (i = 0; i < 4; i++) {
        em_emitter_init(&e, NULL, NULL);
        assert_ok(em_on(&e, "data", note, "x"));
        for (nth = 1;; nth++) {
            fail_allocation(nth);
            r = em_on(&e, names[i], ignore, NULL);
            if (!allocation_failed())
                break;
            assert_error(-ENOMEM, r);
            ck_assert(em_emit(&e, "data", NULL));
            ck_assert_uint_eq(em_listener_count(&e, names[i]), 0);
            assert_marks("x");
        }
        assert_ok(r);
        em_unref(&e);
    }
}

TEST(a_name_that_finds_no_memory_leaves_the_old_one)
{
    unsigned long nth;
    em_emitter e;
    int r;

    em_set_uncaught(note_uncaught, "hook");
    em_emitter_init(&e, NULL, NULL);
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        r = em_emitter_set_name(&e, "named");
        if (!allocation_failed())
            break;
        assert_error(-ENOMEM, r);
        ck_assert(!em_emit_error(&e, 1, "x"));
        assert_marks("uncaught x 1 -");
    }
    assert_ok(r);
    em_unref(&e);
    em_set_uncaught(NULL, NULL);
}

SUITE("reserved",
      a_listener_is_announced_before_it_is_added_and_after_it_was_removed,
      newListener_comes_with_the_old_count_and_removeListener_with_the_new_one,
      what_newListener_adds_lands_before_the_one_being_added,
      names_made_in_newListener_are_as_old_as_for_Node,
      newListener_may_change_everything_and_the_slot_stays_reserved,
      what_was_reserved_stays_so_though_an_array_that_shrank_cannot_grow,
      an_emitter_that_ends_in_newListener_takes_nothing,
      an_emitter_may_end_in_removeListener,
      off_all_goes_newest_first_and_removeListener_goes_last,
      off_all_leaves_what_is_added_while_it_runs,
      the_warning_comes_once_beyond_the_limit_while_there_are_listeners,
      listeners_of_maxListeners_take_the_place_of_the_hook,
      a_limit_of_zero_is_none_and_the_default_is_read_at_each_add,
      without_a_hook_nothing_is_printed_and_without_memory_a_limit_stays,
      an_emitter_may_end_in_the_warning_hook,
      any_sees_what_users_emit_first_and_does_not_count,
      emitting_the_symbols_is_false_and_calls_nobody,
      what_any_adds_waits_and_what_it_removes_is_not_called,
      a_special_event_that_gave_its_place_to_another_is_forgotten,
      an_emitter_may_end_in_any,
      monitors_see_every_error_first_and_do_not_handle_it,
      a_monitor_may_add_the_handler,
      an_error_whose_handler_was_taken_away_by_any_is_not_handled,
      an_error_says_which_emitter_it_is_from,
      an_error_keeps_its_origin_while_a_listener_renames_the_emitter,
      an_error_in_the_last_handler_of_errors_is_uncaught_also_with_a_snapshot,
      an_emitter_may_end_in_the_uncaught_hook,
      without_memory_special_listeners_are_not_added,
      a_name_that_finds_no_memory_leaves_the_old_one);
