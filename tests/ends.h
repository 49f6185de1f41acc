/* SPDX-License-Identifier: MIT */
/* Ends: two channels, or one and a bare socket, that note what they get. */

#ifndef TESTS_ENDS_H
#define TESTS_ENDS_H

#include <sys/types.h>

#include <emitter/loop.h>

#include "testing.h"
#include "worker/channel.h"

typedef struct end end;

struct end {
    em__channel *channel; /* NULL: closed */
    const char *name;
    bool silent; /* mark nothing */
    /* Called after the mark: with the frame, or what else came. */
    void (*on_frame)(end *it, em__frame *frame);
    void (*on_call)(end *it, const char *what);
    unsigned long received, lost, drained, closed;
    int error; /* of the last that was lost, or of the end */
};

/* Marks are "a:" and the number of bytes, with "+fd" behind it, or "a:lost",
 * "a:drained", "a:closed", with the error behind those that have one. */
extern end a, b;
extern em_loop *loop;

/* Both channels on one loop; or a alone, and the bare end of b. */
void open_ends(size_t limit);
int open_bare_end(size_t limit);
void open_end(end *it, em_loop *on, int fd, size_t limit);
void close_end(end *it); /* nothing if it is closed */
void close_ends(void);   /* and the loop, and the bare end */

/* Turns, until nothing is called any more; or until that many frames came. */
void take_turns(void);
void turn_until_received(end *it, unsigned long count);

int send_bytes(end *it, const void *bytes, size_t size, int fd);
void send_text(end *it, const char *text, int fd);

/* The bytes of message number i, so that none is like another, and whether
 * these are those. */
void fill(unsigned char *bytes, size_t size, unsigned long i);
bool is_filled(const void *data, size_t size, unsigned long i);

/* The reading end of a new pipe, whose other end is closed; is_same tells
 * whether both are of one pipe. */
int new_fd(void);
bool is_same(int fd, int other);
bool is_open(int fd);

#endif
