/* SPDX-License-Identifier: MIT */
/* Poller: the system's way to wait for many descriptors, behind one seam.
 *
 * It also waits for the loop's own wake-ups and, for a loop inside a host, for
 * the next timer, so that its one descriptor is the whole truth. */

#ifndef EM_LOOP_POLLER_H
#define EM_LOOP_POLLER_H

#include <stdint.h>

typedef struct em__poller {
    int epoll;
    int wake;  /* an eventfd */
    int alarm; /* a timerfd, once a host asked for the descriptor; else -1 */
} em__poller;

/* A descriptor that was found ready; generation tells which registration of
 * that number it was. */
typedef struct em__ready {
    int fd;
    uint32_t generation;
    unsigned events;
} em__ready;

int em__poller_open(em__poller *poller);
void em__poller_close(em__poller *poller); /* accepts a half-open one */

/* Watch fd for `after`, having watched it for `before`; 0: not at all.  Returns
 * 0, -EPERM if the descriptor is always ready, or the system's error. */
int em__poller_set(em__poller *poller, int fd, uint32_t generation,
                   unsigned before, unsigned after);

/* Wait for at most timeout_ms (-1: for ever).  Returns how many are ready, 0
 * also if a signal or a wake-up came, or a negative errno. */
int em__poller_wait(em__poller *poller, em__ready *ready, int max,
                    int timeout_ms);

/* End a wait, or the next one.  Any thread, signal-safe. */
void em__poller_wake(em__poller *poller);

/* Wait for em__poller_wake alone. */
void em__poller_rest(em__poller *poller);

/* The descriptor that is readable when a wait would return, from then on also
 * at the time given to em__poller_alarm; or a negative errno. */
int em__poller_fd(em__poller *poller);
void em__poller_alarm(em__poller *poller,
                      uint64_t at_ms); /* UINT64_MAX: none */

#endif
