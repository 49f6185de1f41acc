/* SPDX-License-Identifier: MIT */
/* Allocator: the one door to the heap, which the user may replace. */

#ifndef EM_BASE_ALLOC_H
#define EM_BASE_ALLOC_H

#include <stddef.h>

void *em__malloc(size_t size);
void *em__calloc(size_t count, size_t size); /* NULL on overflow too */
void *em__realloc(void *old, size_t size);
void em__free(void *memory);

/* All of this memory will be written, so large pages, each with one fault in
 * place of hundreds, pay. */
void em__expect_all(void *memory, size_t size);

#endif
