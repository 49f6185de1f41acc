/* SPDX-License-Identifier: MIT */
/* Feed: the queue of connections that a member was given and did not take yet.
 *
 * Whether a worker still takes is not asked of it.  While anything is in a
 * queue, a timer looks at its first packet; the same one at two looks, and the
 * worker is stalled: what it has goes to others, it is routed to only when no
 * other is there, and a probe is left in its queue, which is gone when it takes
 * again. */

#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "worker/cluster.h"

enum { LOOK_MS = 500 };

/* --- what the router sees --- */

static em__rank rank(const em__member *member)
{
    if (!member || !member->up || member->leaving || member->full ||
        member->refused || member->worker->asked)
        return EM__RANK_DOWN;
    return member->stalled ? EM__RANK_STALLED : EM__RANK_UP;
}

void em__feed_rank(em__slot *slot)
{
    em__candidate *candidate = &slot->cluster->candidates[slot->index];

    candidate->rank = rank(slot->current);
    candidate->busy = slot->current ? slot->current->busy : 0;
}

/* --- opening and closing --- */

static void has_room(em_source *source, int fd, unsigned events, void *data)
{
    em__member *member = data;
    em_cluster *cluster = member->slot->cluster;

    (void)fd, (void)events;
    (void)em_source_set_events(source, 0);
    member->full = false;
    em__feed_rank(member->slot);
    em__cluster_enter(cluster);
    em__dispatch_update(cluster);
    em__cluster_leave(cluster);
}

static int give_queue(em__member *member, int end)
{
    uint64_t size = member->handoff.packet_max;
    int r;

    r = em_loop_add_fd(member->slot->cluster->loop, member->handoff.send, 0,
                       has_room, member, &member->room);
    if (r < 0)
        return r;
    return em__worker_tell(member->worker, EM__FRAME_HANDOFF, &size,
                           sizeof(size), end);
}

int em__feed_open(em__member *member)
{
    int end = -1;
    int r = em__handoff_open(&member->handoff,
                             member->slot->cluster->options.peek, &end);

    if (r < 0)
        return r;
    r = give_queue(member, end);
    if (r < 0) {
        (void)close(end);
        em__feed_close(member);
    }
    return r;
}

void em__feed_close(em__member *member)
{
    em_source_remove(member->room);
    member->room = NULL;
    em__handoff_close(&member->handoff);
}

/* --- putting --- */

static void start_looking(em_cluster *cluster)
{
    if (cluster->looking)
        return;
    cluster->looking = true;
    (void)em_source_set_timer(cluster->look, LOOK_MS, 0);
}

/* Of the errors only -EAGAIN ends with a writable socket; after the others, and
 * if that cannot be waited for, the next look tries again. */
static void note_refusal(em__member *member, int error)
{
    if (error == -EAGAIN &&
        em_source_set_events(member->room, EM_WRITABLE) == 0)
        member->full = true;
    else
        member->refused = true;
}

int em__feed_put(em__member *member, const em_connection *connection)
{
    int r = em__handoff_put(&member->handoff, connection);

    if (r == 0)
        member->busy++;
    else
        note_refusal(member, r);
    em__feed_rank(member->slot);
    start_looking(member->slot->cluster);
    return r == 0 ? 0 : -EAGAIN;
}

/* As many as there are now: where nobody else has room they come back to it.
 * Without descriptors to take them with they stay: a worker that is stopped may
 * go on, and for one that died nothing else can be done. */
void em__feed_take_back(em__member *member)
{
    em_cluster *cluster = member->slot->cluster;
    em_connection connection;
    uint32_t count;

    if (!member->room)
        return;
    for (count = em__handoff_waiting(&member->handoff); count > 0; count--) {
        if (em__handoff_take_back(&member->handoff, cluster->buffer,
                                  &connection) <= 0)
            return;
        if (member->busy > 0)
            member->busy--;
        em__dispatch(cluster, &connection, member->slot->index);
    }
}

/* --- looking --- */

static bool another_is_up(const em_cluster *cluster, unsigned slot)
{
    unsigned i;

    for (i = 0; i < cluster->options.workers; i++) {
        if (i != slot && cluster->candidates[i].rank == EM__RANK_UP)
            return true;
    }
    return false;
}

static void probe(em__member *member)
{
    member->probe = member->handoff.sent;
    member->probed = em__handoff_probe(&member->handoff) == 0;
}

/* While no other is up, the queue is as good a place to wait in as any. */
static void stall(em__member *member)
{
    em__slot *slot = member->slot;

    member->stalled = true;
    em__feed_rank(slot);
    if (!another_is_up(slot->cluster, slot->index))
        return;
    em__feed_take_back(member);
    probe(member);
}

/* Returns whether something is in the queue. */
static bool look(em__member *member)
{
    uint32_t waiting = em__handoff_waiting(&member->handoff);
    uint32_t head = member->handoff.sent - waiting;
    bool stuck = waiting > 0 && member->looked && head == member->head;

    member->refused = false;
    if (!stuck)
        member->stalled = member->probed = false;
    else if (!member->probed || head != member->probe || waiting > 1)
        stall(member);
    em__feed_rank(member->slot);
    waiting = em__handoff_waiting(&member->handoff);
    member->looked = waiting > 0;
    member->head = member->handoff.sent - waiting;
    return waiting > 0;
}

static bool look_at_all(em_cluster *cluster)
{
    em__list *node, *after;
    em__member *member;
    bool any = false;

    em__list_each_safe(&cluster->members, node, after) {
        member = em__container(node, em__member, node);
        if (member->room && !member->leaving)
            any |= look(member);
    }
    return any;
}

void em__feed_look(em_source *timer, void *data)
{
    em_cluster *cluster = data;

    em__cluster_enter(cluster);
    cluster->looking = false;
    if (look_at_all(cluster))
        start_looking(cluster);
    em__dispatch_update(cluster);
    em__cluster_leave(cluster);
    (void)timer;
}
