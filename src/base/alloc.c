/* SPDX-License-Identifier: MIT */
/* Allocator: the one door to the heap, which the user may replace.
 *
 * The three functions are plain variables: they change only before the first
 * allocation, which sets `used` for good, so no allocation can race with a
 * change by a program that keeps em_set_allocator's rule. */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_MADVISE
#include <sys/mman.h>
#endif

#include <emitter/base.h>

#include "base/alloc.h"

/* On most processors, and elsewhere a multiple of a page. */
#define LARGE_PAGE ((size_t)2 << 20)

static struct {
    void *(*malloc_fn)(size_t);
    void *(*realloc_fn)(void *, size_t);
    void (*free_fn)(void *);
} allocator = { malloc, realloc, free };

static atomic_bool used;

int em_set_allocator(void *(*malloc_fn)(size_t),
                     void *(*realloc_fn)(void *, size_t),
                     void (*free_fn)(void *))
{
    if (!malloc_fn || !realloc_fn || !free_fn)
        return -EINVAL;
    if (atomic_load(&used))
        return -EBUSY;
    allocator.malloc_fn = malloc_fn;
    allocator.realloc_fn = realloc_fn;
    allocator.free_fn = free_fn;
    return 0;
}

/* Reading first keeps the line shared between the threads that allocate. */
static void note_use(void)
{
    if (!atomic_load_explicit(&used, memory_order_relaxed))
        atomic_store(&used, true);
}

void *em__malloc(size_t size)
{
    note_use();
    return allocator.malloc_fn(size);
}

void *em__calloc(size_t count, size_t size)
{
    void *memory;

    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    memory = em__malloc(count * size);
    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

void *em__realloc(void *old, size_t size)
{
    note_use();
    return allocator.realloc_fn(old, size);
}

void em__free(void *memory)
{
    allocator.free_fn(memory);
}

/* Those that lie wholly inside it; see madvise(2).  A hint, and so without a
 * result. */
void em__expect_all(void *memory, size_t size)
{
#if defined(HAVE_MADVISE) && defined(MADV_HUGEPAGE)
    uintptr_t mask = LARGE_PAGE - 1;
    uintptr_t start = ((uintptr_t)memory + mask) & ~mask;
    uintptr_t end = ((uintptr_t)memory + size) & ~mask;

    if (size > LARGE_PAGE && start < end)
        (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
#else
    (void)memory, (void)size;
#endif
}
