/* SPDX-License-Identifier: MIT */
/* Poller: the system's way to wait for many descriptors, behind one seam.
 *
 * It also waits for the loop's own wake-ups and, for a loop inside a host, for
 * the next timer, so that its one descriptor is the whole truth. */

#ifndef EM_LOOP_POLLER_H
#define EM_LOOP_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include <emitter/loop.h>

typedef struct em__poller em__poller;

/* A descriptor that was found ready; generation tells which registration of
 * that number it was. */
typedef struct em__ready {
    int fd;
    uint32_t generation;
    unsigned events;
} em__ready;

/* What a system offers; each function is described below. */
typedef struct em__poller_kind {
    int (*open)(em__poller *poller);
    void (*close)(em__poller *poller, bool owned);
    int (*set)(em__poller *poller, int fd, uint32_t generation, unsigned before,
               unsigned after);
    int (*wait)(em__poller *poller, em__ready *ready, int max, int timeout_ms);
    void (*wake)(em__poller *poller);
    void (*rest)(em__poller *poller);
    int (*fd)(em__poller *poller);
    void (*alarm)(em__poller *poller, uint64_t at_ms);
} em__poller_kind;

extern const em__poller_kind em__poller_epoll; /* poll_epoll.c */
extern const em__poller_kind em__poller_poll;  /* poll_poll.c */

struct em__poller {
    const em__poller_kind *kind;
    union {
        struct {
            int set;
            int wake;  /* an eventfd */
            int alarm; /* a timerfd, once a host asked; else -1 */
        } epoll;
        struct em__poll_set *poll;
    } of;
};

/* Choose a kind and open it.  Returns 0, -EINVAL, -ENOTSUP if it is not built
 * in, or the system's error. */
int em__poller_open(em__poller *poller, em_poller wish);

/* `owned`: its descriptors are still there to be closed. */
static inline void em__poller_close(em__poller *poller, bool owned)
{
    poller->kind->close(poller, owned);
}

/* Watch fd for `after`, having watched it for `before`; 0: not at all.  Returns
 * 0, -EPERM if the descriptor is always ready, or the system's error. */
static inline int em__poller_set(em__poller *poller, int fd,
                                 uint32_t generation, unsigned before,
                                 unsigned after)
{
    return poller->kind->set(poller, fd, generation, before, after);
}

/* Wait for at most timeout_ms (-1: for ever).  Returns how many are ready, 0
 * also if a signal or a wake-up came, or a negative errno. */
static inline int em__poller_wait(em__poller *poller, em__ready *ready, int max,
                                  int timeout_ms)
{
    return poller->kind->wait(poller, ready, max, timeout_ms);
}

/* End a wait, or the next one.  Any thread, signal-safe. */
static inline void em__poller_wake(em__poller *poller)
{
    poller->kind->wake(poller);
}

/* Wait for em__poller_wake alone. */
static inline void em__poller_rest(em__poller *poller)
{
    poller->kind->rest(poller);
}

/* The descriptor that is readable when a wait would return, from then on also
 * at the time given to em__poller_alarm (UINT64_MAX: none); or a negative
 * errno, which is -ENOTSUP where the system has no such thing. */
static inline int em__poller_fd(em__poller *poller)
{
    return poller->kind->fd(poller);
}

static inline void em__poller_alarm(em__poller *poller, uint64_t at_ms)
{
    poller->kind->alarm(poller, at_ms);
}

#endif
