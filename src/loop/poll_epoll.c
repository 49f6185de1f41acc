/* SPDX-License-Identifier: MIT */
/* Poller on Linux: epoll(7), eventfd(2) and timerfd_create(2).
 *
 * The loop's own two descriptors are registered edge-triggered: a write or an
 * expiry makes the epoll descriptor readable until the next wait has seen it,
 * and neither has to be read.  An eventfd's count would overflow after 2^64
 * writes. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "loop/poller.h"

/* What the kernel hands back for our own; no descriptor has all bits set. */
static const uint64_t OWN = UINT64_MAX;

enum { BATCH = 256 };

static int add_own(em__poller *poller, int fd)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = OWN };

    return epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event);
}

int em__poller_open(em__poller *poller)
{
    int r;

    *poller = (em__poller){ .epoll = -1, .wake = -1, .alarm = -1 };
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll < 0)
        goto fail;
    poller->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller->wake < 0)
        goto fail;
    if (add_own(poller, poller->wake) < 0)
        goto fail;
    return 0;
fail:
    r = -errno;
    em__poller_close(poller);
    return r;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void em__poller_close(em__poller *poller)
{
    close_one(&poller->alarm);
    close_one(&poller->wake);
    close_one(&poller->epoll);
}

static uint32_t to_epoll(unsigned events)
{
    return (events & EM_READABLE ? (uint32_t)EPOLLIN : 0) |
           (events & EM_WRITABLE ? (uint32_t)EPOLLOUT : 0);
}

static unsigned from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? (unsigned)EM_READABLE : 0) |
           (events & EPOLLOUT ? (unsigned)EM_WRITABLE : 0) |
           (events & EPOLLHUP ? (unsigned)EM_HANGUP : 0) |
           (events & EPOLLERR ? (unsigned)EM_ERROR : 0);
}

/* A descriptor closed behind our back took its registration along, and its
 * number may be in use again: so a change falls back to adding.  A duplicate
 * of it kept open keeps the registration: so adding falls back to changing. */
int em__poller_set(em__poller *poller, int fd, uint32_t generation,
                   unsigned before, unsigned after)
{
    struct epoll_event event = { .events = to_epoll(after) };
    int op = before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    event.data.u64 = (uint64_t)generation << 32 | (uint32_t)fd;
    if (!after) {
        (void)epoll_ctl(poller->epoll, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    if (epoll_ctl(poller->epoll, op, fd, &event) == 0)
        return 0;
    if (errno == ENOENT)
        op = EPOLL_CTL_ADD;
    else if (errno == EEXIST)
        op = EPOLL_CTL_MOD;
    else
        return -errno;
    return epoll_ctl(poller->epoll, op, fd, &event) == 0 ? 0 : -errno;
}

int em__poller_wait(em__poller *poller, em__ready *ready, int max,
                    int timeout_ms)
{
    struct epoll_event events[BATCH];
    int count, i;
    int kept = 0;

    count = epoll_wait(poller->epoll, events, max < BATCH ? max : BATCH,
                       timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (i = 0; i < count; i++) {
        if (events[i].data.u64 == OWN)
            continue;
        ready[kept++] = (em__ready){
            .fd = (int)(uint32_t)events[i].data.u64,
            .generation = (uint32_t)(events[i].data.u64 >> 32),
            .events = from_epoll(events[i].events),
        };
    }
    return kept;
}

void em__poller_wake(em__poller *poller)
{
    uint64_t one = 1;
    int saved = errno;
    ssize_t written;

    do
        written = write(poller->wake, &one, sizeof(one));
    while (written < 0 && errno == EINTR);
    errno = saved; /* a signal handler may have called */
}

void em__poller_rest(em__poller *poller)
{
    struct pollfd wake = { .fd = poller->wake, .events = POLLIN };
    uint64_t count;

    (void)poll(&wake, 1, -1);
    (void)!read(poller->wake, &count, sizeof(count));
}

int em__poller_fd(em__poller *poller)
{
    int r;

    if (poller->alarm >= 0)
        return poller->epoll;
    poller->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (poller->alarm < 0)
        return -errno;
    if (add_own(poller, poller->alarm) < 0) {
        r = -errno;
        close_one(&poller->alarm);
        return r;
    }
    return poller->epoll;
}

void em__poller_alarm(em__poller *poller, uint64_t at_ms)
{
    struct itimerspec when = { .it_value = { 0, 0 } }; /* disarmed */

    if (at_ms != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(at_ms / 1000);
        when.it_value.tv_nsec = (long)(at_ms % 1000 * 1000000);
        if (at_ms == 0)
            when.it_value.tv_nsec = 1;
    }
    (void)timerfd_settime(poller->alarm, TFD_TIMER_ABSTIME, &when, NULL);
}
