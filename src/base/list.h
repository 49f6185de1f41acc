/* SPDX-License-Identifier: MIT */
/* List: circular and doubly linked, its nodes members of what they link, so
 * that linking never allocates and unlinking never searches. */

#ifndef EM_BASE_LIST_H
#define EM_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct em__list {
    struct em__list *next, *prev;
} em__list;

/* The object that holds `node` as its member `member`. */
#define em__container(node, type, member) \
    ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* The body may remove `node`, but no other one. */
#define em__list_each_safe(list, node, after)                             \
    for ((node) = (list)->next, (after) = (node)->next; (node) != (list); \
         (node) = (after), (after) = (node)->next)

static inline void em__list_init(em__list *list)
{
    list->next = list->prev = list;
}

static inline bool em__list_empty(const em__list *list)
{
    return list->next == list;
}

static inline void em__list_append(em__list *list, em__list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

/* Leaves the node an empty list, so that removing it twice does no harm. */
static inline void em__list_remove(em__list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    em__list_init(node);
}

/* Move everything in `from` behind what is in `list`. */
static inline void em__list_splice(em__list *list, em__list *from)
{
    if (em__list_empty(from))
        return;
    from->next->prev = list->prev;
    list->prev->next = from->next;
    from->prev->next = list;
    list->prev = from->prev;
    em__list_init(from);
}

#endif
