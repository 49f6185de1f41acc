/* SPDX-License-Identifier: MIT */
/* File: answers that are files below one directory.
 *
 * Paths are walked and files opened on the pool, since a disk may be slow;
 * what they hold then goes from the page cache to the socket by sendfile. */

#ifndef HTTP_FILE_H
#define HTTP_FILE_H

#include "exchange.h"

struct files {
    int root; /* -1: there are none */
};

/* Returns 0 or -errno. */
int files_start(struct files *files, const char *root);
void files_free(struct files *files);

void files_request(struct files *files, struct exchange *exchange);

#endif
