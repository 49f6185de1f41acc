/* SPDX-License-Identifier: MIT */
/* Slab: objects that keep what is in them, and memory that goes. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "testing.h"

enum { OBJECTS = 5000, SIZE = 24 };

static em__slabs slabs;
static void *objects[OBJECTS];
static uint32_t numbers[OBJECTS];

static void take(int i)
{
    objects[i] = em__slabs_take(&slabs, &numbers[i]);
    ck_assert_ptr_nonnull(objects[i]);
    ck_assert_uint_eq((uintptr_t)objects[i] % sizeof(void *), 0);
    memset(objects[i], i & 0xff, SIZE);
}

static void give(int i)
{
    const unsigned char *bytes = objects[i];
    int at;

    for (at = 0; at < SIZE; at++)
        ck_assert_int_eq(bytes[at], i & 0xff);
    em__slabs_give(&slabs, objects[i], numbers[i]);
    objects[i] = NULL;
}

TEST(objects_taken_and_given_at_random_keep_what_is_in_them)
{
    int step, i;

    srand(1);
    em__slabs_init(&slabs, SIZE);
    for (step = 0; step < 100000; step++) {
        i = rand() % OBJECTS;
        if (objects[i])
            give(i);
        else
            take(i);
    }
    for (i = 0; i < OBJECTS; i++) {
        if (objects[i])
            give(i);
    }
    ck_assert_uint_eq(slabs.used, 0);
    em__slabs_free(&slabs);
}

TEST(few_objects_are_kept_room_for_and_many_are_not)
{
    int i;

    em__slabs_init(&slabs, SIZE);
    take(0);
    ck_assert_uint_le(slabs.room, 8);
    for (i = 1; i < OBJECTS; i++)
        take(i);
    ck_assert_uint_le(slabs.room, 2 * OBJECTS);
    for (i = OBJECTS - 1; i >= 0; i--) {
        give(i);
        ck_assert_uint_le(slabs.room, slabs.used * 4 + 16);
    }
    em__slabs_free(&slabs);
    ck_assert_uint_eq(slabs.room, 0);
}

TEST(one_more_and_one_less_at_a_time_need_no_memory)
{
    int i, full;

    em__slabs_init(&slabs, SIZE);
    for (full = 0; full < 1024; full++)
        take(full);
    take(full); /* the first of a slab */
    give(full);
    fail_allocation(1);
    for (i = 0; i < 10; i++) {
        take(full);
        give(full);
    }
    ck_assert(!allocation_failed());
    fail_allocation(0);
    while (full-- > 0)
        give(full);
    em__slabs_free(&slabs);
}

TEST(without_memory_nothing_is_taken)
{
    uint32_t number;

    em__slabs_init(&slabs, SIZE);
    fail_allocation(1);
    ck_assert_ptr_null(em__slabs_take(&slabs, &number));
    ck_assert(allocation_failed());
    take(0);
    give(0);
    em__slabs_free(&slabs);
}

SUITE("slab", objects_taken_and_given_at_random_keep_what_is_in_them,
      few_objects_are_kept_room_for_and_many_are_not,
      one_more_and_one_less_at_a_time_need_no_memory,
      without_memory_nothing_is_taken);
