/* SPDX-License-Identifier: MIT */
/* Internal: a worker's handle at either end, for the files of this layer.
 *
 * All of it belongs to the owner of its loop.  Its memory goes with its
 * emitter, and not before the last of our own calls that use it has returned:
 * em_worker_free is legal inside whatever such a call emits. */

#ifndef EM_WORKER_INTERNAL_H
#define EM_WORKER_INTERNAL_H

#include <emitter/worker.h>

#include "loop/loop.h"
#include "worker/badge.h"
#include "worker/channel.h"
#include "worker/intake.h"

typedef struct em__worker_kind em__worker_kind;

/* What is done of a worker by who keeps it and is no ordinary listener, which
 * em_off_all would take away. */
typedef struct em__worker_hooks {
    /* Whatever its emitter emits, after the listeners, unless they freed it.
     * 'error' counts as handled.  It may be freed in here. */
    void (*event)(em_worker *worker, const char *event, void *arg, void *data);
    /* It called em_worker_done. */
    void (*done)(em_worker *worker, void *data);
    /* It was asked to stop, by whomever.  Must leave it there. */
    void (*asked)(em_worker *worker, void *data);
} em__worker_hooks;

/* What a process, a thread and a parent differ in. */
struct em__worker_kind {
    void (*receive)(em_worker *worker, em__frame *frame);
    void (*closed)(em_worker *worker);  /* the channel, for good */
    void (*overdue)(em_worker *worker); /* the grace is over; NULL: a parent */
    /* The handle is freed: end what is behind it, and wait for it. */
    void (*finish)(em_worker *worker);
    void (*forget)(em_worker *worker); /* in a forked child: memory only */
};

struct em_worker {
    em_emitter emitter;
    em__guest guest;
    em_loop *loop;
    const em__worker_kind *kind;
    em__channel *channel; /* NULL: closed */
    unsigned calls;       /* of ours on the stack, that will use it again */
    bool freed;           /* em_worker_free was called */
    bool gone;            /* and the emitter went too */
    int slot;
    pid_t pid;
    em__intake intake; /* at the worker's end */
    /* At the spawner's end. */
    const em__worker_hooks *hooks; /* or NULL */
    void *hook_data;
    em_source *end;            /* calls when it has ended */
    em_source *grace;          /* the timer of em_worker_terminate */
    uint64_t due;              /* and when, by em_loop_now; UINT64_MAX: never */
    struct em__thread *thread; /* of a thread worker; thread.c's */
    bool online, ready;
    bool ended;  /* and nothing is left to be reaped */
    bool asked;  /* to stop */
    bool wanted; /* its end, by em_worker_terminate */
    bool killed; /* by us */
};

/* --- worker.c --- */

/* A handle with its emitter, and with a channel over fd, which is taken on
 * success. */
int em__worker_new(em_loop *loop, const em__worker_kind *kind, int fd,
                   size_t limit, em_worker **ret);
void em__worker_drop(em_worker *worker); /* one that nobody has seen yet */
void em__worker_free(em_worker *worker); /* one with hooks, too */

/* Around whatever may call a listener and then uses the worker again. */
void em__worker_enter(em_worker *worker);
void em__worker_leave(em_worker *worker);

/* Emit on its emitter and tell the hook; nothing once it is freed.  Whether it
 * was heard. */
bool em__worker_emit(em_worker *worker, const char *event, void *arg);
void em__worker_emit_error(em_worker *worker, int error, const char *what);
void em__worker_emit_message(em_worker *worker, em__frame *frame);

/* Close the channel because the other end broke its rules. */
void em__worker_refuse(em_worker *worker);
void em__worker_close(em_worker *worker);

/* Send what is between the cluster and its worker (EM__FRAME_LISTEN,
 * EM__FRAME_HANDOFF), as em_worker_post does. */
int em__worker_tell(em_worker *worker, em__frame_type type, const void *data,
                    size_t size, int fd);

/* --- spawner.c: what processes and threads share --- */

/* As em_worker_spawn, in a slot and with hooks, which may be NULL. */
int em__worker_spawn(em_loop *loop, const em_worker_options *options, int slot,
                     const em__worker_hooks *hooks, void *data,
                     em_worker **ret);

void em__spawner_receive(em_worker *worker, em__frame *frame);
void em__spawner_closed(em_worker *worker);

void em__spawner_call_time(em_source *grace, void *worker);

/* It has ended: deliver what it had sent, then 'exit'.  The handle may be gone
 * afterwards. */
void em__spawner_ended(em_worker *worker, int code, int signo);

/* --- process.c, thread.c --- */

int em__process_spawn(em_loop *loop, const em_worker_options *options, int slot,
                      em_worker **ret);
int em__thread_spawn(em_loop *loop, const em_worker_options *options, int slot,
                     em_worker **ret);

/* --- parent.c --- */

/* Make the worker's end of a channel over fd, which is taken on success, and
 * tell the other end that it is there.  For the process as a whole, or for the
 * calling thread alone. */
int em__parent_open(em_loop *loop, const em__badge *badge, bool of_thread,
                    em_worker **ret);

#endif
