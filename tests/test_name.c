/* SPDX-License-Identifier: MIT */
/* Tests of names: interned ones, symbols, and many. */

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

static void ignore(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg, (void)data;
}

TEST(an_interned_name_has_one_address_and_is_a_name_like_any_other)
{
    char text[] = "data";
    const char *name = em_intern(text);
    em_emitter e;

    ck_assert_str_eq(name, "data");
    ck_assert_ptr_ne(name, text);
    ck_assert_ptr_eq(em_intern("data"), name);
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "data", note, "x"));
    ck_assert(em_emit(&e, name, NULL));
    assert_ok(em_off(&e, name, note, "x"));
    assert_ok(em_on(&e, name, note, "y"));
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("x y");
    em_name_unref(name);
    em_name_unref(name);
    em_unref(&e);
}

TEST(emitters_hold_names_of_their_own)
{
    const char *name = em_intern("data");
    em_emitter e;
    int i;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, name, note, "x"));
    for (i = 0; i < 3; i++)
        em_name_unref(name);
    ck_assert_ptr_eq(em_intern("data"), name);
    em_name_unref(name);
    ck_assert(em_emit(&e, "data", NULL));
    assert_marks("x");
    em_unref(&e);
}

TEST(what_was_not_interned_is_ignored_when_given_back)
{
    const char *name = em_intern("data");

    em_name_unref("data");
    em_name_unref("never seen");
    em_name_unref(NULL);
    em_name_unref(EM_ANY);
    ck_assert_ptr_eq(em_intern("data"), name);
    em_name_unref(name);
    em_name_unref(name);
    ck_assert_ptr_null(em_intern(NULL));
}

TEST(a_symbol_is_a_name_that_nobody_else_has)
{
    const char *one = em_symbol("private"), *two = em_symbol("private");
    char copy[64];
    em_emitter e;

    ck_assert_ptr_ne(one, two);
    ck_assert_str_ne(one, two);
    ck_assert_int_eq(strncmp(one, "private\001", 8), 0);
    ck_assert_str_eq(em_symbol_description(one), "private");
    ck_assert_ptr_null(em_symbol_description("private"));
    ck_assert_ptr_null(em_symbol_description("no\001symbol"));
    ck_assert_ptr_null(em_symbol_description(NULL));
    ck_assert_ptr_null(em_symbol(NULL));
    ck_assert_str_eq(em_symbol_description(EM_ANY), "any");
    ck_assert_str_eq(em_symbol_description(EM_ERROR_MONITOR), "errorMonitor");
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, one, note, "one"));
    ck_assert(!em_emit(&e, two, NULL));
    ck_assert(!em_emit(&e, "private", NULL));
    strcpy(copy, one);
    ck_assert(em_emit(&e, copy, NULL));
    assert_marks("one");
    em_unref(&e);
    em_name_unref(one);
    em_name_unref(two);
}

TEST(a_symbol_is_not_the_name_that_somebody_made_up_before)
{
    const char *symbol = em_symbol("x"), *next;
    char text[32];
    const char *made_up;

    (void)snprintf(text, sizeof(text), "x\001%ld",
                   strtol(symbol + 2, NULL, 10) + 1);
    made_up = em_intern(text);
    next = em_symbol("x");
    ck_assert_str_ne(next, made_up);
    ck_assert_ptr_null(em_symbol_description(made_up));
    em_name_unref(symbol);
    em_name_unref(next);
    em_name_unref(made_up);
}

TEST(names_may_be_empty_long_or_of_any_bytes)
{
    enum { LONG = 65536 };
    char *name = malloc(LONG + 1);
    char bytes[256];
    em_emitter e;
    int i;

    ck_assert_ptr_nonnull(name);
    memset(name, 'n', LONG);
    name[LONG] = '\0';
    for (i = 0; i < 255; i++)
        bytes[i] = (char)(i + 1);
    bytes[255] = '\0';
    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "", note, "empty"));
    assert_ok(em_on(&e, name, note, "long"));
    assert_ok(em_on(&e, bytes, note, "bytes"));
    ck_assert(em_emit(&e, "", NULL));
    ck_assert(em_emit(&e, name, NULL));
    ck_assert(em_emit(&e, bytes, NULL));
    assert_marks("empty long bytes");
    name[LONG - 1] = 'm';
    ck_assert(!em_emit(&e, name, NULL));
    free(name);
    em_unref(&e);
}

TEST(names_of_every_length_are_told_apart)
{
    char name[80] = "", shorter[80];
    em_emitter e;
    size_t i;

    em_emitter_init(&e, NULL, NULL);
    for (i = 0; i < 70; i++) {
        ck_assert(!em_emit(&e, name, NULL));
        assert_ok(em_on(&e, name, ignore, NULL));
        name[i] = 'a';
    }
    for (i = 1; i < 70; i++) {
        memset(shorter, 'a', i);
        shorter[i] = '\0';
        ck_assert(em_emit(&e, shorter, NULL));
        shorter[i / 2] = 'b';
        ck_assert(!em_emit(&e, shorter, NULL));
    }
    em_unref(&e);
}

TEST(a_name_in_a_buffer_may_change_between_emits)
{
    char buffer[16];
    em_emitter e;
    int i;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "a", note, "a"));
    assert_ok(em_on(&e, "b", note, "b"));
    assert_ok(em_on(&e, "c", note, "c"));
    for (i = 0; i < 6; i++) {
        (void)snprintf(buffer, sizeof(buffer), "%c", 'a' + i % 4);
        ck_assert(em_emit(&e, buffer, NULL) == (i % 4 != 3));
    }
    assert_marks("a b c a b");
    em_unref(&e);
}

static const char *number(int i)
{
    static char name[32];

    (void)snprintf(name, sizeof(name), "%d", i);
    return name;
}

TEST(an_emitter_may_have_a_hundred_thousand_events)
{
    enum { MANY = 100000 };
    em_emitter e;
    int i;

    em_emitter_init(&e, NULL, NULL);
    for (i = 0; i < MANY; i++)
        assert_ok(em_on(&e, number(i), ignore, NULL));
    for (i = 0; i < MANY; i++)
        ck_assert(em_emit(&e, number(i), NULL));
    ck_assert(!em_emit(&e, number(MANY), NULL));
    for (i = 0; i < MANY; i += 2)
        assert_ok(em_off(&e, number(i), ignore, NULL));
    for (i = 0; i < MANY; i++)
        ck_assert(em_emit(&e, number(i), NULL) == (i % 2 != 0));
    em_unref(&e);
}

TEST(names_that_come_and_go_take_no_lasting_memory)
{
    size_t most = 0;
    em_emitter e;
    int i;

    em_emitter_init(&e, NULL, NULL);
    assert_ok(em_on(&e, "stays", ignore, NULL));
    for (i = 0; i < 10000; i++) {
        assert_ok(em_on(&e, number(i), ignore, NULL));
        assert_ok(em_off(&e, number(i), ignore, NULL));
        if (blocks_in_use() > most)
            most = blocks_in_use();
    }
    ck_assert_uint_lt(most, 100);
    ck_assert(em_emit(&e, "stays", NULL));
    em_unref(&e);
}

TEST(a_million_idle_emitters_are_the_memory_they_are_in)
{
    enum { MANY = 1000000 };
    em_emitter *emitters = malloc(MANY * sizeof(em_emitter));
    size_t before = blocks_in_use();
    int i;

    ck_assert_ptr_nonnull(emitters);
    ck_assert_uint_eq(sizeof(em_emitter), 4 * sizeof(void *));
    for (i = 0; i < MANY; i++)
        em_emitter_init(&emitters[i], NULL, NULL);
    ck_assert_uint_eq(blocks_in_use(), before);
    for (i = 0; i < MANY; i++)
        em_unref(&emitters[i]);
    free(emitters);
}

static void *intern_many(void *data)
{
    const char *name;
    int i;

    for (i = 0; i < 5000; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", i % 100);
        name = em_intern(text);
        if (!name || strcmp(name, text) != 0)
            return NULL;
        em_name_unref(name);
    }
    return data;
}

TEST(any_thread_may_intern)
{
    pthread_t threads[3];
    void *result;
    int i;

    for (i = 0; i < 3; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, intern_many, threads), 0);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_eq(result, threads);
    }
}

TEST(without_memory_there_is_no_name)
{
    unsigned long nth;
    const char *name;

    fail_allocation(1);
    ck_assert_ptr_null(em_intern("data"));
    ck_assert(allocation_failed());
    for (nth = 1;; nth++) {
        fail_allocation(nth);
        name = em_symbol("x");
        if (!allocation_failed())
            break;
        ck_assert_ptr_null(name);
    }
    ck_assert_uint_eq(nth, 3);
    em_name_unref(name);
}

TEST(a_table_of_names_that_cannot_grow_still_works)
{
    const char *names[200];
    int i;

    for (i = 0; i < 200; i++) {
        fail_allocation(2);
        names[i] = em_intern(number(i));
        (void)allocation_failed();
        ck_assert_ptr_nonnull(names[i]);
    }
    for (i = 0; i < 200; i++) {
        ck_assert_ptr_eq(em_intern(number(i)), names[i]);
        em_name_unref(names[i]);
        em_name_unref(names[i]);
    }
}

SUITE("name", an_interned_name_has_one_address_and_is_a_name_like_any_other,
      emitters_hold_names_of_their_own,
      what_was_not_interned_is_ignored_when_given_back,
      a_symbol_is_a_name_that_nobody_else_has,
      a_symbol_is_not_the_name_that_somebody_made_up_before,
      names_may_be_empty_long_or_of_any_bytes,
      names_of_every_length_are_told_apart,
      a_name_in_a_buffer_may_change_between_emits,
      an_emitter_may_have_a_hundred_thousand_events,
      names_that_come_and_go_take_no_lasting_memory,
      a_million_idle_emitters_are_the_memory_they_are_in, any_thread_may_intern,
      without_memory_there_is_no_name,
      a_table_of_names_that_cannot_grow_still_works);
