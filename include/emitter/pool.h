/* SPDX-License-Identifier: MIT */
/* Pool: threads that run batons. */

#ifndef EMITTER_POOL_H
#define EMITTER_POOL_H

#include <emitter/base.h>

typedef struct em_pool em_pool;

EM_BEGIN_DECLS

/* The process's own pool: EMITTER_POOL_SIZE threads, else as many as there are
 * processors, at least 4; they start when work comes.  Any thread.  NULL only
 * if there was no memory for it. */
em_pool *em_pool_default(void);

EM_END_DECLS

#endif
