/* SPDX-License-Identifier: MIT */
/* Reload: the workers are replaced, one slot after the other.
 *
 * In each slot a new worker is started beside the old one; when it is ready it
 * takes the place, and the old one is asked to stop.  The next slot's turn
 * comes when the old one has ended, so that there is never more than one
 * process more than slots. */

#include <config.h>

#include <errno.h>
#include <stdio.h>

#include "worker/cluster.h"

static void finish(em_cluster *cluster)
{
    cluster->reloading = false;
    (void)em_source_set_timer(cluster->patience, UINT64_MAX, 0);
}

void em__reload_cancel(em_cluster *cluster)
{
    if (cluster->reloading)
        finish(cluster);
}

/* The slot keeps what it had; if that has ended meanwhile it is tried again. */
static void fail(em_cluster *cluster, int error, const char *why)
{
    em__slot *slot = &cluster->slots[cluster->reload_slot];
    char message[96];

    finish(cluster);
    (void)snprintf(message, sizeof(message), "reload stopped at slot %u: %s",
                   slot->index, why);
    if (!em__cluster_emit_error(cluster, "error", error, message))
        return;
    if (!slot->current && !slot->next && !slot->given_up)
        em__slot_went_down(slot, false);
}

/* --- one slot --- */

/* A restart that was due is this one. */
static int begin_slot(em_cluster *cluster)
{
    em__slot *slot = &cluster->slots[cluster->reload_slot];
    int r = em__member_spawn(slot, &slot->next);

    if (r < 0)
        return r;
    (void)em_source_set_timer(slot->restart, UINT64_MAX, 0);
    (void)em_source_set_timer(cluster->patience, cluster->options.drain_ms, 0);
    return 0;
}

static void next_slot(em_cluster *cluster)
{
    int r;

    (void)em_source_set_timer(cluster->patience, UINT64_MAX, 0);
    if (++cluster->reload_slot == cluster->options.workers) {
        finish(cluster);
        (void)em__cluster_emit(cluster, "reload", NULL);
        return;
    }
    r = begin_slot(cluster);
    if (r < 0)
        fail(cluster, r, em_strerror(r));
}

/* What it did not take goes to the new one.  Whether there is an end to wait
 * for, which is certain of a process: it is killed then. */
static bool retire(em_cluster *cluster, em__member *old)
{
    uint64_t patience = UINT64_MAX;

    if (!old)
        return false;
    em__feed_take_back(old);
    if (!em__member_stop(old))
        return false;
    cluster->replaced = old;
    if (old->worker->thread)
        patience = cluster->options.drain_ms;
    (void)em_source_set_timer(cluster->patience, patience, 0);
    return true;
}

void em__reload_next_ready(em__slot *slot)
{
    em_cluster *cluster = slot->cluster;
    em__member *old = slot->current;

    slot->current = slot->next;
    slot->next = NULL;
    slot->given_up = false;
    slot->restarts = 0;
    em__slot_came_up(slot);
    if (!cluster->freed && cluster->reloading && !retire(cluster, old))
        next_slot(cluster);
}

void em__reload_next_ended(em__slot *slot)
{
    em_cluster *cluster = slot->cluster;

    if (cluster->reloading)
        fail(cluster, -ECONNABORTED,
             "the new worker ended before it was ready");
}

void em__reload_old_ended(em_cluster *cluster)
{
    if (cluster->reloading)
        next_slot(cluster);
}

/* The new worker is not ready; or an old one is a thread, which nobody can
 * kill, and is left to end when it will. */
void em__reload_impatient(em_source *timer, void *data)
{
    em_cluster *cluster = data;
    em__slot *slot = &cluster->slots[cluster->reload_slot];

    (void)timer;
    em__cluster_enter(cluster);
    if (slot->next) {
        em__member_dismiss(slot->next);
        fail(cluster, -ETIMEDOUT, "the new worker is not ready in time");
    } else {
        cluster->replaced = NULL;
        next_slot(cluster);
    }
    em__cluster_leave(cluster);
}

int em_cluster_reload(em_cluster *cluster)
{
    int r;

    if (!cluster || cluster->freed)
        return -EINVAL;
    if (em__loop_is_forked(cluster->loop))
        return -ECHILD;
    if (cluster->stopping)
        return -ESHUTDOWN;
    if (cluster->reloading)
        return -EALREADY;
    cluster->reload_slot = 0;
    r = begin_slot(cluster);
    cluster->reloading = r == 0;
    return r;
}
