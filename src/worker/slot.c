/* SPDX-License-Identifier: MIT */
/* Slot: a place in the cluster, kept filled.
 *
 * A worker that ended by itself is replaced after a delay, which doubles from
 * restart to restart of a window of time, up to a limit.  Half of it is drawn
 * at random, so that workers which fail together, because of what they share,
 * do not come back together.  The window begins with the first restart after
 * the last one was over; a slot that needs more restarts in it than its budget
 * is given up. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "worker/cluster.h"

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003. */
static uint64_t draw(em_cluster *cluster)
{
    uint64_t x = cluster->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    cluster->random = x;
    return x;
}

static uint64_t delay(em_cluster *cluster, unsigned restarts)
{
    uint64_t full = cluster->options.backoff_ms;
    uint64_t most = cluster->options.backoff_max_ms;

    while (restarts-- > 1 && full < most)
        full = full > most / 2 ? most : 2 * full;
    if (full > most)
        full = most;
    return full - draw(cluster) % (full / 2 + 1);
}

/* --- giving up --- */

static void give_up(em__slot *slot)
{
    char message[192];

    slot->given_up = true;
    (void)snprintf(message, sizeof(message),
                   "slot %u given up: it was restarted %u times in %llu ms%s%s",
                   slot->index, slot->restarts,
                   (unsigned long long)slot->cluster->options.restart_window_ms,
                   slot->error < 0 ? ", and could not start: " : "",
                   slot->error < 0 ? em_strerror(slot->error) : "");
    (void)em__cluster_emit_error(slot->cluster, "error", -ECONNABORTED,
                                 message);
}

/* Count one more; false: that is too many. */
static bool spend(em__slot *slot)
{
    const em_cluster_options *options = &slot->cluster->options;
    uint64_t now = em_loop_now(slot->cluster->loop);

    if (options->restart_budget == UINT_MAX)
        return false;
    if (slot->restarts == 0 ||
        now - slot->window >= options->restart_window_ms) {
        slot->window = now;
        slot->restarts = 0;
    }
    if (slot->restarts == options->restart_budget)
        return false;
    slot->restarts++;
    return true;
}

/* --- filling --- */

static void restart(em__slot *slot, bool wanted)
{
    em_cluster *cluster = slot->cluster;

    if (wanted)
        (void)em_source_set_timer(slot->restart, 0, 0);
    else if (spend(slot))
        (void)em_source_set_timer(slot->restart, delay(cluster, slot->restarts),
                                  0);
    else
        give_up(slot);
}

void em__slot_went_down(em__slot *slot, bool wanted)
{
    em_cluster *cluster = slot->cluster;

    cluster->complete = false;
    em__dispatch_update(cluster);
    if (!slot->next && !cluster->stopping)
        restart(slot, wanted);
}

/* A spawn that fails counts like a worker that ended at once. */
void em__slot_try(em_source *timer, void *data)
{
    em__slot *slot = data;
    em_cluster *cluster = slot->cluster;

    (void)timer;
    em__cluster_enter(cluster);
    slot->error = em__member_spawn(slot, &slot->current);
    if (slot->error < 0)
        restart(slot, false);
    em__cluster_leave(cluster);
}

static bool all_up(const em_cluster *cluster)
{
    unsigned i;

    for (i = 0; i < cluster->options.workers; i++) {
        if (!cluster->slots[i].current || !cluster->slots[i].current->up)
            return false;
    }
    return true;
}

void em__slot_came_up(em__slot *slot)
{
    em_cluster *cluster = slot->cluster;

    em__feed_rank(slot);
    em__dispatch_update(cluster);
    if (cluster->complete || cluster->stopping || !all_up(cluster))
        return;
    cluster->complete = true;
    (void)em__cluster_emit(cluster, "ready", NULL);
}
