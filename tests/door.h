/* SPDX-License-Identifier: MIT */
/* Door: where works wait, so that a test decides when they end; and what most
 * tests of batons do with a loop. */

#ifndef TESTS_DOOR_H
#define TESTS_DOOR_H

#include <emitter.h>

#include "testing.h"

/* A work: wait until the door is open. */
int wait_at_door(em_baton *baton, void *data);
void wait_until_waiting(int count); /* so many works do */
int waiting_at_door(void);
void set_door(bool open);

/* Works that return 0 and -EIO, and one that adds a letter, which is its data,
 * to a string.  The letters are taken as marks are. */
int succeed(em_baton *baton, void *data);
int break_down(em_baton *baton, void *data);
int write_letter(em_baton *baton, void *data);
const char *take_letters(void);

/* An after: mark the data, which is a string or NULL, and the status. */
void note(em_baton *baton, int status, void *data);

/* A pool with so many threads, all of which wait at the closed door. */
em_pool *new_pool(unsigned threads);
em_pool *occupied_pool(em_loop *loop, unsigned threads);

/* Queue a work in a pool, with no after. */
void put(em_loop *loop, em_pool *pool, em_work_fn *work, void *data);

/* Open the door and run the loop to its end; then free it, and the pool. */
void let_all_end(em_loop *loop, em_pool *pool);

em_pool_counts counts_of(em_pool *pool);

#endif
