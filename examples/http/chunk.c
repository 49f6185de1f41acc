/* SPDX-License-Identifier: MIT */
/* Chunk: see chunk.h. */

#include <errno.h>
#include <string.h>

#include "chunk.h"

enum state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at the start of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF
};

enum { DIGITS_MAX = 15, EXTRA_MAX = 16384 };

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int go(struct chunk *chunk, enum state state)
{
    chunk->state = state;
    return 0;
}

static int expect(struct chunk *chunk, char c, char wanted, enum state next)
{
    return c == wanted ? go(chunk, next) : -EBADMSG;
}

static int read_size(struct chunk *chunk, char c)
{
    int digit = hex(c);

    if (digit >= 0) {
        if (chunk->digits++ == DIGITS_MAX)
            return -EMSGSIZE;
        chunk->left = chunk->left << 4 | (unsigned)digit;
        return 0;
    }
    if (chunk->digits == 0)
        return -EBADMSG;
    if (c == ';')
        return go(chunk, EXTENSION);
    return expect(chunk, c, '\r', SIZE_LF);
}

/* Extensions and trailers mean nothing to us, and are bounded together. */
static int skip(struct chunk *chunk, char c, enum state end, enum state same)
{
    if (++chunk->extra > EXTRA_MAX)
        return -EMSGSIZE;
    if (c == '\r')
        return go(chunk, end);
    return is_text(c) ? go(chunk, same) : -EBADMSG;
}

/* What begins like a request cannot be a field, so whoever does not read
 * trailers is not made to see one (RFC 9112, section 7.1.2). */
static int read_name(struct chunk *chunk, char c)
{
    if (++chunk->extra > EXTRA_MAX)
        return -EMSGSIZE;
    if (c == ':' && chunk->state == TRAILER_NAME)
        return go(chunk, TRAILER_VALUE);
    return is_token(c) ? go(chunk, TRAILER_NAME) : -EBADMSG;
}

static int end_size(struct chunk *chunk, char c)
{
    chunk->digits = 0;
    return expect(chunk, c, '\n', chunk->left ? DATA : TRAILER);
}

static int framing(struct chunk *chunk, char c)
{
    switch (chunk->state) {
    case SIZE:
        return read_size(chunk, c);
    case EXTENSION:
        return skip(chunk, c, SIZE_LF, EXTENSION);
    case SIZE_LF:
        return end_size(chunk, c);
    case DATA_CR:
        return expect(chunk, c, '\r', DATA_LF);
    case DATA_LF:
        return expect(chunk, c, '\n', SIZE);
    case TRAILER:
        return c == '\r' ? go(chunk, END_LF) : read_name(chunk, c);
    case TRAILER_NAME:
        return read_name(chunk, c);
    case TRAILER_VALUE:
        return skip(chunk, c, TRAILER_LF, TRAILER_VALUE);
    case TRAILER_LF:
        return expect(chunk, c, '\n', TRAILER);
    default: /* END_LF */
        chunk->done = c == '\n';
        return chunk->done ? 0 : -EBADMSG;
    }
}

long chunk_read(struct chunk *chunk, const char *at, size_t size,
                struct span *data)
{
    size_t used = 0;
    int r;

    *data = (struct span){ at, 0 };
    while (used < size && !chunk->done) {
        if (chunk->state == DATA) {
            data->at = at + used;
            data->size =
                size - used < chunk->left ? size - used : (size_t)chunk->left;
            chunk->left -= data->size;
            if (chunk->left == 0)
                chunk->state = DATA_CR;
            return (long)(used + data->size);
        }
        r = framing(chunk, at[used++]);
        if (r < 0)
            return r;
    }
    return (long)used;
}
