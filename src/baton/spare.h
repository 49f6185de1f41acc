/* SPDX-License-Identifier: MIT */
/* Spare: memory of batons that are over, for those to come.
 *
 * Blocks of one size.  They are taken under a lock of their own, which is held
 * for moments and which the pool's threads hardly ever want, and come back
 * without it from whatever thread drops the last reference: they are pushed on
 * a stack that is only ever taken as a whole, so that its head cannot be
 * mistaken for an earlier one.  A loop in its run keeps some at hand in its
 * pocket, where a job that ends leaves what the next one takes.
 *
 * They are cut from sheets, each block a multiple of a line of the processor's
 * cache from the next, so that it shares none with a neighbour; a sheet goes
 * when the last of its blocks does.  It is twice as large as the one before it,
 * up to 64 KiB, so that few jobs do not take much, and then an eighth of what
 * there is, up to some MiB: large pages, each with one fault in place of
 * hundreds, are given for those, and they go back to the system one by one.
 *
 * A block that is out keeps the pool's memory in place: `made` counts those
 * that exist.  When the pool has ended, the stack is closed for good, what is
 * ready is freed, and each block that comes later is freed at once. */

#ifndef EM_BATON_SPARE_H
#define EM_BATON_SPARE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/sys.h"

/* What is left of two lines for what a block is for. */
enum { EM__BLOCK_ROOM = 2 * EM__LINE - sizeof(void *) };

typedef struct em__block {
    struct em__block *next;
} em__block;

typedef struct em__sheet em__sheet;

typedef struct em__spare {
    size_t step; /* from a block to the next */
    pthread_mutex_t lock;
    /* Locked. */
    em__block *ready;
    em__sheet *sheet; /* the one that is being cut, */
    char *rest;       /* from here on, */
    size_t uncut;     /* so many more; or 0 */
    size_t sheet_size;
    /* Any thread's. */
    em__block *_Atomic returned;
    atomic_size_t made;
} em__spare;

/* For blocks of that size: 0 or a negative errno.  Again, in a forked child,
 * where the lock may be held: likewise, and the blocks stay. */
int em__spare_init(em__spare *spare, size_t size);
int em__spare_inherit(em__spare *spare);
void em__spare_destroy(em__spare *spare);

/* Take a block, or make one: NULL, no memory.  Any thread. */
void *em__spare_take(em__spare *spare);

/* Give blocks back, linked from the first to the last: false if the stack is
 * closed; then they are to be freed.  Any thread; the pool may be gone
 * afterwards. */
bool em__spare_return(em__spare *spare, em__block *first, em__block *last);

/* Keep `most` blocks and free the rest. */
void em__spare_trim(em__spare *spare, size_t most);

/* Close the stack and free what is ready. */
void em__spare_close(em__spare *spare);

/* Free what came too late. */
void em__spare_free(em__spare *spare, em__block *blocks);

#endif
