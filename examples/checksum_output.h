/* SPDX-License-Identifier: MIT */
/* Output: the lines of sha256sum on standard output. */

#ifndef CHECKSUM_OUTPUT_H
#define CHECKSUM_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "checksum_job.h"

struct output_line {
    char *path;
    unsigned char digest[JOB_DIGEST];
};

struct output {
    bool sort;
    struct output_line *lines; /* kept until the end to be sorted */
    size_t count, capacity;
};

void output_begin(struct output *output, bool sort);

/* Each of these returns 0 or a negative errno. */
int output_add(struct output *output, const struct job_file *file);
int output_flush(struct output *output);

/* Write what was kept, close standard output and free all. */
int output_end(struct output *output);

/* Write a path as sha256sum does, so that it stays on its line. */
void output_path(const char *path, FILE *stream);

#endif
