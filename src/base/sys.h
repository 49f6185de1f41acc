/* SPDX-License-Identifier: MIT */
/* System: clock, threads, forks and processors, as the upper layers ask. */

#ifndef EM_BASE_SYS_H
#define EM_BASE_SYS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a processor's cache holds and hands to another one at a time: words that
 * are written on different threads are kept so far apart. */
enum { EM__LINE = 64 };

/* Microseconds of the monotonic clock. */
uint64_t em__sys_now_us(void);

/* The calling thread, as an address that no other live thread has.  Where the
 * compiler knows the register that points to a thread's own memory, that is
 * cheaper than the address of something in it, which in a library is a call. */
#if defined(__has_builtin) && (defined(__x86_64__) || defined(__aarch64__))
#if __has_builtin(__builtin_thread_pointer)
#define EM__THREAD_POINTER
#endif
#endif

#ifdef EM__THREAD_POINTER
static inline const void *em__sys_thread(void)
{
    return __builtin_thread_pointer();
}
#else
const void *em__sys_thread(void);
#endif

/* Count the forks that made this process, from the first call on; 0 or -ENOMEM.
 */
int em__sys_watch_forks(void);

/* That count.  An object made at another one was inherited from a parent.  So
 * many functions ask that a call would be most of the answer. */
extern atomic_uint em__sys_fork_count;

static inline unsigned em__sys_forks(void)
{
    return atomic_load_explicit(&em__sys_fork_count, memory_order_relaxed);
}

/* This process has closed all descriptors that it inherited, so that a number
 * which an inherited object remembers may be somebody else's by now. */
void em__sys_disown_descriptors(void);

/* Whether the descriptors of an object made at that count of forks are still
 * there to be closed. */
bool em__sys_owns_descriptors(unsigned forks);

/* Processors this process may run on, at least 1. */
unsigned em__sys_processors(void);

/* Lock a mutex that is only ever held for moments: if it is taken, look again
 * for a moment before sleeping. */
void em__sys_lock(pthread_mutex_t *mutex);

/* Let the processor's other threads go first for a moment, in a loop that only
 * looks at memory. */
static inline void em__sys_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
