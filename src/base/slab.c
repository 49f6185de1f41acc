/* SPDX-License-Identifier: MIT */
/* Slab: memory for very many objects of one size.
 *
 * After Bonwick, "The Slab Allocator" (USENIX Summer 1994): objects come from
 * slabs, each of which is a block of the heap and knows how many of its objects
 * are in use.  The heap itself would take longer, and what costs most when
 * there are very many is that memory is touched for the first time: a slab of
 * some size asks for large pages.
 *
 * The first slab holds a few objects, and each further one as many as there are
 * already, up to a number of bytes; from there on an eighth of them, so that
 * there are few slabs and little of them is unused.  A slab without objects is
 * freed, unless few could be added before another one is needed.  An object's
 * number tells where its slab begins, so that none needs a pointer to it. */

#include <config.h>

#include <string.h>

#include "base/alloc.h"
#include "base/slab.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EM__ASAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define EM__ASAN
#endif
#if defined(EM__ASAN)
#include <sanitizer/asan_interface.h>
#else /* an object that is not in use may not be touched: nobody looks */
#define ASAN_POISON_MEMORY_REGION(memory, size)   ((void)(memory), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#endif

enum {
    FEW = 8,         /* objects in the first slab */
    LARGE = 4 << 20, /* bytes: some large pages */
    UNUSED_PART = 8  /* of what is in use */
};

#define NONE UINT32_MAX

typedef struct slab {
    em__list node;
    uint32_t capacity, used;
    uint32_t fresh; /* this one and those after it were not in use yet */
    uint32_t free;  /* the first of a chain of those that were, or NONE */
} slab;

_Static_assert(sizeof(slab) % sizeof(uint64_t) == 0, "objects are aligned");

static void *object_at(const em__slabs *slabs, slab *at, uint32_t number)
{
    return (char *)(at + 1) + number * slabs->size;
}

void em__slabs_init(em__slabs *slabs, size_t size)
{
    *slabs = (em__slabs){ .size = size };
    em__list_init(&slabs->roomy);
    em__list_init(&slabs->full);
}

static size_t next_capacity(const em__slabs *slabs)
{
    size_t count = slabs->room;

    if (count > LARGE / slabs->size)
        count = LARGE / slabs->size - 1; /* with the heap's words and ours */
    if (count < slabs->room / UNUSED_PART)
        count = slabs->room / UNUSED_PART;
    if (count > NONE - 1)
        count = NONE - 1;
    return count > FEW ? count : FEW;
}

static slab *grow(em__slabs *slabs)
{
    size_t capacity = next_capacity(slabs);
    size_t bytes = capacity * slabs->size;
    slab *made = em__malloc(sizeof(*made) + bytes);

    if (!made)
        return NULL;
    em__expect_all(made, sizeof(*made) + bytes);
    *made = (slab){ .capacity = (uint32_t)capacity, .free = NONE };
    ASAN_POISON_MEMORY_REGION(made + 1, bytes);
    em__list_append(&slabs->roomy, &made->node);
    slabs->room += capacity;
    return made;
}

static void shrink(em__slabs *slabs, slab *empty)
{
    slabs->room -= empty->capacity;
    em__list_remove(&empty->node);
    ASAN_UNPOISON_MEMORY_REGION(empty + 1, empty->capacity * slabs->size);
    em__free(empty);
}

/* The one that got room last is likely the fullest. */
static slab *first_roomy(em__slabs *slabs)
{
    if (em__list_empty(&slabs->roomy))
        return grow(slabs);
    return em__container(slabs->roomy.next, slab, node);
}

static void change_list(em__list *list, slab *moved)
{
    em__list_remove(&moved->node);
    em__list_append(list->next, &moved->node); /* as its first */
}

void *em__slabs_take(em__slabs *slabs, uint32_t *number)
{
    slab *from = first_roomy(slabs);
    void *object;

    if (!from)
        return NULL;
    *number = from->free != NONE ? from->free : from->fresh++;
    object = object_at(slabs, from, *number);
    ASAN_UNPOISON_MEMORY_REGION(object, slabs->size);
    if (from->free != NONE)
        memcpy(&from->free, object, sizeof(from->free));
    slabs->used++;
    if (++from->used == from->capacity)
        change_list(&slabs->full, from);
    return object;
}

/* Whether a slab that became empty is freed. */
static bool is_spare(const em__slabs *slabs, const slab *empty)
{
    size_t others = slabs->room - empty->capacity - slabs->used;

    return others >= slabs->used / UNUSED_PART &&
           (others > 0 || empty->capacity > FEW);
}

/* It is the last one to be taken from.  Those that were kept when they were
 * empty come before it, and may be freed in its place. */
static void shed(em__slabs *slabs, slab *empty)
{
    em__list *node, *after;

    em__list_remove(&empty->node);
    em__list_append(&slabs->roomy, &empty->node);
    em__list_each_safe(&slabs->roomy, node, after) {
        slab *at = em__container(node, slab, node);

        if (at->used == 0 && is_spare(slabs, at))
            shrink(slabs, at);
    }
}

void em__slabs_give(em__slabs *slabs, void *object, uint32_t number)
{
    slab *to = (slab *)(void *)((char *)object - number * slabs->size) - 1;

    memcpy(object, &to->free, sizeof(to->free));
    to->free = number;
    ASAN_POISON_MEMORY_REGION(object, slabs->size);
    slabs->used--;
    if (to->used-- == to->capacity)
        change_list(&slabs->roomy, to);
    if (to->used == 0)
        shed(slabs, to);
}

void em__slabs_free(em__slabs *slabs)
{
    while (!em__list_empty(&slabs->roomy))
        shrink(slabs, em__container(slabs->roomy.next, slab, node));
}
