/* SPDX-License-Identifier: MIT */
/* Clock: a time that is not before now, for who asks very often. */

#ifndef EM_BASE_CLOCK_H
#define EM_BASE_CLOCK_H

#include <stdint.h>

#if defined(__x86_64__) && defined(__linux__) && !defined(EM_PORTABLE)
#define EM__CLOCK_COUNTS
#endif

enum { EM__CLOCK_AHEAD = 64 }; /* microseconds */

/* One thread's, at a time. */
typedef struct em__clock {
    uint64_t us, ticks;     /* a look at the clock, and at the counter before */
    uint64_t ms;            /* what is answered until the next look */
    uint64_t window;        /* ticks of almost EM__CLOCK_AHEAD; 0: not known */
    uint64_t base, counter; /* the first look, and at the counter after it */
} em__clock;

/* Where the system takes its time from, once a process; when a loop is made,
 * since a program may forbid itself to open files later. */
void em__clock_ask(void);

void em__clock_init(em__clock *clock);
void em__clock_look(em__clock *clock, uint64_t ticks);

static inline uint64_t em__clock_ticks(void)
{
#if defined(EM__CLOCK_COUNTS)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Milliseconds of the monotonic clock that have not passed: at most one and
 * EM__CLOCK_AHEAD more than it has, and never less than it answered before. */
static inline uint64_t em__clock_ahead_ms(em__clock *clock)
{
    uint64_t ticks = em__clock_ticks();

    if (ticks - clock->ticks >= clock->window)
        em__clock_look(clock, ticks);
    return clock->ms;
}

#endif
