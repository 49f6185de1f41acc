/* SPDX-License-Identifier: MIT */
/* Board: figures that all processes of the server share.
 *
 * It is memory mapped before the workers are forked.  Each process has a record
 * of its own that it alone writes, so that counting needs no locked
 * instruction; only the running number of requests is everybody's. */

#ifndef HTTP_BOARD_H
#define HTTP_BOARD_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

typedef _Atomic uint64_t figure;

/* One process's.  A pid of 0: free. */
struct figures {
    _Alignas(128) _Atomic pid_t pid;
    _Atomic int slot;
    figure started; /* seconds since 1970 */
    figure accepted, open, requests, bytes_out;
    figure answers[6]; /* by the first digit of their status */
    figure refused;    /* requests that were malformed or too large */
    figure timed_out;
    figure log_lost; /* lines, where the disk was too slow */
    figure pool_threads, pool_queued, pool_running, pool_done;
    figure loop_turns, loop_idle_us, loop_longest_us;
};

struct board {
    _Alignas(128) figure number; /* of the last request */
    figure reloads, exits;
    struct figures ended; /* the sums of those that are gone; the master's */
    unsigned count;
    struct figures of[];
};

/* For that many processes at once.  Returns 0 or -ENOMEM. */
int board_new(unsigned count, struct board **ret);

/* Take a record for this process; there is always one: the last is shared by
 * those that came too late. */
struct figures *board_take(struct board *board, int slot);

/* A process has ended: add what it counted to the sums and free its record. */
void board_end(struct board *board, pid_t pid);

/* For the one process that writes it. */
static inline void figure_add(figure *of, uint64_t amount)
{
    uint64_t before = atomic_load_explicit(of, memory_order_relaxed);

    atomic_store_explicit(of, before + amount, memory_order_relaxed);
}

static inline uint64_t figure_get(figure *of)
{
    return atomic_load_explicit(of, memory_order_relaxed);
}

static inline uint64_t board_next(struct board *board)
{
    return atomic_fetch_add_explicit(&board->number, 1, memory_order_relaxed) +
           1;
}

#endif
