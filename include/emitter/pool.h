/* SPDX-License-Identifier: MIT */
/* Pool: threads that run batons.
 *
 * Every function may be called by any thread, also by a running work.  A pool
 * that a forked child inherited answers -ECHILD. */

#ifndef EMITTER_POOL_H
#define EMITTER_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <emitter/base.h>

typedef struct em_pool em_pool;

/* NULL options mean the defaults, and so does zero in a field. */
typedef struct em_pool_options {
    size_t size;          /* of this struct; EM_OPTIONS sets it */
    unsigned min_threads; /* that stay when idle; 0: none */
    unsigned max_threads; /* 0: as many as the default pool has */
    uint64_t idle_ms;     /* after which a thread leaves; 0: 10 000 ms */
    size_t queue_limit;   /* batons that may wait; 0: no limit */
    const char *name;     /* of its threads, copied; 15 bytes are shown */
    size_t stack_size;    /* of a thread, in bytes; 0: the system's */
    uint64_t aging_ms;    /* of waiting raise by one priority; 0: never */
    void (*on_start)(void *hook_data); /* on each thread as it begins */
    void (*on_stop)(void *hook_data);  /* and before it ends */
    void *hook_data; /* needed until each thread that started has stopped */
} em_pool_options;

/* Bucket i counts what took less than 2^i microseconds, and not less than half
 * of that; the last one also all that took longer. */
#define EM_HISTOGRAM 32

typedef struct em_pool_counts {
    size_t size; /* of this struct; EM_OPTIONS sets it */
    uint64_t threads;
    uint64_t idle; /* threads that are in no work */
    uint64_t queued;
    uint64_t running;
    uint64_t done;           /* ran to their end; the sum of wait, and of run */
    uint64_t cancelled;      /* never ran, for whatever reason */
    uint64_t oldest_wait_us; /* of those queued now */
    uint64_t wait[EM_HISTOGRAM]; /* in the queue */
    uint64_t run[EM_HISTOGRAM];  /* in work */
} em_pool_counts;

EM_BEGIN_DECLS

/* Make a pool; its threads start when work comes.  Returns 0, -EINVAL (also if
 * min_threads is above the max_threads given, or the system takes no such
 * stack), -E2BIG or -ENOMEM. */
int em_pool_new(const em_pool_options *options, em_pool **ret);

/* The process's own pool: EMITTER_POOL_SIZE threads, at most 1024; if that is
 * not a positive number, as many as there are processors, at least 4.  NULL if
 * there was no memory for it. */
em_pool *em_pool_default(void);

/* Change how many threads there may be, as in the options; those that are too
 * many leave after what they run.  Returns 0, -EINVAL, or -ESHUTDOWN. */
int em_pool_resize(em_pool *pool, unsigned min_threads, unsigned max_threads);

/* Fill in counts, whose size must be set.  Returns 0 or -EINVAL. */
int em_pool_stats(em_pool *pool, em_pool_counts *counts);

/* Take no more batons (-ESHUTDOWN), complete the queued ones with -ESHUTDOWN,
 * and wait until none runs, but not past deadline_ms from now (UINT64_MAX: for
 * ever).  Returns how many still run, the caller's own counted; call again to
 * wait again.  Or returns -EINVAL. */
int em_pool_shutdown(em_pool *pool, uint64_t deadline_ms);

/* Let go of a pool: its queued batons complete with -ESHUTDOWN, running ones
 * end as they will, and the memory goes with the last of them.  Does not wait.
 * NULL and the default pool are ignored. */
void em_pool_free(em_pool *pool);

EM_END_DECLS

#endif
