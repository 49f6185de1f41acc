/* SPDX-License-Identifier: MIT */
/* Dispatch: from the doors to the queues.
 *
 * A connection comes in by a door, may be peeked at, and is put in the queue of
 * the slot that the router names.  When nobody can take it, it is parked and
 * the doors are closed for a while: the kernel's backlog is the better place to
 * wait in, and bounded. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "worker/cluster.h"

static void shed(em_cluster *cluster, int fd, int error)
{
    (void)close(fd);
    cluster->shed++;
    cluster->shed_error = error;
}

/* --- to the queues --- */

/* Every refusal takes a slot out of the router's sight, so this ends. */
static int deliver(em_cluster *cluster, const em_connection *connection,
                   unsigned wish)
{
    int slot;

    do {
        slot = em__route(&cluster->router, cluster->candidates,
                         (const struct sockaddr *)&connection->peer, wish);
        if (slot < 0)
            return slot;
    } while (em__feed_put(cluster->slots[slot].current, connection) < 0);
    return 0;
}

static void park(em_cluster *cluster, const em_connection *connection,
                 unsigned wish)
{
    em__arrival *arrival;

    if (cluster->stopping) {
        shed(cluster, connection->fd, -ESHUTDOWN);
        return;
    }
    arrival = em__arrival_new(connection, connection->size);
    if (!arrival) {
        shed(cluster, connection->fd, -ENOMEM);
        return;
    }
    arrival->wish = wish;
    em__list_append(&cluster->parked, &arrival->node);
    em__dispatch_update(cluster);
}

void em__dispatch(em_cluster *cluster, const em_connection *connection,
                  unsigned wish)
{
    if (deliver(cluster, connection, wish) < 0)
        park(cluster, connection, wish);
}

/* The oldest first; one that has its own wish does not hold up the others,
 * since deliver only fails when nobody can take anything. */
static void deliver_parked(em_cluster *cluster)
{
    em__arrival *arrival;

    while (!em__list_empty(&cluster->parked)) {
        arrival = em__container(cluster->parked.next, em__arrival, node);
        if (deliver(cluster, &arrival->connection, arrival->wish) < 0)
            return;
        arrival->connection.fd = -1;
        em__arrival_free(arrival);
    }
}

/* --- the doors --- */

static bool anybody_takes(const em_cluster *cluster)
{
    unsigned i;

    for (i = 0; i < cluster->options.workers; i++) {
        if (cluster->candidates[i].rank != EM__RANK_DOWN)
            return true;
    }
    return false;
}

static bool accepts_itself(const em__member *member)
{
    return member && member->up && !member->leaving && !member->worker->asked;
}

/* A slot's own socket is the cluster's only while its worker is not there. */
static void set_door(em__door *door, bool open)
{
    em_cluster *cluster = door->cluster;

    if (cluster->options.reuseport &&
        accepts_itself(cluster->slots[door - cluster->doors].current))
        open = false;
    if (open == !door->acceptor.paused)
        return;
    if (open)
        em__acceptor_resume(&door->acceptor);
    else
        em__acceptor_pause(&door->acceptor);
}

void em__dispatch_update(em_cluster *cluster)
{
    unsigned i;
    bool open;

    if (cluster->freed)
        return;
    deliver_parked(cluster);
    open = em__list_empty(&cluster->parked) && anybody_takes(cluster);
    for (i = 0; i < cluster->door_count; i++) {
        if (cluster->doors[i].accepts)
            set_door(&cluster->doors[i], open);
    }
}

/* --- choosing --- */

/* The slot a function wishes for, -EAGAIN, or -EACCES: it refuses. */
static int ask(em_cluster *cluster, const em_connection *connection)
{
    int wish;

    if (cluster->options.route != EM_ROUTE_FUNCTION)
        return connection->size < cluster->options.peek ? -EAGAIN : 0;
    wish = cluster->options.route_fn(
        cluster, (const struct sockaddr *)&connection->peer, connection->data,
        connection->size, cluster->options.route_data);
    if (cluster->freed)
        return -ECANCELED;
    if (wish == -EAGAIN)
        return -EAGAIN;
    return wish >= 0 && (unsigned)wish < cluster->options.workers ? wish
                                                                  : -EACCES;
}

/* A function that stopped the cluster, or freed it, has closed the peeker, and
 * with it the arrival that it was asked about. */
static int look(em__peeker *peeker, em__arrival *arrival)
{
    em_cluster *cluster = em__container(peeker, em_cluster, peeker);
    int wish;

    em__cluster_enter(cluster);
    wish = ask(cluster, &arrival->connection);
    if (!peeker->timer)
        wish = -ECANCELED;
    if (wish >= 0) {
        em__peeker_release(arrival);
        em__dispatch(cluster, &arrival->connection, (unsigned)wish);
        arrival->connection.fd = -1;
        em__arrival_free(arrival);
    }
    em__cluster_leave(cluster);
    return wish < 0 ? wish : 0;
}

static const em__peeker_calls peeker_calls = { look };

static void choose(em_cluster *cluster, const em_connection *connection)
{
    int wish = ask(cluster, connection);

    if (wish >= 0)
        em__dispatch(cluster, connection, (unsigned)wish);
    else
        (void)close(connection->fd);
}

static void accepted(em__acceptor *acceptor, const em_connection *connection)
{
    em_cluster *cluster = em__container(acceptor, em__door, acceptor)->cluster;
    int r;

    em__cluster_enter(cluster);
    if (cluster->options.peek == 0) {
        choose(cluster, connection);
    } else {
        r = em__peeker_add(&cluster->peeker, connection);
        if (r < 0)
            shed(cluster, connection->fd, r);
    }
    em__cluster_leave(cluster);
}

static void refused(em__acceptor *acceptor, int error, unsigned count)
{
    em_cluster *cluster = em__container(acceptor, em__door, acceptor)->cluster;

    em__cluster_enter(cluster);
    cluster->shed += count;
    cluster->shed_error = error;
    em__cluster_leave(cluster);
}

static const em__acceptor_calls acceptor_calls = { accepted, refused };

/* --- opening and closing --- */

static int open_doors(em_cluster *cluster)
{
    em__door *door;
    unsigned i;
    int r;

    for (i = 0; i < cluster->door_count; i++) {
        door = &cluster->doors[i];
        r = em__acceptor_open(&door->acceptor, cluster->loop, door->fd,
                              EM__ACCEPT_ALONE, &acceptor_calls);
        if (r < 0)
            return r;
        door->accepts = true;
        em__acceptor_pause(&door->acceptor);
    }
    return 0;
}

int em__dispatch_open(em_cluster *cluster)
{
    int r = em_loop_add_timer(cluster->loop, UINT64_MAX, 0, em__feed_look,
                              cluster, &cluster->look);

    if (r < 0)
        return r;
    em_source_unref(cluster->look);
    if (!em__cluster_has_queues(cluster))
        return 0;
    r = em__peeker_open(&cluster->peeker, cluster->loop, cluster->options.peek,
                        &peeker_calls);
    return r < 0 ? r : open_doors(cluster);
}

static void close_door(em__door *door)
{
    if (door->accepts)
        em__acceptor_close(&door->acceptor);
    else if (door->fd >= 0)
        (void)close(door->fd);
    door->accepts = false;
    door->fd = -1;
}

static void close_doors(em_cluster *cluster)
{
    while (cluster->door_count > 0)
        close_door(&cluster->doors[--cluster->door_count]);
}

void em__dispatch_close(em_cluster *cluster)
{
    close_doors(cluster);
    em__peeker_close(&cluster->peeker);
    while (!em__list_empty(&cluster->parked))
        em__arrival_free(
            em__container(cluster->parked.next, em__arrival, node));
    em_source_remove(cluster->look);
    cluster->look = NULL;
}

/* Of a worker's own socket the worker itself takes what is there. */
static void drain_doors(em_cluster *cluster)
{
    unsigned i;

    for (i = 0; i < cluster->door_count && !cluster->freed; i++) {
        if (cluster->doors[i].accepts && !cluster->doors[i].acceptor.paused)
            em__acceptor_drain(&cluster->doors[i].acceptor);
    }
}

static void refuse_parked(em_cluster *cluster)
{
    em__arrival *arrival;

    while (!em__list_empty(&cluster->parked)) {
        arrival = em__container(cluster->parked.next, em__arrival, node);
        shed(cluster, arrival->connection.fd, -ESHUTDOWN);
        arrival->connection.fd = -1;
        em__arrival_free(arrival);
    }
}

/* Peers that have not sent enough by now have asked for nothing. */
void em__dispatch_finish(em_cluster *cluster)
{
    drain_doors(cluster);
    if (cluster->freed)
        return;
    close_doors(cluster);
    em__peeker_finish(&cluster->peeker);
    if (cluster->freed)
        return;
    deliver_parked(cluster);
    refuse_parked(cluster);
}
