/* SPDX-License-Identifier: MIT */
/* Nats server: one of the test's own, on loopback, in a directory of its own.
 */

#ifndef TESTS_NATS_SERVER_H
#define TESTS_NATS_SERVER_H

#include <stdbool.h>

/* Whether there is a program nats-server. */
bool server_exists(void);

/* Start it, with options (NULL: none), and wait until it listens: the first
 * time on any port, then on the same. */
void server_start(const char *option, const char *value);
void server_kill(int signo); /* and wait for its end, if it is one */

/* Kill it, and forget its port and its directory. */
void server_end(void);

const char *server_url(void);
const char *server_directory(void); /* made if there is none yet */

#endif
