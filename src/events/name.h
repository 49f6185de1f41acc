/* SPDX-License-Identifier: MIT */
/* Name: strings of which there is one copy each, known by its address. */

#ifndef EM_EVENTS_NAME_H
#define EM_EVENTS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { EM__KEY_WORDS = 4 };

typedef struct em__name em__name;

/* One copy.  Users and emitters are counted apart: a user who gives back more
 * than was taken does not take a name from an emitter. */
struct em__name {
    em__name *next;  /* in its bucket */
    uint64_t hash;   /* constant */
    size_t users;    /* under the lock, as `emitters` and `next` */
    size_t emitters; /* events of that name */
    size_t size;     /* of the text, with the zero at its end */
    size_t symbol;   /* of the description behind it; 0: not a symbol */
    char text[];     /* whole words, the last filled up with zeros */
};

/* A name to be looked up: its hash, and the words that it begins with. */
typedef struct em__key {
    const char *text;
    uint64_t hash;
    size_t count; /* of the words; 0: it has more */
    uint64_t words[EM__KEY_WORDS];
} em__key;

void em__name_key(const char *text, em__key *key);

/* Whether the key is that of a name which an emitter holds.  What differs does
 * so before the end of either, so words past the end are never read. */
static inline bool em__name_is(const char *name, const em__key *key)
{
    uint64_t word;
    size_t i;

    if (key->count == 0)
        return strcmp(name, key->text) == 0;
    for (i = 0; i < key->count; i++) {
        memcpy(&word, name + i * sizeof(word), sizeof(word));
        if (word != key->words[i])
            return false;
    }
    return true;
}

/* Of a name that an emitter holds. */
static inline em__name *em__name_of(const char *name)
{
    return (em__name *)(uintptr_t)(name - offsetof(em__name, text));
}

/* Whether a text is this name, which an emitter holds.  The name knows its
 * size, so one comparison a byte does, where strcmp needs two and a call; and
 * no byte behind the end of the text is read, because what differs differs
 * before. */
static inline bool em__name_equals(const char *name, const char *text)
{
    size_t left = em__name_of(name)->size;

    for (; left >= 4; left -= 4, name += 4, text += 4) {
        if (name[0] != text[0] || name[1] != text[1] || name[2] != text[2] ||
            name[3] != text[3])
            return false;
    }
    for (; left > 0; left--, name++, text++) {
        if (*name != *text)
            return false;
    }
    return true;
}

/* The one address of a name, held for an emitter; NULL: no memory. */
const char *em__name_hold(const em__key *key);
void em__name_hold_again(const char *name);
void em__name_release(const char *name);

#endif
