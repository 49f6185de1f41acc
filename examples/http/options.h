/* SPDX-License-Identifier: MIT */
/* Options: what the command line says. */

#ifndef HTTP_OPTIONS_H
#define HTTP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <emitter.h>

enum by { BY_PEER, BY_PATH, BY_HOST }; /* what a table routes by */

struct options {
    const char *listen;
    unsigned workers;
    em_route route;
    enum by by;
    const char *table; /* a file, for BY_PATH and BY_HOST */
    unsigned ports;    /* the first of one port a worker; 0: one for all */
    const char *root;  /* files below this directory; NULL: none */
    const char *proxy; /* HOST:PORT[,...]; NULL: no proxy */
    const char *log;   /* the access log's file; NULL: none */
    const char *user;  /* who the workers are; NULL: who started the server */
    uint64_t restarts; /* of a slot in a minute, before it is given up */
    uint64_t max_header, max_body; /* bytes */
    uint64_t header_ms, idle_ms, body_ms, proxy_ms, drain_ms;
};

/* Returns 0, or with the exit status + 1 after it said why, or what was asked
 * for with --help. */
int options_parse(struct options *options, int argc, char **argv);

#endif
