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

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SHIFT(i) (56 - 8 * (i))
#else
#define SHIFT(i) (8 * (i))
#endif

static em__name *smallest[SMALLEST];
static struct {
    em__name **buckets;
    size_t size; /* a power of two */
    size_t count;
    uint64_t serial; /* of the last symbol */
} names = { smallest, SMALLEST, 0, 2 };

const char EM_ERROR_MONITOR[] = "errorMonitor\0011";
const char EM_ANY[] = "any\0012";

/* One multiplication a word: the hash is on the path of every emit from a
 * buffer, where one a byte would cost more than all else.  The start differs
 * from run to run where addresses do, so that nobody can prepare names that
 * collide. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
    return hash ^ (hash >> 32);
}

/* The next word of a text, as it is in memory but zeros behind the end; whether
 * it ended.  Byte by byte, since a wider load might read past the end, and
 * would wait for the writes of a name that was just made. */
static inline bool next_word(const unsigned char *text, uint64_t *word)
{
#define BYTE(i)          \
    if (text[i] == '\0') \
        return true;     \
    *word |= (uint64_t)text[i] << SHIFT(i)
    *word = 0;
    BYTE(0);
    BYTE(1);
    BYTE(2);
    BYTE(3);
    BYTE(4);
    BYTE(5);
    BYTE(6);
    BYTE(7);
#undef BYTE
    return false;
}

void em__name_key(const char *text, em__key *key)
{
    const unsigned char *at = (const unsigned char *)text;
    uint64_t hash = (uintptr_t)&names, word;
    size_t count = 0;
    bool end;

    do {
        end = next_word(at, &word);
        hash = mix(hash, word);
        if (count < EM__KEY_WORDS)
            key->words[count] = word;
        count++;
        at += sizeof(word);
    } while (!end);
    key->text = text;
    key->hash = hash;
    key->count = count <= EM__KEY_WORDS ? count : 0;
}

static em__name **find(const em__key *key)
{
    em__name **at = &names.buckets[key->hash & (names.size - 1)];

    while (*at && ((*at)->hash != key->hash || !em__name_is((*at)->text, key)))
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

/* Of a text of that length, with its zeros. */
static size_t text_size(size_t length)
{
    return (length / sizeof(uint64_t) + 1) * sizeof(uint64_t);
}

/* The text, zeros to the end of the word, and a symbol's description. */
static em__name *make(const em__key *key, size_t symbol)
{
    size_t length = strlen(key->text);
    size_t size = text_size(length);
    em__name *name = em__malloc(sizeof(*name) + size + symbol);

    if (!name)
        return NULL;
    *name = (em__name){
        .hash = key->hash,
        .size = length + 1,
        .symbol = symbol,
    };
    memset(name->text, 0, size + symbol);
    memcpy(name->text, key->text, length);
    if (symbol > 0)
        memcpy(name->text + size, key->text, symbol - 1);
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

static em__name *find_or_make(const em__key *key)
{
    em__name *name = *find(key);

    if (name)
        return name;
    name = make(key, 0);
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

const char *em__name_hold(const em__key *key)
{
    em__name *name;

    em__lock();
    name = find_or_make(key);
    if (name)
        name->emitters++;
    em__unlock();
    return name ? name->text : NULL;
}

void em__name_hold_again(const char *text)
{
    em__lock();
    em__name_of(text)->emitters++;
    em__unlock();
}

void em__name_release(const char *text)
{
    em__name *name = em__name_of(text);
    em__name **at;

    em__lock();
    at = &names.buckets[name->hash & (names.size - 1)];
    while (*at != name)
        at = &(*at)->next;
    name->emitters--;
    remove_unused(at);
    em__unlock();
}

const char *em_intern(const char *text)
{
    em__name *name;
    em__key key;

    if (!text)
        return NULL;
    em__name_key(text, &key);
    em__lock();
    name = find_or_make(&key);
    if (name)
        name->users++;
    em__unlock();
    return name ? name->text : NULL;
}

void em_name_unref(const char *text)
{
    em__name **at;
    em__key key;

    if (!text)
        return;
    em__name_key(text, &key);
    em__lock();
    at = find(&key);
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
    em__key key;

    memcpy(text, description, length);
    do {
        (void)snprintf(text + length, size - length, "\001%" PRIu64,
                       ++names.serial);
        em__name_key(text, &key);
    } while (*find(&key));
    return make(&key, length + 1);
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
    em__key key;

    if (!text)
        return NULL;
    if (strcmp(text, EM_ERROR_MONITOR) == 0)
        return "errorMonitor";
    if (strcmp(text, EM_ANY) == 0)
        return "any";
    em__name_key(text, &key);
    em__lock();
    name = *find(&key);
    if (name && name->symbol > 0)
        description = name->text + text_size(strlen(text));
    em__unlock();
    return description;
}
