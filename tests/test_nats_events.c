/* SPDX-License-Identifier: MIT */
/* Events from one program to another. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include <emitter/args.h>

#include "nats_pair.h"
#include "nats_server.h"
#include "testing.h"

TEST(an_event_of_one_program_is_an_event_of_another)
{
    em_emitter *from, *to;

    begin();
    from = new_emitter();
    to = new_emitter();
    assert_ok(em_nats_export(a, from, "news", "paper.news", NULL));
    assert_ok(em_nats_import(b, "paper.news", to, "told", NULL));
    assert_ok(em_on(to, "told", note_bytes, NULL));
    settle();
    ck_assert(
        em_emit(from, "news", &(em_nats_bytes){ .data = "one", .size = 3 }));
    ck_assert(em_emit(from, "news", NULL));
    ck_assert(!em_emit(from, "other", NULL));
    settle();
    assert_marks("told@paper.news:one told@paper.news:");
    assert_ok(em_nats_unimport(b, "paper.news", to, "told"));
    ck_assert(em_emit(from, "news", NULL));
    settle();
    assert_ok(em_nats_unexport(a, from, "news", "paper.news"));
    ck_assert(!em_emit(from, "news", NULL));
    em_unref(from);
    em_unref(to);
    finish();
}

TEST(all_events_keep_their_names_whatever_bytes_are_in_them)
{
    static const char *const names[] = { "plain", "with.dots", "a b",  "*",
                                         ">",     "",          "100%", "\r\n" };
    em_emitter *from, *to;
    const char *symbol = em_symbol("private");
    size_t i;

    begin();
    from = new_emitter();
    to = new_emitter();
    assert_ok(em_nats_export(a, from, EM_ANY, "all", NULL));
    assert_ok(em_nats_import(b, "all.*", to, NULL, NULL));
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_ok(em_on(to, names[i], note, (void *)(uintptr_t) "got"));
    settle();
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)em_emit(from, names[i], NULL);
    (void)em_emit(from, symbol, NULL);
    settle();
    assert_marks("got got got got got got got got");
    em_name_unref(symbol);
    em_unref(from);
    em_unref(to);
    finish();
}

static void note_args(em_emitter *emitter, void *arg, void *data)
{
    const char *string;
    int64_t number;
    bool truth;

    (void)data;
    EM_REQUIRE_ARG(emitter, arg, 0, EM_TYPE_STRING, string);
    EM_REQUIRE_ARG(emitter, arg, 1, EM_TYPE_INT, number);
    EM_REQUIRE_ARG(emitter, arg, 2, EM_TYPE_BOOL, truth);
    mark(string);
    mark_number((long)number);
    mark(truth ? "true" : "false");
}

TEST(arguments_travel_and_what_cannot_is_an_error)
{
    em_emitter *from, *to;

    begin();
    from = new_emitter();
    to = new_emitter();
    assert_ok(em_on(em_nats_emitter(a), "error", note_error, NULL));
    assert_ok(em_nats_export(a, from, "event", "args", em_nats_codec_args()));
    assert_ok(em_nats_import(b, "args", to, "event", em_nats_codec_args()));
    assert_ok(em_on(to, "event", note_args, NULL));
    settle();
    em_emit(from, "event",
            EM_ARGS(em_string("text"), em_int(-42), em_bool(true)));
    settle();
    assert_marks("text -42 true");
    em_emit(from, "event", EM_ARGS(em_pointer(&loop)));
    assert_marks("error -95");
    em_unref(from);
    em_unref(to);
    finish();
}

static void note_message(em_emitter *emitter, void *arg, void *data)
{
    em_error *error = arg;

    (void)emitter, (void)data;
    mark_number(error->code);
    mark(error->message);
    mark(error->origin ? error->origin : "nowhere");
}

TEST(an_error_is_an_error_there_too)
{
    em_emitter *from, *to;

    begin();
    from = new_emitter();
    to = new_emitter();
    assert_ok(em_emitter_set_name(from, "here"));
    assert_ok(em_nats_export(a, from, "error", "errors", NULL));
    assert_ok(em_nats_import(b, "errors", to, "error", NULL));
    assert_ok(em_on(to, "error", note_message, NULL));
    settle();
    em_emit_error(from, -EIO, "burnt %d", 3);
    em_emit(from, "error", NULL);
    settle();
    assert_marks("-5 burnt 3 here 0 unspecified error nowhere");
    em_unref(from);
    em_unref(to);
    finish();
}

TEST(what_came_does_not_go_back)
{
    em_emitter *left, *right;

    begin();
    left = new_emitter();
    right = new_emitter();
    assert_ok(em_nats_import(a, "room.*", left, NULL, NULL));
    assert_ok(em_nats_export(a, left, EM_ANY, "room", NULL));
    assert_ok(em_nats_import(b, "room.*", right, NULL, NULL));
    assert_ok(em_nats_export(b, right, EM_ANY, "room", NULL));
    assert_ok(em_on(left, "say", note, "left"));
    assert_ok(em_on(right, "say", note, "right"));
    settle();
    em_emit(left, "say", NULL);
    settle();
    settle();
    em_emit(right, "say", NULL);
    settle();
    settle();
    assert_marks("left right right left");
    em_unref(left);
    em_unref(right);
    finish();
}

TEST(hostile_messages_are_errors_and_nothing_worse)
{
    static const char *const bytes[] = { "",
                                         "\002",
                                         "\001\007",
                                         "\001\001\002",
                                         "\001\004\177x",
                                         "\001\002\377\377\377" };
    em_emitter *to;
    size_t i;

    begin();
    to = new_emitter();
    assert_ok(em_on(em_nats_emitter(b), "error", note_error, NULL));
    assert_ok(em_on(to, "event", note, "event"));
    assert_ok(em_on(to, "newListener", note, "added"));
    assert_ok(em_nats_import(b, "h.*", to, NULL, em_nats_codec_args()));
    (void)take_marks();
    settle();
    for (i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
        assert_ok(em_nats_publish(a, "h.event", bytes[i], strlen(bytes[i])));
    settle();
    assert_marks("error -74 error -74 error -74 error -74 error -74 error -74");
    assert_ok(em_nats_publish(a, "h.newListener", "\001", 1));
    assert_ok(em_nats_publish(a, "h.%6eewListener", "\001", 1));
    assert_ok(em_nats_publish(a, "h.%0", "\001", 1));
    assert_ok(em_nats_publish(a, "h.%00", "\001", 1));
    assert_ok(em_nats_publish(a, "h.%65vent", "\001", 1)); /* needs none */
    assert_ok(em_nats_publish(a, "h.e*vent", "\001", 1));  /* needs one */
    assert_ok(em_nats_publish(a, "h.error", "\001\002\002", 3));
    settle();
    assert_marks("error -74 error -74 error -74 error -74 error -74 error -74 "
                 "error -74");
    assert_ok(em_nats_publish(a, "h.event", "\001", 1));
    settle();
    assert_marks("event");
    em_unref(to);
    finish();
}

static void unimport_and_let_go(em_emitter *emitter, void *arg, void *data)
{
    (void)arg;
    assert_ok(em_nats_unimport(b, "subject", emitter, "event"));
    em_unref(data);
    mark("gone");
}

TEST(a_listener_may_end_its_import_and_its_emitter)
{
    em_emitter *to;

    begin();
    to = new_emitter();
    assert_ok(em_nats_import(b, "subject", to, "event", NULL));
    assert_ok(em_on(to, "event", unimport_and_let_go, to));
    settle();
    assert_ok(em_nats_publish(a, "subject", NULL, 0));
    assert_ok(em_nats_publish(a, "subject", NULL, 0));
    settle();
    assert_marks("gone");
    to = new_emitter();
    assert_ok(em_nats_import(b, "subject", to, "event", NULL));
    assert_ok(em_nats_export(b, to, "event", "subject", NULL));
    em_unref(to);
    assert_error(-ENOENT, em_nats_unexport(b, to, "event", "subject"));
    finish();
}

static void free_both(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    em_nats_free(a);
    em_nats_free(b);
    a = b = NULL;
    mark("freed");
}

TEST(a_listener_may_let_go_of_the_connection)
{
    em_emitter *to;

    begin();
    to = new_emitter();
    assert_ok(em_nats_import(b, "subject", to, "event", NULL));
    assert_ok(em_on(to, "event", free_both, NULL));
    settle();
    assert_ok(em_nats_publish(a, "subject", NULL, 0));
    assert_ok(em_nats_publish(a, "subject", NULL, 0));
    run();
    assert_marks("freed");
    em_unref(to);
    finish();
}

NATS_SUITE("nats_events", an_event_of_one_program_is_an_event_of_another,
           all_events_keep_their_names_whatever_bytes_are_in_them,
           arguments_travel_and_what_cannot_is_an_error,
           an_error_is_an_error_there_too, what_came_does_not_go_back,
           hostile_messages_are_errors_and_nothing_worse,
           a_listener_may_end_its_import_and_its_emitter,
           a_listener_may_let_go_of_the_connection);
