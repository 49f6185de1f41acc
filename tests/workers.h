/* SPDX-License-Identifier: MIT */
/* Workers: what their tests share. */

#ifndef TESTS_WORKERS_H
#define TESTS_WORKERS_H

#include <emitter.h>

#include "testing.h"

/* Made by begin_workers, freed by end_workers, which finds that no child is
 * left. */
extern em_loop *master;
void begin_workers(void);
void end_workers(void);

/* Spawn a worker whose events are marked: "online", "ready", "drain", the text
 * of messages, "error -5", "exit 7" or "killed 9", with "wanted". */
em_worker *spawn(const em_worker_options *options);
em_worker *spawn_main(em_worker_main_fn *main, void *data);
void listen_to(em_worker *worker);

/* Run the loop to its end. */
void run(void);

/* Run it until that event of the worker has come. */
void run_until(em_worker *worker, const char *event);

/* What the worker with these options posts, all of it joined, until it exits
 * with 0. */
const char *answer(const em_worker_options *options);
const char *answer_of(em_worker_main_fn *main, void *data);

/* In a worker, which must not use Check's assertions: what they write to is
 * closed there, and its number may be another's. */
void say(em_worker *parent, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Worker mains: run the loop to its end and return 0; that, but post back what
 * comes, and ready at first; wait for a signal, for ever. */
int idle(em_loop *own, em_worker *parent, void *data);
int echo(em_loop *own, em_worker *parent, void *data);
int hang(em_loop *own, em_worker *parent, void *data);

#endif
