/* SPDX-License-Identifier: MIT */
/* Nats stream: a pair whose server keeps streams, and what is in one. */

#ifndef TESTS_NATS_STREAM_H
#define TESTS_NATS_STREAM_H

#include <stdint.h>

#include "nats_pair.h"

/* As begin, but the server has JetStream. */
void begin_durable(void);

uint64_t messages_in(const char *stream);
void lose_messages_of(const char *stream);
void run_until_empty(const char *stream);

#endif
