/* SPDX-License-Identifier: MIT */
/* Slab: memory for very many objects of one size. */

#ifndef EM_BASE_SLAB_H
#define EM_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

typedef struct em__slabs {
    em__list roomy, full; /* slabs */
    size_t size;          /* of an object: a multiple of that of a pointer */
    size_t room, used;    /* objects, in all slabs */
} em__slabs;

void em__slabs_init(em__slabs *slabs, size_t size);

/* An object, of any content, and its number, which is to be given back with it;
 * or NULL. */
void *em__slabs_take(em__slabs *slabs, uint32_t *number);
void em__slabs_give(em__slabs *slabs, void *object, uint32_t number);

/* Free what is kept for further objects; there are none. */
void em__slabs_free(em__slabs *slabs);

#endif
