/* SPDX-License-Identifier: MIT */
/* Descriptor sources: a table by number, each entry with what watches it.
 *
 * The poller knows a descriptor once, for the events of all its sources
 * together; what it found ready is looked up here when its turn comes, so a
 * source that was removed meanwhile is not there to be called. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "loop/internal.h"

enum { ASKED = EM_READABLE | EM_WRITABLE, UNASKED = EM_HANGUP | EM_ERROR };

/* --- the table --- */

static int grow_watches(em_loop *loop, int fd)
{
    unsigned count = loop->watch_count ? loop->watch_count : 16;
    em__watch *watches;

    while (count <= (unsigned)fd)
        count *= 2;
    if (count == loop->watch_count)
        return 0;
    watches = em__realloc(loop->watches, count * sizeof(*watches));
    if (!watches)
        return -ENOMEM;
    memset(watches + loop->watch_count, 0,
           (count - loop->watch_count) * sizeof(*watches));
    loop->watches = watches;
    loop->watch_count = count;
    return 0;
}

/* Checked first: a nonsense number must not grow the table. */
static int find_watch(em_loop *loop, int fd, em__watch **ret)
{
    int r;

    if (fcntl(fd, F_GETFD) < 0)
        return -EBADF;
    r = grow_watches(loop, fd);
    if (r < 0)
        return r;
    *ret = &loop->watches[fd];
    if (!(*ret)->first)
        (*ret)->generation++;
    return 0;
}

static unsigned all_events(const em__watch *watch)
{
    const em__fd_source *source;
    unsigned events = 0;

    for (source = watch->first; source; source = source->next)
        events |= source->source.events;
    return events;
}

/* --- descriptors that cannot be polled --- */

static int add_always(em_loop *loop, int fd)
{
    unsigned room = loop->always_room ? 2 * loop->always_room : 4;
    int *always;

    if (loop->always_count == loop->always_room) {
        always = em__realloc(loop->always, room * sizeof(*always));
        if (!always)
            return -ENOMEM;
        loop->always = always;
        loop->always_room = room;
    }
    loop->always[loop->always_count++] = fd;
    loop->watches[fd].always = true;
    return 0;
}

static void remove_always(em_loop *loop, int fd)
{
    unsigned i;

    for (i = 0; loop->always[i] != fd; i++)
        ;
    loop->always[i] = loop->always[--loop->always_count];
    loop->watches[fd].always = false;
}

/* --- what the poller knows --- */

/* Tell the poller what all sources of fd wait for now. */
static int update_watch(em_loop *loop, int fd)
{
    em__watch *watch = &loop->watches[fd];
    unsigned events = all_events(watch);
    int r = 0;

    if (watch->always) {
        if (!events)
            remove_always(loop, fd);
    } else if (events || watch->events) {
        r = em__poller_set(&loop->poller, fd, watch->generation, watch->events,
                           events);
        if (r == -EPERM)
            r = add_always(loop, fd);
    }
    if (r < 0)
        return r;
    watch->events = (uint8_t)events;
    em__loop_touch(loop);
    return 0;
}

/* Behind the others.  A walk under way on the same descriptor, which would come
 * by there, stops at it: one that adds a source in each call would not end. */
static void link_source(em_loop *loop, em__fd_source *source)
{
    em__fd_source **link = &loop->watches[source->source.fd].first;

    while (*link)
        link = &(*link)->next;
    *link = source;
    source->next = NULL;
    source->source.fresh =
        loop->walk && loop->walk->source.fd == source->source.fd;
}

static void unlink_source(em_loop *loop, em__fd_source *source)
{
    em__fd_source **link = &loop->watches[source->source.fd].first;

    while (*link != source)
        link = &(*link)->next;
    *link = source->next;
    if (loop->walk == source)
        loop->walk = source->next;
}

void em__fd_stop(em_source *source)
{
    em__fd_source *mine = em__container(source, em__fd_source, source);

    unlink_source(source->loop, mine);
    em__source_set_active(source, false);
    (void)update_watch(source->loop, source->fd); /* asking for less */
}

int em__fd_watch(em__fd_source *mine, int fd, unsigned events)
{
    em_loop *loop = mine->source.loop;
    em__watch *watch;
    int r = find_watch(loop, fd, &watch);

    if (r < 0)
        return r;
    mine->source.fd = fd;
    mine->source.events = (uint8_t)events;
    link_source(loop, mine);
    r = update_watch(loop, fd);
    if (r < 0) {
        unlink_source(loop, mine);
        mine->source.fd = -1;
        return r;
    }
    em__source_set_active(&mine->source, events != 0);
    return 0;
}

/* --- the public functions --- */

int em_loop_add_fd(em_loop *loop, int fd, unsigned events, em_fd_fn *fn,
                   void *data, em_source **ret)
{
    em_source *source;
    int r = em__loop_check(loop);

    if (r < 0)
        return r;
    if (!fn || events & ~(unsigned)ASKED)
        return -EINVAL;
    source = em__source_new(loop, EM__SOURCE_FD, (void (*)(void))fn, data);
    if (!source)
        return -ENOMEM;
    r = em__fd_watch(em__container(source, em__fd_source, source), fd, events);
    if (r < 0) {
        em__source_free(source);
        return r;
    }
    em__source_hand_out(source, ret);
    return 0;
}

int em_source_set_events(em_source *source, unsigned events)
{
    em__fd_source *mine;
    unsigned before;
    int r;

    if (!source || source->kind != EM__SOURCE_FD || source->removed ||
        events & ~(unsigned)ASKED)
        return -EINVAL;
    r = em__loop_check(source->loop);
    if (r < 0)
        return r;
    mine = em__container(source, em__fd_source, source);
    before = mine->source.events;
    mine->source.events = (uint8_t)events;
    if (events != before) {
        r = update_watch(source->loop, source->fd);
        if (r < 0) {
            mine->source.events = (uint8_t)before;
            return r;
        }
    }
    em__source_set_active(source, events != 0);
    return 0;
}

/* --- calling --- */

/* A hang-up or an error also ends the wait for what was asked: the read or
 * write that follows will not block, and says more. */
static void call(em__fd_source *mine, unsigned ready)
{
    em_source *source = &mine->source;
    em_fd_fn *fn = (em_fd_fn *)source->callback;

    if (ready & UNASKED)
        ready |= mine->source.events;
    ready &= mine->source.events | UNASKED;
    if (!ready || !mine->source.events)
        return;
    if (source->kind == EM__SOURCE_CHILD) {
        em__child_check(source);
        return;
    }
    em__source_enter(source);
    fn(source, source->fd, ready, source->data);
    em__source_leave(source);
}

static void dispatch(em_loop *loop, const em__ready *ready)
{
    em__watch *watch = &loop->watches[ready->fd];
    em__fd_source *source;

    if (watch->generation != ready->generation)
        return;
    loop->walk = watch->first;
    while ((source = loop->walk) && !source->source.fresh &&
           !em__loop_halted(loop)) {
        loop->walk = source->next;
        call(source, ready->events);
    }
    for (source = loop->walk; source; source = source->next)
        source->source.fresh = false;
    loop->walk = NULL;
}

void em__fd_dispatch(em_loop *loop, const em__ready *ready, int count)
{
    int i;

    for (i = 0; i < count && !em__loop_halted(loop); i++)
        dispatch(loop, &ready[i]);
}

/* From where the last turn left off, so that all of very many come by. */
int em__fd_harvest_always(em_loop *loop, em__ready *ready, int max)
{
    int i;

    for (i = 0; i < max && (unsigned)i < loop->always_count; i++) {
        loop->always_next = (loop->always_next + 1) % loop->always_count;
        ready[i].fd = loop->always[loop->always_next];
        ready[i].generation = loop->watches[ready[i].fd].generation;
        ready[i].events = ASKED;
    }
    return i;
}
