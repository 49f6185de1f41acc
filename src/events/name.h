/* SPDX-License-Identifier: MIT */
/* Name: strings of which there is one copy each, known by its address. */

#ifndef EM_EVENTS_NAME_H
#define EM_EVENTS_NAME_H

#include <stddef.h>
#include <stdint.h>

typedef struct em__name em__name;

/* One copy.  Users and emitters are counted apart: a user who gives back more
 * than was taken does not take a name from an emitter. */
struct em__name {
    em__name *next;  /* in its bucket */
    uint64_t hash;   /* constant */
    size_t users;    /* under the lock, as `emitters` and `next` */
    size_t emitters; /* events of that name */
    size_t symbol;   /* length of the description plus one; 0: not a symbol */
    char text[];     /* for a symbol followed by its description */
};

uint64_t em__name_hash(const char *text);

/* The hash of a name that an emitter holds. */
static inline uint64_t em__name_hash_of(const char *name)
{
    return ((const em__name *)(const void *)(name - offsetof(em__name, text)))
        ->hash;
}

/* The one address of a name, held for an emitter; NULL: no memory. */
const char *em__name_hold(const char *text, uint64_t hash);
void em__name_release(const char *name);

#endif
