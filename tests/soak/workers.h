/* SPDX-License-Identifier: MIT */
/* Workers of the soak: processes that answer messages and are killed now and
 * then, and a cluster whose clients are answered although its workers are. */

#ifndef TESTS_SOAK_WORKERS_H
#define TESTS_SOAK_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include <emitter/loop.h>

/* Below `below`; the soak's. */
uint32_t draw(uint32_t below);

/* Begin, on that loop, which ends after workers_end; 0 or a negative errno. */
int workers_begin(em_loop *loop);
void workers_end(void);

/* Whether each worker, message and client is accounted for; prints how many. */
bool workers_settle(void);

/* Children of this process, dead or alive. */
int count_processes(void);

#endif
