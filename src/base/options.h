/* SPDX-License-Identifier: MIT */
/* Options: structs that carry their size and so can grow. */

#ifndef EM_BASE_OPTIONS_H
#define EM_BASE_OPTIONS_H

#include <stddef.h>

/* Copy the caller's options, which may be of an older or newer version of the
 * struct, into `copy` of `size` bytes; what the caller does not know is zero.
 * NULL gives all zeros.  Returns 0, -EINVAL if their size cannot be, or -E2BIG
 * if they set something past what this library knows. */
int em__options_read(const void *options, void *copy, size_t size);

/* The other way: fill the caller's struct, as far as it goes, from `known`;
 * what the library does not know is zero.  Returns 0, or -EINVAL. */
int em__options_write(void *out, const void *known, size_t size);

#endif
