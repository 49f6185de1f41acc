/* SPDX-License-Identifier: MIT */
/* Table: which slots serve which paths or hosts.
 *
 * A line of its file is a prefix of paths or the name of a host, * for all
 * others, and then the numbers of slots, which take turns; # begins a
 * comment. */

#ifndef HTTP_TABLE_H
#define HTTP_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

enum { TABLE_PEEK = 8192 };

struct table;

/* Returns 0, -errno of reading it, or -EINVAL after it said what is wrong. */
int table_read(const char *path, enum by by, unsigned slots,
               struct table **ret);
void table_free(struct table *table);

/* The slot for who sent that so far; -EAGAIN if that does not tell yet, -ENOENT
 * if nobody serves it.  What is no request goes to any worker, who knows how to
 * refuse it. */
int table_route(struct table *table, const char *first, size_t size);

#endif
