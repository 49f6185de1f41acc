/* SPDX-License-Identifier: MIT */
/* Table: found by a key, without a search.
 *
 * Chains that grow no longer than one on average.  Where there is no memory for
 * more of them they grow, and everything is found none the less; so only the
 * first member can be refused. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "nats/internal.h"

enum { FIRST_SLOTS = 16 };

/* Keys may be numbers in a row, and what is above the lowest bits counts, too:
 * Fibonacci hashing (Knuth, TAOCP 6.4), by the bits that all others reach. */
static size_t slot_of(uint64_t key, size_t slot_count)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) &
           (slot_count - 1);
}

static void put(em__nats_node **slots, size_t slot_count, em__nats_node *node)
{
    em__nats_node **slot = &slots[slot_of(node->key, slot_count)];

    node->next = *slot;
    *slot = node;
}

static void grow(em__nats_table *table)
{
    size_t i,
        slot_count = table->slot_count ? table->slot_count * 2 : FIRST_SLOTS;
    em__nats_node *node, *after, **slots = calloc(slot_count, sizeof(*slots));

    if (!slots)
        return;
    for (i = 0; i < table->slot_count; i++) {
        for (node = table->slots[i]; node; node = after) {
            after = node->next;
            put(slots, slot_count, node);
        }
    }
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
}

int em__nats_table_add(em__nats_table *table, em__nats_node *node, uint64_t key)
{
    if (table->count >= table->slot_count)
        grow(table);
    if (!table->slots)
        return -ENOMEM;
    node->key = key;
    put(table->slots, table->slot_count, node);
    table->count++;
    return 0;
}

void em__nats_table_remove(em__nats_table *table, em__nats_node *node)
{
    em__nats_node **at = &table->slots[slot_of(node->key, table->slot_count)];

    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    table->count--;
}

static em__nats_node *skip(em__nats_node *node, uint64_t key)
{
    while (node && node->key != key)
        node = node->next;
    return node;
}

em__nats_node *em__nats_table_first(const em__nats_table *table, uint64_t key)
{
    return table->slots
               ? skip(table->slots[slot_of(key, table->slot_count)], key)
               : NULL;
}

em__nats_node *em__nats_table_next(const em__nats_node *node)
{
    return skip(node->next, node->key);
}

void em__nats_table_free(em__nats_table *table)
{
    free(table->slots);
    *table = (em__nats_table){ .slots = NULL };
}
