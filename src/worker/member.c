/* SPDX-License-Identifier: MIT */
/* Member: one worker of a cluster, from its start to its end. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/cluster.h"

static void forget(em__member *member)
{
    em__slot *slot = member->slot;
    em_cluster *cluster = slot->cluster;

    em__feed_close(member);
    em__list_remove(&member->node);
    if (slot->current == member)
        slot->current = NULL;
    if (slot->next == member)
        slot->next = NULL;
    if (cluster->replaced == member)
        cluster->replaced = NULL;
    em__feed_rank(slot);
}

void em__member_free(em__member *member)
{
    forget(member);
    em__worker_free(member->worker);
    em__free(member);
}

/* Without the memory to ask it, it is killed. */
static bool ask_to_end(em__member *member, uint64_t grace_ms)
{
    member->leaving = true;
    em__feed_rank(member->slot);
    if (em_worker_terminate(member->worker, grace_ms) == 0)
        return true;
    em__member_free(member);
    return false;
}

bool em__member_stop(em__member *member)
{
    return ask_to_end(member, member->slot->cluster->options.drain_ms);
}

void em__member_dismiss(em__member *member)
{
    em__slot *slot = member->slot;

    if (slot->current == member)
        slot->current = NULL;
    if (slot->next == member)
        slot->next = NULL;
    (void)ask_to_end(member, 0);
}

/* --- its end --- */

/* What it was to the cluster. */
typedef struct em__role {
    em__slot *slot;
    bool current, next, replaced;
} em__role;

static em__role role_of(const em__member *member)
{
    em__slot *slot = member->slot;

    return (em__role){ .slot = slot,
                       .current = slot->current == member,
                       .next = slot->next == member,
                       .replaced = slot->cluster->replaced == member };
}

static void go_on_without(em__role role, bool wanted)
{
    em_cluster *cluster = role.slot->cluster;

    if (role.next)
        em__reload_next_ended(role.slot);
    else if (role.replaced)
        em__reload_old_ended(cluster);
    else if (role.current)
        em__slot_went_down(role.slot, wanted);
    em__cluster_check_end(cluster);
}

/* What was in its queue goes to others first, so that a listener of 'exit'
 * already sees the cluster as it goes on. */
static void ended(em__member *member, em_exit *how)
{
    em__role role = role_of(member);
    em_cluster *cluster = member->slot->cluster;
    em_worker *worker = member->worker;

    member->leaving = true;
    em__feed_rank(member->slot);
    em__feed_take_back(member);
    forget(member);
    em__free(member);
    (void)em__cluster_emit(cluster, "exit", how);
    em__worker_free(worker);
    if (!cluster->freed)
        go_on_without(role, how->wanted);
}

/* --- becoming ready --- */

static int give_listener(em__member *member, const em__door *door)
{
    uint32_t shared = !member->slot->cluster->options.reuseport;
    int copy = fcntl(door->fd, F_DUPFD_CLOEXEC, 0), r;

    if (copy < 0)
        return -errno;
    r = em__worker_tell(member->worker, EM__FRAME_LISTEN, &shared,
                        sizeof(shared), copy);
    if (r < 0)
        (void)close(copy);
    return r;
}

static int give_listeners(em__member *member)
{
    em_cluster *cluster = member->slot->cluster;
    unsigned i;
    int r = 0;

    if (cluster->options.reuseport)
        return give_listener(member, &cluster->doors[member->slot->index]);
    for (i = 0; i < cluster->door_count && r == 0; i++)
        r = give_listener(member, &cluster->doors[i]);
    return r;
}

static int equip(em__member *member)
{
    em_cluster *cluster = member->slot->cluster;
    int r = 0;

    if (em__cluster_has_queues(cluster))
        r = em__feed_open(member);
    if (r == 0 && cluster->options.route == EM_ROUTE_KERNEL)
        r = give_listeners(member);
    return r;
}

/* One that cannot be equipped is of no use: it counts as one that failed. */
static void became_ready(em__member *member)
{
    em__role role = role_of(member);

    if (member->leaving)
        return;
    if (equip(member) < 0) {
        em__member_dismiss(member);
        go_on_without(role, false);
        return;
    }
    member->up = true;
    if (role.next)
        em__reload_next_ready(role.slot);
    else
        em__slot_came_up(role.slot);
}

static void note_event(em_worker *worker, const char *event, void *arg,
                       void *data)
{
    em__member *member = data;
    em_cluster *cluster = member->slot->cluster;

    (void)worker;
    em__cluster_enter(cluster);
    if (strcmp(event, "message") == 0 || strcmp(event, "error") == 0)
        (void)em__cluster_emit(cluster, event, arg);
    else if (strcmp(event, "exit") == 0)
        ended(member, arg);
    else if (strcmp(event, "ready") == 0)
        became_ready(member);
    em__cluster_leave(cluster);
}

static void note_done(em_worker *worker, void *data)
{
    em__member *member = data;

    (void)worker;
    if (member->busy == 0)
        return;
    member->busy--;
    em__feed_rank(member->slot);
}

/* By users, too; its own socket is the cluster's then. */
static void note_asked(em_worker *worker, void *data)
{
    em__member *member = data;

    (void)worker;
    em__feed_rank(member->slot);
    em__dispatch_update(member->slot->cluster);
}

static const em__worker_hooks hooks = { note_event, note_done, note_asked };

int em__member_spawn(em__slot *slot, em__member **ret)
{
    em_cluster *cluster = slot->cluster;
    em__member *member = em__calloc(1, sizeof(*member));
    int r;

    if (!member)
        return -ENOMEM;
    member->slot = slot;
    member->handoff.send = member->handoff.back = -1;
    r = em__worker_spawn(cluster->loop, &cluster->worker, (int)slot->index,
                         &hooks, member, &member->worker);
    if (r < 0) {
        em__free(member);
        return r;
    }
    em__list_append(&cluster->members, &member->node);
    *ret = member;
    return 0;
}
