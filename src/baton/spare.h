/* SPDX-License-Identifier: MIT */
/* Spare: memory of batons that are over, for those to come.
 *
 * Blocks of one size.  They are taken under the pool's lock and come back
 * without it from whatever thread drops the last reference, mostly a loop's:
 * they are pushed on a stack that is only ever taken as a whole, so that its
 * head cannot be mistaken for an earlier one.
 *
 * A block that is out keeps the pool's memory in place.  How many are out is
 * known only once the stack was taken; when the pool has ended, the stack is
 * closed for good, and each block that comes later is counted at once. */

#ifndef EM_BATON_SPARE_H
#define EM_BATON_SPARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct em__block {
    struct em__block *next;
} em__block;

typedef struct em__spare {
    size_t size; /* of a block */
    /* Locked. */
    size_t out; /* blocks not known to be back */
    em__block *ready;
    /* Any thread's. */
    em__block *_Atomic returned;
} em__spare;

/* Take a block, or NULL if one has to be allocated.  Locked. */
void *em__spare_take(em__spare *spare);

/* A block was allocated, or is freed, instead.  Locked. */
void em__spare_count(em__spare *spare, int more);

/* Give a block back that was never used.  Locked. */
void em__spare_put_back(em__spare *spare, void *block);

/* Give a block back: false if the stack is closed; then it is to be freed and
 * counted.  Any thread, without the lock; the pool may be gone afterwards. */
bool em__spare_return(em__spare *spare, void *block);

/* Keep `most` blocks; the rest is unlinked and returned, to be freed outside
 * the lock.  With `close`, for good.  Locked. */
em__block *em__spare_trim(em__spare *spare, size_t most, bool close);
void em__spare_free(em__block *blocks);

#endif
