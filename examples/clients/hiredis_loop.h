/* SPDX-License-Identifier: MIT */
/* Hiredis on an em_loop, in the shape of the adapters that hiredis brings
 * along: one header, and redisEmitterAttach.
 *
 * The connection keeps the loop alive until it is closed.  A program ignores
 * SIGPIPE: hiredis writes to a server that may be gone. */

#ifndef HIREDIS_LOOP_H
#define HIREDIS_LOOP_H

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <emitter/loop.h>

typedef struct redisEmitterEvents {
    redisAsyncContext *context; /* NULL: gone */
    em_source *source, *timer;
    unsigned events;
} redisEmitterEvents;

/* Reading may end the connection, and with it the context. */
static inline void redisEmitterReady(em_source *source, int fd, unsigned events,
                                     void *data)
{
    redisEmitterEvents *e = (redisEmitterEvents *)data;

    (void)source, (void)fd;
    if (e->context && events & EM_READABLE)
        redisAsyncHandleRead(e->context);
    if (e->context && events & EM_WRITABLE)
        redisAsyncHandleWrite(e->context);
}

/* Asking for more of what is watched already does not fail, and attaching did
 * the rest: hiredis reads as long as it is connected. */
static inline void redisEmitterSet(redisEmitterEvents *e, unsigned events)
{
    e->events = events;
    (void)em_source_set_events(e->source, events);
}

static inline void redisEmitterAddRead(void *privdata)
{
    redisEmitterEvents *e = (redisEmitterEvents *)privdata;

    redisEmitterSet(e, e->events | EM_READABLE);
}

static inline void redisEmitterDelRead(void *privdata)
{
    redisEmitterEvents *e = (redisEmitterEvents *)privdata;

    redisEmitterSet(e, e->events & ~(unsigned)EM_READABLE);
}

static inline void redisEmitterAddWrite(void *privdata)
{
    redisEmitterEvents *e = (redisEmitterEvents *)privdata;

    redisEmitterSet(e, e->events | EM_WRITABLE);
}

static inline void redisEmitterDelWrite(void *privdata)
{
    redisEmitterEvents *e = (redisEmitterEvents *)privdata;

    redisEmitterSet(e, e->events & ~(unsigned)EM_WRITABLE);
}

static inline void redisEmitterForget(redisEmitterEvents *e)
{
    memset(&e->context->ev, 0, sizeof(e->context->ev));
    e->context = NULL;
}

/* hiredis is done with it, often from inside redisEmitterReady: so the memory
 * goes with the source, whose callback returns before. */
static inline void redisEmitterCleanup(void *privdata)
{
    redisEmitterEvents *e = (redisEmitterEvents *)privdata;

    redisEmitterForget(e);
    em_source_remove(e->timer);
    em_source_remove(e->source);
}

/* With a context still there, its loop went first. */
static inline void redisEmitterFree(void *data)
{
    redisEmitterEvents *e = (redisEmitterEvents *)data;

    if (e->context)
        redisEmitterForget(e);
    free(e);
}

#if HIREDIS_MAJOR >= 1
static inline void redisEmitterTimeout(em_source *timer, void *data)
{
    (void)timer;
    redisAsyncHandleTimeout(((redisEmitterEvents *)data)->context);
}

/* Rounded up: hiredis takes one that comes early for none. */
static inline void redisEmitterSetTimer(void *privdata, struct timeval after)
{
    redisEmitterEvents *e = (redisEmitterEvents *)privdata;

    (void)em_source_set_timer(e->timer,
                              (uint64_t)after.tv_sec * 1000 +
                                  ((uint64_t)after.tv_usec + 999) / 1000,
                              0);
}
#endif

/* Have the loop serve a context that has just been made, before its callbacks
 * are set and commands are given.  On the loop's thread.  Returns REDIS_OK, or
 * REDIS_ERR if it is attached already or the loop refuses. */
static inline int redisEmitterAttach(redisAsyncContext *ac, em_loop *loop)
{
    redisEmitterEvents *e;

    if (ac->ev.data)
        return REDIS_ERR;
    e = (redisEmitterEvents *)calloc(1, sizeof(*e));
    if (!e)
        return REDIS_ERR;
    e->events = EM_READABLE;
    if (em_loop_add_fd(loop, ac->c.fd, e->events, redisEmitterReady, e,
                       &e->source) < 0) {
        free(e);
        return REDIS_ERR;
    }
    em_source_set_free(e->source, redisEmitterFree);
#if HIREDIS_MAJOR >= 1
    if (em_loop_add_timer(loop, UINT64_MAX, 0, redisEmitterTimeout, e,
                          &e->timer) < 0) {
        em_source_remove(e->source);
        return REDIS_ERR;
    }
    ac->ev.scheduleTimer = redisEmitterSetTimer;
#endif
    e->context = ac;
    ac->ev.data = e;
    ac->ev.addRead = redisEmitterAddRead;
    ac->ev.delRead = redisEmitterDelRead;
    ac->ev.addWrite = redisEmitterAddWrite;
    ac->ev.delWrite = redisEmitterDelWrite;
    ac->ev.cleanup = redisEmitterCleanup;
    return REDIS_OK;
}

#endif
