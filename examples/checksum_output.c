/* SPDX-License-Identifier: MIT */
/* Output: the lines of sha256sum on standard output. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum_output.h"

void output_begin(struct output *output, bool sort)
{
    *output = (struct output){ .sort = sort };
    /* Large enough for what a turn of the loop brings, also on a terminal. */
    (void)setvbuf(stdout, NULL, _IOFBF, 64 << 10);
}

/* What has to be escaped for a name to stay on its line. */
static const char special[] = "\\\n\r";

void output_path(const char *path, FILE *stream)
{
    size_t plain;

    for (;;) {
        plain = strcspn(path, special);
        fwrite(path, 1, plain, stream);
        path += plain;
        if (!*path)
            return;
        putc('\\', stream);
        putc(*path == '\n' ? 'n' : *path == '\r' ? 'r' : '\\', stream);
        path++;
    }
}

/* A line whose name is escaped begins with a backslash. */
static int put_line(const char *path, const unsigned char *digest)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * JOB_DIGEST + 2];
    size_t i;

    for (i = 0; i < JOB_DIGEST; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * i] = hex[2 * i + 1] = ' ';

    errno = 0;
    if (strpbrk(path, special))
        putchar('\\');
    fwrite(hex, 1, sizeof(hex), stdout);
    output_path(path, stdout);
    putchar('\n');
    return ferror(stdout) ? -errno : 0;
}

static int keep_line(struct output *output, const struct job_file *file)
{
    size_t capacity = output->capacity ? 2 * output->capacity : 1024;
    struct output_line *line;

    if (output->count == output->capacity) {
        line = reallocarray(output->lines, capacity, sizeof(*line));
        if (!line)
            return -ENOMEM;
        output->lines = line;
        output->capacity = capacity;
    }
    line = &output->lines[output->count];
    line->path = strdup(file->found.path);
    if (!line->path)
        return -ENOMEM;
    memcpy(line->digest, file->digest, JOB_DIGEST);
    output->count++;
    return 0;
}

int output_add(struct output *output, const struct job_file *file)
{
    return output->sort ? keep_line(output, file)
                        : put_line(file->found.path, file->digest);
}

int output_flush(struct output *output)
{
    (void)output;
    return fflush(stdout) == 0 ? 0 : -errno;
}

static int by_path(const void *a, const void *b)
{
    const struct output_line *left = a, *right = b;

    return strcmp(left->path, right->path);
}

int output_end(struct output *output)
{
    size_t i;
    int r = 0;

    if (output->count > 0)
        qsort(output->lines, output->count, sizeof(*output->lines), by_path);
    for (i = 0; i < output->count; i++) {
        if (r == 0)
            r = put_line(output->lines[i].path, output->lines[i].digest);
        free(output->lines[i].path);
    }
    free(output->lines);
    if (fclose(stdout) != 0 && r == 0) /* some file systems fail only here */
        r = -errno;
    return r;
}
