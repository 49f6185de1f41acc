/* SPDX-License-Identifier: MIT */
/* Closing: the end of a cluster, in its own time or at once. */

#include <config.h>

#include <errno.h>

#include "events/silence.h"
#include "worker/cluster.h"

static void end(em_cluster *cluster)
{
    if (cluster->ended)
        return;
    cluster->ended = true;
    em_loop_unref(cluster->loop);
}

void em__cluster_check_end(em_cluster *cluster)
{
    if (!cluster->freed && cluster->stopping &&
        em__list_empty(&cluster->members))
        end(cluster);
}

static void stop_members(em_cluster *cluster)
{
    em__list *node, *after;

    em__list_each_safe(&cluster->members, node, after)
        (void)em__member_stop(em__container(node, em__member, node));
}

static void stop(em_cluster *cluster)
{
    unsigned i;

    cluster->stopping = true;
    em__reload_cancel(cluster);
    for (i = 0; i < cluster->options.workers; i++)
        (void)em_source_set_timer(cluster->slots[i].restart, UINT64_MAX, 0);
    em__dispatch_finish(cluster);
    if (cluster->freed)
        return;
    em__socket_release(&cluster->address);
    stop_members(cluster);
    em__cluster_check_end(cluster);
}

int em_cluster_stop(em_cluster *cluster)
{
    if (!cluster || cluster->freed)
        return -EINVAL;
    if (em__loop_is_forked(cluster->loop))
        return -ECHILD;
    if (cluster->stopping)
        return 0;
    em__cluster_enter(cluster);
    stop(cluster);
    em__cluster_leave(cluster);
    return 0;
}

static void free_members(em_cluster *cluster)
{
    while (!em__list_empty(&cluster->members))
        em__member_free(em__container(cluster->members.next, em__member, node));
}

static void remove_timers(em_cluster *cluster)
{
    unsigned i;

    for (i = 0; cluster->slots && i < cluster->options.workers; i++)
        em_source_remove(cluster->slots[i].restart);
    em_source_remove(cluster->patience);
}

static void forget_arrivals(em__list *arrivals)
{
    em__list *node;

    for (node = arrivals->next; node != arrivals; node = node->next)
        em__container(node, em__arrival, node)->connection.fd = -1;
}

/* In a worker that was forked the numbers are others' by now. */
static void forget_descriptors(em_cluster *cluster)
{
    em__list *node;
    em__member *member;
    unsigned i;

    for (i = 0; i < cluster->door_count; i++)
        cluster->doors[i].fd = -1;
    for (node = cluster->members.next; node != &cluster->members;
         node = node->next) {
        member = em__container(node, em__member, node);
        member->handoff.send = member->handoff.back = -1;
    }
    forget_arrivals(&cluster->parked);
    if (cluster->peeker.timer)
        forget_arrivals(&cluster->peeker.waiting);
}

void em_cluster_free(em_cluster *cluster)
{
    bool forked;

    if (!cluster || cluster->freed)
        return;
    forked = em__loop_is_forked(cluster->loop);
    cluster->freed = true;
    em__cluster_enter(cluster);
    em__loop_part(&cluster->guest);
    if (forked)
        em__emitter_silence(&cluster->emitter);
    if (forked && !em__loop_owns_descriptors(cluster->loop))
        forget_descriptors(cluster);
    em__dispatch_close(cluster);
    free_members(cluster);
    remove_timers(cluster);
    if (!forked) {
        em__socket_release(&cluster->address);
        end(cluster);
    }
    em_unref(&cluster->emitter);
    em__cluster_leave(cluster);
}
