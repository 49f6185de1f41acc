/* SPDX-License-Identifier: MIT */
/* Poller on plain POSIX: poll(2) and a pipe to wake it.
 *
 * Entry 0 is the pipe; the others are in no order, and `slots` tells by
 * descriptor number where each one is, 0 meaning nowhere. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/poller.h"

/* Beside an entry: whose it is also once the entry is switched off. */
struct owner {
    int fd;
    uint32_t generation;
};

struct em__poll_set {
    struct pollfd *entries;
    struct owner *owners;
    unsigned *slots;
    unsigned count, room, slot_room;
    unsigned next; /* where the last harvest ended */
    int wake;      /* the end that is written to */
};

/* --- room --- */

static int grow_entries(struct em__poll_set *set)
{
    unsigned room = set->room ? 2 * set->room : 16;
    struct pollfd *entries;
    struct owner *owners;

    if (set->count < set->room)
        return 0;
    entries = em__realloc(set->entries, room * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    set->entries = entries;
    owners = em__realloc(set->owners, room * sizeof(*owners));
    if (!owners)
        return -ENOMEM;
    set->owners = owners;
    set->room = room;
    return 0;
}

static int grow_slots(struct em__poll_set *set, int fd)
{
    unsigned room = set->slot_room ? set->slot_room : 16;
    unsigned *slots;

    while (room <= (unsigned)fd)
        room *= 2;
    if (room == set->slot_room)
        return 0;
    slots = em__realloc(set->slots, room * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    memset(slots + set->slot_room, 0, (room - set->slot_room) * sizeof(*slots));
    set->slots = slots;
    set->slot_room = room;
    return 0;
}

/* --- life --- */

static void close_set(em__poller *poller, bool owned)
{
    struct em__poll_set *set = poller->of.poll;

    if (!set)
        return;
    if (owned && set->count > 0)
        (void)close(set->entries[0].fd);
    if (owned && set->wake >= 0)
        (void)close(set->wake);
    em__free(set->entries);
    em__free(set->owners);
    em__free(set->slots);
    em__free(set);
    poller->of.poll = NULL;
}

static int open_pipe(int ends[2])
{
#ifdef HAVE_PIPE2
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : -errno;
#else
    int i;

    if (pipe(ends) < 0)
        return -errno;
    for (i = 0; i < 2; i++) {
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
#endif
}

static int add_wake(struct em__poll_set *set)
{
    int ends[2];
    int r = grow_entries(set);

    if (r < 0)
        return r;
    r = open_pipe(ends);
    if (r < 0)
        return r;
    set->entries[set->count++] =
        (struct pollfd){ .fd = ends[0], .events = POLLIN };
    set->wake = ends[1];
    return 0;
}

static int open_set(em__poller *poller)
{
    struct em__poll_set *set = em__calloc(1, sizeof(*set));
    int r;

    poller->of.poll = set;
    if (!set)
        return -ENOMEM;
    set->wake = -1;
    r = add_wake(set);
    if (r < 0)
        close_set(poller, true);
    return r;
}

/* --- what is watched --- */

static void remove_entry(struct em__poll_set *set, unsigned slot)
{
    unsigned last = --set->count;

    set->slots[set->owners[slot].fd] = 0;
    if (slot == last)
        return;
    set->entries[slot] = set->entries[last];
    set->owners[slot] = set->owners[last];
    set->slots[set->owners[slot].fd] = slot;
}

static int add_entry(struct em__poll_set *set, int fd)
{
    int r = grow_slots(set, fd);

    if (r < 0)
        return r;
    r = grow_entries(set);
    if (r < 0)
        return r;
    set->slots[fd] = set->count++;
    return 0;
}

static int set_events(em__poller *poller, int fd, uint32_t generation,
                      unsigned before, unsigned after)
{
    struct em__poll_set *set = poller->of.poll;
    unsigned slot = (unsigned)fd < set->slot_room ? set->slots[fd] : 0;
    int r;

    (void)before;
    if (!after) {
        if (slot)
            remove_entry(set, slot);
        return 0;
    }
    if (!slot) {
        r = add_entry(set, fd);
        if (r < 0)
            return r;
        slot = set->slots[fd];
    }
    set->entries[slot] = (struct pollfd){
        .fd = fd,
        .events = (short)((after & EM_READABLE ? POLLIN : 0) |
                          (after & EM_WRITABLE ? POLLOUT : 0)),
    };
    set->owners[slot] = (struct owner){ fd, generation };
    return 0;
}

/* --- waiting --- */

static void drain(struct em__poll_set *set)
{
    char bytes[64];

    while (read(set->entries[0].fd, bytes, sizeof(bytes)) == sizeof(bytes))
        ;
}

static unsigned from_poll(int events)
{
    return (events & POLLIN ? (unsigned)EM_READABLE : 0) |
           (events & POLLOUT ? (unsigned)EM_WRITABLE : 0) |
           (events & POLLHUP ? (unsigned)EM_HANGUP : 0) |
           (events & POLLERR ? (unsigned)EM_ERROR : 0);
}

/* A descriptor closed behind our back would be ready for ever.  Switched off it
 * is forgotten, as epoll does. */
static bool is_ready(struct em__poll_set *set, unsigned slot)
{
    struct pollfd *entry = &set->entries[slot];

    if (entry->fd < 0 || entry->revents == 0)
        return false;
    if (!(entry->revents & POLLNVAL))
        return true;
    entry->fd = -1;
    return false;
}

/* From where the last one ended, so that all of very many come by. */
static int harvest(struct em__poll_set *set, em__ready *ready, int max)
{
    unsigned others = set->count - 1;
    unsigned slot, i;
    int found = 0;

    for (i = 0; i < others && found < max; i++) {
        slot = 1 + (set->next + i) % others;
        if (is_ready(set, slot))
            ready[found++] =
                (em__ready){ set->owners[slot].fd, set->owners[slot].generation,
                             from_poll(set->entries[slot].revents) };
    }
    if (i < others)
        set->next += i;
    else
        set->next = 0;
    return found;
}

static int wait_for(em__poller *poller, em__ready *ready, int max,
                    int timeout_ms)
{
    struct em__poll_set *set = poller->of.poll;
    int count = poll(set->entries, set->count, timeout_ms);

    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (count == 0)
        return 0;
    if (set->entries[0].revents)
        drain(set);
    return harvest(set, ready, max);
}

/* A full pipe wakes too. */
static void wake(em__poller *poller)
{
    int saved = errno;
    ssize_t written;

    do
        written = write(poller->of.poll->wake, "", 1);
    while (written < 0 && errno == EINTR);
    errno = saved; /* a signal handler may have called */
}

static void rest(em__poller *poller)
{
    (void)poll(poller->of.poll->entries, 1, -1);
    drain(poller->of.poll);
}

/* --- no descriptor --- */

static int no_fd(em__poller *poller)
{
    (void)poller;
    return -ENOTSUP;
}

static void no_alarm(em__poller *poller, uint64_t at_ms)
{
    (void)poller, (void)at_ms;
}

const em__poller_kind em__poller_poll = { open_set, close_set, set_events,
                                          wait_for, wake,      rest,
                                          no_fd,    no_alarm };
