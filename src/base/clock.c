/* SPDX-License-Identifier: MIT */
/* Clock: a time that is not before now, for who asks very often.
 *
 * The system's clock is the processor's time stamp counter, times a rate; but
 * to read it the processor waits until everything before is done, memory that
 * is on its way included, since the clock must not seem to go back.  Who only
 * wants a time that is certainly not before now, such as a deadline that is
 * rounded up anyway, may read the counter itself, which waits for nothing: as
 * long as it says that less than a window has passed since the last look at the
 * clock, the end of the window will do.
 *
 * That is as true as the clock is where the kernel takes its own time from the
 * counter.  It does so only if the counter's rate is constant and the same on
 * all processors, and leaves it when it finds otherwise.  (Intel 64 and IA-32
 * Architectures Software Developer's Manual, volume 3, "Invariant TSC"; Linux,
 * Documentation/virt/kvm/x86/timekeeping.rst.)  With any other clock each ask
 * is a look. */

#include <config.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"

/* The window is less than what is answered, EM__CLOCK_AHEAD: the counter is
 * read a moment before it seems to be. */
enum { WINDOW_US = 60, RATE_US = 1000 };

#if defined(EM__CLOCK_COUNTS)

static const char source_path[] =
    "/sys/devices/system/clocksource/clocksource0/current_clocksource";

enum { UNKNOWN, COUNTER, OTHER };

static atomic_int source;

/* Unknown while the file cannot be opened. */
static int ask_source(void)
{
    char name[4] = "";
    int fd = open(source_path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return UNKNOWN;
    if (read(fd, name, sizeof(name)) != sizeof(name))
        name[0] = '\0';
    (void)close(fd);
    return memcmp(name, "tsc\n", sizeof(name)) == 0 ? COUNTER : OTHER;
}

/* Threads that ask at once hear the same. */
void em__clock_ask(void)
{
    if (atomic_load_explicit(&source, memory_order_relaxed) == UNKNOWN)
        atomic_store_explicit(&source, ask_source(), memory_order_relaxed);
}

static bool source_is_counter(void)
{
    return atomic_load_explicit(&source, memory_order_relaxed) == COUNTER;
}

#else

void em__clock_ask(void)
{
}

static bool source_is_counter(void)
{
    return false;
}

#endif

void em__clock_init(em__clock *clock)
{
    *clock = (em__clock){ .base = UINT64_MAX };
    if (!source_is_counter())
        return;
    clock->base = em__sys_now_us();
    clock->counter = em__clock_ticks();
}

/* The first look came before its ticks, and this one after its own: whatever
 * came between the two of a look makes the window smaller.  So does rounding.
 */
static uint64_t window_of(const em__clock *clock)
{
    uint64_t us = clock->us - clock->base;

    if (clock->us < clock->base || us < RATE_US)
        return 0;
    return (clock->ticks - clock->counter) / us * WINDOW_US;
}

/* The microsecond that the clock tells has begun, and so has its millisecond.
 */
void em__clock_look(em__clock *clock, uint64_t ticks)
{
    clock->ticks = ticks;
    clock->us = em__sys_now_us();
    if (clock->window == 0)
        clock->window = window_of(clock);
    clock->ms = (clock->us + (clock->window ? EM__CLOCK_AHEAD : 0)) / 1000 + 1;
}
