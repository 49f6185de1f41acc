/* SPDX-License-Identifier: MIT */
/* Base: what every part shares: declarations, options, the allocator. */

#ifndef EMITTER_BASE_H
#define EMITTER_BASE_H

#include <stddef.h>

/* Around the declarations of a header.  While the library itself is built they
 * also make what is declared visible, since all else in it is hidden. */
#if defined(EM_BUILDING_LIBRARY)
#define EM_BEGIN_DECLS _Pragma("GCC visibility push(default)")
#define EM_END_DECLS   _Pragma("GCC visibility pop")
#elif defined(__cplusplus)
#define EM_BEGIN_DECLS extern "C" {
#define EM_END_DECLS   }
#else
#define EM_BEGIN_DECLS
#define EM_END_DECLS
#endif

/* A pointer to an options struct with the named fields set, all others zero,
 * valid until the enclosing block ends: EM_OPTIONS(em_loop_options, .seed = 1).
 * Takes at least one field.  C only; C++ sets the fields and .size by hand. */
#define EM_OPTIONS(type, ...) (&(type){ .size = sizeof(type), __VA_ARGS__ })

EM_BEGIN_DECLS

/* Make the library allocate through these three, which keep the contracts of
 * malloc, realloc and free and may be called by any thread.  Call it before
 * anything else of the library.  Returns 0, -EINVAL if one of them is NULL, or
 * -EBUSY once the library has allocated. */
int em_set_allocator(void *(*malloc_fn)(size_t),
                     void *(*realloc_fn)(void *, size_t),
                     void (*free_fn)(void *));

EM_END_DECLS

#endif
