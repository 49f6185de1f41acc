/* SPDX-License-Identifier: MIT */
/* Log: the access log, written off the loop's thread.
 *
 * Lines gather in one buffer while a baton writes the other, so that a slow
 * disk delays no answer; when both are full, lines are lost and counted. */

#ifndef HTTP_LOG_H
#define HTTP_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include <emitter.h>

#include "board.h"

struct connection;

enum { LOG_SIZE = 262144, LOG_FLUSH = 32768, LOG_MS = 500 };

struct log {
    int fd; /* -1: no log */
    em_loop *loop;
    struct figures *figures;
    em_source *timer;
    bool armed, writing;
    size_t size, write_size; /* the second is the baton's while it writes */
    char *lines, *write_lines;
};

/* fd -1: no log.  Returns 0 or -errno. */
int log_open(struct log *log, em_loop *loop, int fd, struct figures *figures);

/* The request of that connection that was just answered. */
void log_request(struct log *log, const struct connection *connection);

/* Have everything written soon; the loop lives until it is. */
void log_flush(struct log *log);

void log_free(struct log *log);

#endif
