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

    return epoll_ctl(poller->of.epoll.set, EPOLL_CTL_ADD, fd, &event);
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void close_set(em__poller *poller, bool owned)
{
    if (!owned)
        return;
    close_one(&poller->of.epoll.alarm);
    close_one(&poller->of.epoll.wake);
    close_one(&poller->of.epoll.set);
}

static int open_set(em__poller *poller)
{
    int r;

    poller->of.epoll.set = poller->of.epoll.wake = poller->of.epoll.alarm = -1;
    poller->of.epoll.set = epoll_create1(EPOLL_CLOEXEC);
    if (poller->of.epoll.set < 0)
        goto fail;
    poller->of.epoll.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller->of.epoll.wake < 0)
        goto fail;
    if (add_own(poller, poller->of.epoll.wake) < 0)
        goto fail;
    return 0;
fail:
    r = -errno;
    close_set(poller, true);
    return r;
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
static int set_events(em__poller *poller, int fd, uint32_t generation,
                      unsigned before, unsigned after)
{
    struct epoll_event event = { .events = to_epoll(after) };
    int op = before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    event.data.u64 = (uint64_t)generation << 32 | (uint32_t)fd;
    if (!after) {
        (void)epoll_ctl(poller->of.epoll.set, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    if (epoll_ctl(poller->of.epoll.set, op, fd, &event) == 0)
        return 0;
    if (errno == ENOENT)
        op = EPOLL_CTL_ADD;
    else if (errno == EEXIST)
        op = EPOLL_CTL_MOD;
    else
        return -errno;
    return epoll_ctl(poller->of.epoll.set, op, fd, &event) == 0 ? 0 : -errno;
}

static int wait_for(em__poller *poller, em__ready *ready, int max,
                    int timeout_ms)
{
    struct epoll_event events[BATCH];
    int count, i;
    int kept = 0;

    count = epoll_wait(poller->of.epoll.set, events, max < BATCH ? max : BATCH,
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

static void wake(em__poller *poller)
{
    uint64_t one = 1;
    int saved = errno;
    ssize_t written;

    do
        written = write(poller->of.epoll.wake, &one, sizeof(one));
    while (written < 0 && errno == EINTR);
    errno = saved; /* a signal handler may have called */
}

static void rest(em__poller *poller)
{
    struct pollfd wake = { .fd = poller->of.epoll.wake, .events = POLLIN };
    uint64_t count;

    (void)poll(&wake, 1, -1);
    (void)!read(poller->of.epoll.wake, &count, sizeof(count));
}

static int get_fd(em__poller *poller)
{
    int r;

    if (poller->of.epoll.alarm >= 0)
        return poller->of.epoll.set;
    poller->of.epoll.alarm =
        timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (poller->of.epoll.alarm < 0)
        return -errno;
    if (add_own(poller, poller->of.epoll.alarm) < 0) {
        r = -errno;
        close_one(&poller->of.epoll.alarm);
        return r;
    }
    return poller->of.epoll.set;
}

static void set_alarm(em__poller *poller, uint64_t at_ms)
{
    struct itimerspec when = { .it_value = { 0, 0 } }; /* disarmed */

    if (at_ms != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(at_ms / 1000);
        when.it_value.tv_nsec = (long)(at_ms % 1000 * 1000000);
        if (at_ms == 0)
            when.it_value.tv_nsec = 1;
    }
    (void)timerfd_settime(poller->of.epoll.alarm, TFD_TIMER_ABSTIME, &when,
                          NULL);
}

const em__poller_kind em__poller_epoll = { open_set, close_set, set_events,
                                           wait_for, wake,      rest,
                                           get_fd,   set_alarm };
