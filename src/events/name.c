/* SPDX-License-Identifier: MIT */
/* Name: strings of which there is one copy each, known by its address.
 *
 * One table for the process, behind the layer's lock, which is held for a
 * look-up at most.  Emitting never comes here, nor does adding a listener to an
 * event that the emitter knows.  With its last name the table gives back all
 * its memory. */

#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <emitter/name.h>

#include "base/alloc.h"
#include "events/lock.h"
#include "events/name.h"

enum { SMALLEST = 64 };

static em__name *smallest[SMALLEST];
static struct {
    em__name **buckets;
    size_t size; /* a power of two */
    size_t count;
    uint64_t serial; /* of the last symbol */
} names = { smallest, SMALLEST, 0, 2 };

const char EM_ERROR_MONITOR[] = "errorMonitor\0011";
const char EM_ANY[] = "any\0012";

/* Eight bytes a step, each step one multiplication: the hash is on the path of
 * every emit from a buffer, where a byte a step would cost more than all else.
 * The start differs from run to run where addresses do, so that nobody can
 * prepare names that collide. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
    return hash ^ (hash >> 32);
}

static uint64_t load(const char *text, size_t size)
{
    uint64_t word = 0;

    memcpy(&word, text, size);
    return word;
}

uint64_t em__name_hash(const char *text)
{
    size_t left = strlen(text);
    uint64_t hash = mix((uintptr_t)&names, left);

    if (left >= 8) {
        for (; left > 8; left -= 8, text += 8)
            hash = mix(hash, load(text, 8));
        return mix(hash, load(text + left - 8, 8));
    }
    if (left >= 4)
        return mix(hash, load(text, 4) << 32 | load(text + left - 4, 4));
    if (left > 0)
        hash ^= load(text, 1) << 16 | load(text + left / 2, 1) << 8 |
                load(text + left - 1, 1);
    return mix(hash, left);
}

static em__name **find(const char *text, uint64_t hash)
{
    em__name **at = &names.buckets[hash & (names.size - 1)];

    while (*at && ((*at)->hash != hash || strcmp((*at)->text, text) != 0))
        at = &(*at)->next;
    return at;
}

/* Failing is no harm: the chains grow longer. */
static void grow(void)
{
    size_t size = names.size * 2;
    em__name **buckets = em__calloc(size, sizeof(*buckets));
    em__name *name, *next;
    size_t i;

    if (!buckets)
        return;
    for (i = 0; i < names.size; i++) {
        for (name = names.buckets[i]; name; name = next) {
            next = name->next;
            name->next = buckets[name->hash & (size - 1)];
            buckets[name->hash & (size - 1)] = name;
        }
    }
    if (names.buckets != smallest)
        em__free(names.buckets);
    names.buckets = buckets;
    names.size = size;
}

static em__name *make(const char *text, uint64_t hash, size_t symbol)
{
    size_t size = strlen(text) + 1;
    em__name *name = em__malloc(sizeof(*name) + size + symbol);

    if (!name)
        return NULL;
    *name = (em__name){ .hash = hash, .symbol = symbol };
    memcpy(name->text, text, size);
    if (symbol > 0) {
        memcpy(name->text + size, text, symbol - 1);
        name->text[size + symbol - 1] = '\0';
    }
    return name;
}

static void insert(em__name *name)
{
    em__name **bucket;

    if (names.count >= names.size)
        grow();
    bucket = &names.buckets[name->hash & (names.size - 1)];
    name->next = *bucket;
    *bucket = name;
    names.count++;
}

static em__name *find_or_make(const char *text, uint64_t hash)
{
    em__name *name = *find(text, hash);

    if (name)
        return name;
    name = make(text, hash, 0);
    if (name)
        insert(name);
    return name;
}

static void remove_unused(em__name **at)
{
    em__name *name = *at;

    if (name->users > 0 || name->emitters > 0)
        return;
    *at = name->next;
    em__free(name);
    if (--names.count > 0 || names.buckets == smallest)
        return;
    em__free(names.buckets);
    memset(smallest, 0, sizeof(smallest));
    names.buckets = smallest;
    names.size = SMALLEST;
}

const char *em__name_hold(const char *text, uint64_t hash)
{
    em__name *name;

    em__lock();
    name = find_or_make(text, hash);
    if (name)
        name->emitters++;
    em__unlock();
    return name ? name->text : NULL;
}

void em__name_release(const char *text)
{
    uint64_t hash = em__name_hash_of(text);
    em__name **at;

    em__lock();
    at = find(text, hash);
    (*at)->emitters--;
    remove_unused(at);
    em__unlock();
}

const char *em_intern(const char *text)
{
    uint64_t hash;
    em__name *name;

    if (!text)
        return NULL;
    hash = em__name_hash(text);
    em__lock();
    name = find_or_make(text, hash);
    if (name)
        name->users++;
    em__unlock();
    return name ? name->text : NULL;
}

void em_name_unref(const char *text)
{
    em__name **at;
    uint64_t hash;

    if (!text)
        return;
    hash = em__name_hash(text);
    em__lock();
    at = find(text, hash);
    if (*at && (*at)->text == text && (*at)->users > 0) {
        (*at)->users--;
        remove_unused(at);
    }
    em__unlock();
}

/* A serial of which nobody holds the name already, as an ordinary string. */
static em__name *make_symbol(const char *description, char *text, size_t size)
{
    size_t length = strlen(description);
    uint64_t hash;

    memcpy(text, description, length);
    do {
        (void)snprintf(text + length, size - length, "\001%" PRIu64,
                       ++names.serial);
        hash = em__name_hash(text);
    } while (*find(text, hash));
    return make(text, hash, length + 1);
}

const char *em_symbol(const char *description)
{
    em__name *name;
    size_t size;
    char *text;

    if (!description)
        return NULL;
    size = strlen(description) + sizeof("\00118446744073709551615");
    text = em__malloc(size);
    if (!text)
        return NULL;
    em__lock();
    name = make_symbol(description, text, size);
    if (name) {
        name->users++;
        insert(name);
    }
    em__unlock();
    em__free(text);
    return name ? name->text : NULL;
}

const char *em_symbol_description(const char *text)
{
    const char *description = NULL;
    em__name *name;
    uint64_t hash;

    if (!text)
        return NULL;
    if (strcmp(text, EM_ERROR_MONITOR) == 0)
        return "errorMonitor";
    if (strcmp(text, EM_ANY) == 0)
        return "any";
    hash = em__name_hash(text);
    em__lock();
    name = *find(text, hash);
    if (name && name->symbol > 0)
        description = name->text + strlen(name->text) + 1;
    em__unlock();
    return description;
}
