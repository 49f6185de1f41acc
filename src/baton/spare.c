/* SPDX-License-Identifier: MIT */
/* Spare: memory of batons that are over, for those to come. */

#include <config.h>

#include <stdint.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "baton/spare.h"

/* What the stack's head is when it is closed: no block. */
static em__block closed;

/* The memory before the blocks. */
struct em__sheet {
    atomic_size_t left; /* blocks that exist or are still to be cut */
};

/* Blocks; what a sheet needs besides makes up for one more. */
enum { FIRST_SHEET = 31, FULL_SHEET = 511, MOST_SHEET = 65535 };

int em__spare_init(em__spare *spare, size_t size)
{
    spare->step =
        (size + sizeof(em__sheet *) + EM__LINE - 1) / EM__LINE * EM__LINE;
    spare->sheet_size = FIRST_SHEET;
    return em__spare_inherit(spare);
}

int em__spare_inherit(em__spare *spare)
{
    return -pthread_mutex_init(&spare->lock, NULL);
}

void em__spare_destroy(em__spare *spare)
{
    (void)pthread_mutex_destroy(&spare->lock);
}

static em__block *look(em__spare *spare)
{
    return atomic_load_explicit(&spare->returned, memory_order_relaxed);
}

static em__block *exchange(em__spare *spare, em__block *after)
{
    em__block *first =
        atomic_exchange_explicit(&spare->returned, after, memory_order_acquire);

    return first == &closed ? NULL : first;
}

/* --- sheets --- */

/* The last word of a block. */
static em__sheet **sheet_of(const em__spare *spare, void *block)
{
    char *end = (char *)block + spare->step;

    return (em__sheet **)(void *)end - 1;
}

static void leave_sheet(em__sheet *sheet, size_t blocks)
{
    if (atomic_fetch_sub_explicit(&sheet->left, blocks, memory_order_acq_rel) ==
        blocks)
        em__free(sheet);
}

static char *aligned(char *at)
{
    return at + (EM__LINE - (uintptr_t)at % EM__LINE) % EM__LINE;
}

/* Not under the lock: the allocator is the user's. */
static em__sheet *make_sheet(const em__spare *spare, size_t blocks)
{
    size_t size = sizeof(em__sheet) + EM__LINE + blocks * spare->step;
    em__sheet *sheet = em__malloc(size);

    if (sheet)
        em__expect_all(sheet, size);
    return sheet;
}

/* Once there are many, an eighth more at a time. */
static size_t next_size(em__spare *spare)
{
    size_t part = atomic_load_explicit(&spare->made, memory_order_relaxed) / 8;

    if (spare->sheet_size < FULL_SHEET)
        return 2 * spare->sheet_size + 1;
    if (part < FULL_SHEET)
        return FULL_SHEET;
    return part < MOST_SHEET ? part : MOST_SHEET;
}

/* Under the lock.  Once the stack is closed nobody would take what is left of
 * it. */
static void begin_sheet(em__spare *spare, em__sheet *sheet, size_t blocks)
{
    if (look(spare) == &closed)
        blocks = 1;
    atomic_init(&sheet->left, blocks);
    spare->sheet = sheet;
    spare->rest = aligned((char *)(sheet + 1));
    spare->uncut = blocks;
    spare->sheet_size = next_size(spare);
}

static em__block *cut(em__spare *spare)
{
    void *block;

    if (spare->uncut == 0)
        return NULL;
    block = spare->rest;
    spare->rest += spare->step;
    spare->uncut--;
    *sheet_of(spare, block) = spare->sheet;
    atomic_fetch_add_explicit(&spare->made, 1, memory_order_relaxed);
    return block;
}

/* --- taking and giving back --- */

/* What came back last is warm, and goes first. */
static em__block *ready(em__spare *spare)
{
    em__block *block;

    if (!spare->ready && look(spare) && look(spare) != &closed)
        spare->ready = exchange(spare, NULL);
    block = spare->ready;
    if (block)
        spare->ready = block->next;
    return block;
}

/* Under the lock. */
static em__block *take(em__spare *spare)
{
    em__block *block = ready(spare);

    return block ? block : cut(spare);
}

/* Meanwhile another thread may have begun a sheet, or blocks have come back:
 * then this one is not needed. */
static void *take_with_sheet(em__spare *spare, size_t blocks)
{
    em__sheet *sheet = make_sheet(spare, blocks);
    em__block *block;

    if (!sheet)
        return NULL;
    em__sys_lock(&spare->lock);
    block = take(spare);
    if (!block) {
        begin_sheet(spare, sheet, blocks);
        block = cut(spare);
        sheet = NULL;
    }
    (void)pthread_mutex_unlock(&spare->lock);
    em__free(sheet);
    return block;
}

void *em__spare_take(em__spare *spare)
{
    em__block *block;
    size_t blocks;

    em__sys_lock(&spare->lock);
    block = take(spare);
    blocks = spare->sheet_size;
    (void)pthread_mutex_unlock(&spare->lock);
    return block ? block : take_with_sheet(spare, blocks);
}

bool em__spare_return(em__spare *spare, em__block *first, em__block *last)
{
    em__block *head = look(spare);

    do {
        if (head == &closed)
            return false;
        last->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&spare->returned, &head,
                                                    first, memory_order_release,
                                                    memory_order_relaxed));
    return true;
}

void em__spare_trim(em__spare *spare, size_t most)
{
    em__block **link;
    em__block *all, *rest;

    em__sys_lock(&spare->lock);
    all = look(spare) == &closed ? NULL : exchange(spare, NULL);
    for (link = &all; *link; link = &(*link)->next)
        ;
    *link = spare->ready;
    spare->ready = all;
    for (link = &spare->ready; most > 0 && *link; most--)
        link = &(*link)->next;
    rest = *link;
    *link = NULL;
    (void)pthread_mutex_unlock(&spare->lock);
    em__spare_free(spare, rest);
}

void em__spare_close(em__spare *spare)
{
    em__block *kept, *returned;
    size_t uncut;

    em__sys_lock(&spare->lock);
    returned = exchange(spare, &closed);
    kept = spare->ready;
    spare->ready = NULL;
    uncut = spare->uncut;
    spare->uncut = 0;
    (void)pthread_mutex_unlock(&spare->lock);
    if (uncut > 0)
        leave_sheet(spare->sheet, uncut);
    em__spare_free(spare, returned);
    em__spare_free(spare, kept);
}

void em__spare_free(em__spare *spare, em__block *blocks)
{
    em__block *next;

    for (; blocks; blocks = next) {
        next = blocks->next;
        leave_sheet(*sheet_of(spare, blocks), 1);
        atomic_fetch_sub_explicit(&spare->made, 1, memory_order_relaxed);
    }
}
