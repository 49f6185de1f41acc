/* SPDX-License-Identifier: MIT */
/* Spare: memory of batons that are over, for those to come.
 *
 * Blocks of one size.  They are taken under the pool's lock and come back
 * without it from whatever thread drops the last reference: they are pushed on
 * a stack that is only ever taken as a whole, so that its head cannot be
 * mistaken for an earlier one.  A loop in its run keeps some at hand in its
 * pocket, where a job that ends leaves what the next one takes.
 *
 * A block that is out keeps the pool's memory in place: `made` counts those
 * that exist.  When the pool has ended, the stack is closed for good, what is
 * ready is freed, and each block that comes later is freed at once. */

#ifndef EM_BATON_SPARE_H
#define EM_BATON_SPARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct em__block {
    struct em__block *next;
} em__block;

typedef struct em__spare {
    size_t size;              /* of a block */
    em__block *_Atomic ready; /* locked; may be peeked at without */
    /* Any thread's. */
    em__block *_Atomic returned;
    atomic_size_t made;
} em__spare;

/* Take a block, or NULL if one has to be made.  Locked. */
void *em__spare_take(em__spare *spare);

/* Whether that would be NULL, as far as one can tell without the lock. */
bool em__spare_is_empty(em__spare *spare);

/* Make a block: NULL, no memory.  Any thread, without the lock. */
void *em__spare_make(em__spare *spare);

/* Give a block back that was never used.  Locked. */
void em__spare_put_back(em__spare *spare, void *block);

/* Give blocks back, linked from the first to the last: false if the stack is
 * closed; then they are to be freed.  Any thread, without the lock; the pool
 * may be gone afterwards. */
bool em__spare_return(em__spare *spare, em__block *first, em__block *last);

/* Keep `most` blocks; the rest is unlinked and returned, to be freed
 * outside the lock.  With `close`, for good.  Locked. */
em__block *em__spare_trim(em__spare *spare, size_t most, bool close);
void em__spare_free(em__spare *spare, em__block *blocks);

#endif
