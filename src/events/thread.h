/* SPDX-License-Identifier: MIT */
/* Thread: a debug build finds calls from a thread that is not the owner. */

#ifndef EM_EVENTS_THREAD_H
#define EM_EVENTS_THREAD_H

#include "events/core.h"

#ifdef EM_DEBUG
#define EM__CHECK_THREAD(emitter) em__thread_check(emitter, __func__)
#else
#define EM__CHECK_THREAD(emitter) ((void)0)
#endif

/* Abort, with both threads' names, unless the calling thread owns the
 * emitter's loop.  An emitter without a loop belongs to whoever uses it. */
void em__thread_check(em_emitter *emitter, const char *function);

#endif
