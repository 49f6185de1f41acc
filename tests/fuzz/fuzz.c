/* SPDX-License-Identifier: MIT */
/* Fuzz: what the targets share. */

#include <config.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <emitter/base.h>

#include "baton/internal.h"
#include "fuzz.h"

static struct {
    const uint8_t *at;
    size_t left;
} input;

static atomic_size_t blocks, longest;
static atomic_uint until_failure;
static atomic_bool failed;

/* --- memory: counted, and made to fail --- */

static bool refused(void)
{
    unsigned now = atomic_load(&until_failure);

    while (now != 0 &&
           !atomic_compare_exchange_weak(&until_failure, &now, now - 1))
        ;
    if (now == 1)
        atomic_store(&failed, true);
    return now == 1;
}

static void note_size(size_t size)
{
    size_t now = atomic_load(&longest);

    while (size > now && !atomic_compare_exchange_weak(&longest, &now, size))
        ;
}

static void *take(size_t size)
{
    void *block = refused() ? NULL : malloc(size);

    note_size(size);
    if (block)
        atomic_fetch_add(&blocks, 1);
    return block;
}

static void *resize(void *old, size_t size)
{
    void *block = refused() ? NULL : realloc(old, size);

    note_size(size);
    if (block && !old)
        atomic_fetch_add(&blocks, 1);
    return block;
}

static void give_back(void *block)
{
    if (block)
        atomic_fetch_sub(&blocks, 1);
    free(block);
}

bool fuzz_fail_allocation(unsigned nth)
{
    atomic_store(&until_failure, nth);
    return atomic_exchange(&failed, false);
}

size_t fuzz_longest_block(void)
{
    return atomic_load(&longest);
}

/* --- a run --- */

void fuzz_begin(const uint8_t *bytes, size_t size)
{
    (void)em_set_allocator(take, resize, give_back); /* the first time */
    input.at = bytes;
    input.left = size;
    atomic_store(&longest, 0);
    (void)fuzz_fail_allocation(0);
}

/* The last memory of a pool goes with its last thread, for which nobody waits.
 */
void fuzz_end(void)
{
    time_t give_up = time(NULL) + 20;

    em__default_end();
    while (atomic_load(&blocks) > 0 && time(NULL) < give_up)
        (void)sched_yield();
    promise(atomic_load(&blocks) == 0);
}

unsigned draw(unsigned below)
{
    if (input.left == 0)
        return 0;
    input.left--;
    return *input.at++ % below;
}

bool drawn_out(void)
{
    return input.left == 0;
}

uint64_t draw_word(void)
{
    uint64_t word = 0;
    int i;

    for (i = 0; i < 8; i++)
        word = word << 8 | draw(256);
    return word;
}

void fuzz_broken(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, condition);
    abort();
}
