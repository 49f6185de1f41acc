/* SPDX-License-Identifier: MIT */
/* Cluster: slots, their members, and the connections that wait for them; for
 * the files of this layer.
 *
 * A slot is a place that stays; a member is one worker in it, with the queue of
 * connections to that worker.  A slot has one current member, a second one only
 * while a reload replaces it; those it replaced leave in their own time.
 *
 * All of it belongs to the owner of the loop.  User code may free the cluster
 * whenever it is called, so each of our calls that may lead to user code stands
 * between enter and leave, which keep the memory, and asks whether the cluster
 * is freed before it goes on. */

#ifndef EM_WORKER_CLUSTER_H
#define EM_WORKER_CLUSTER_H

#include <emitter/cluster.h>

#include "base/list.h"
#include "worker/accept.h"
#include "worker/handoff.h"
#include "worker/internal.h"
#include "worker/peek.h"
#include "worker/route.h"
#include "worker/socket.h"

typedef struct em__slot em__slot;

typedef struct em__member {
    em__list node; /* the cluster's */
    em__slot *slot;
    em_worker *worker;
    em__handoff handoff;
    em_source *room; /* the queue is writable; NULL: there is no queue */
    unsigned busy;   /* connections it has not ended */
    uint32_t head;   /* the first packet in the queue, at the last look, */
    bool looked;     /* which found one */
    uint32_t probe;  /* the last probe */
    bool up;         /* it is ready, and has what it needs */
    bool full;       /* its queue takes no more, */
    bool refused;    /* or the system does not, until the next look */
    bool stalled;    /* it took nothing between two looks */
    bool probed;     /* and a probe is in its queue */
    bool leaving;    /* it was asked to stop, or has ended */
} em__member;

struct em__slot {
    em_cluster *cluster;
    unsigned index;
    em__member *current; /* NULL: down */
    em__member *next;    /* started by a reload, to become current */
    em_source *restart;  /* the timer */
    unsigned restarts;   /* since the window began */
    uint64_t window;
    int error; /* of the last restart: what em_worker_spawn said */
    bool given_up;
};

/* A listening socket.  Its acceptor is open unless all workers share it. */
typedef struct em__door {
    em__acceptor acceptor;
    em_cluster *cluster;
    int fd; /* -1: closed */
    bool accepts;
} em__door;

struct em_cluster {
    em_emitter emitter;
    em__guest guest;
    em_loop *loop;
    em_cluster_options options; /* defaults filled in */
    em_worker_options worker;
    unsigned calls; /* of ours on the stack, that will use it again */
    bool freed;     /* em_cluster_free was called */
    bool gone;      /* and the emitter went too */
    bool listens;
    bool stopping;
    bool ended;    /* stopped, and the last member has ended */
    bool complete; /* 'ready' was emitted, and no slot went down since */
    unsigned shed; /* connections refused; told when our calls are over */
    int shed_error;
    uint64_t random;

    em__slot *slots;
    em__candidate *candidates; /* what the router sees of the slots */
    em__list members;

    em__address address;
    em__door *doors;
    unsigned door_count;
    em__router router;
    em__peeker peeker;
    em__list parked; /* connections that nobody can take now */
    em_source *look; /* the timer of looks at the queues */
    bool looking;
    void *buffer; /* for a packet that is taken back */

    em_source *patience; /* the timer of a reload */
    unsigned reload_slot;
    em__member *replaced; /* what a reload waits for to end */
    bool reloading;
};

/* --- cluster.c --- */

/* Leaving may emit 'shed'. */
void em__cluster_enter(em_cluster *cluster);
void em__cluster_leave(em_cluster *cluster);

/* Emit an event, unless it is freed.  Whether it still is not. */
bool em__cluster_emit(em_cluster *cluster, const char *event, void *arg);
bool em__cluster_emit_error(em_cluster *cluster, const char *event, int error,
                            const char *message);

bool em__cluster_has_queues(const em_cluster *cluster);

/* --- closing.c --- */

/* The last member may have ended. */
void em__cluster_check_end(em_cluster *cluster);

/* --- member.c --- */

/* Start a worker in the slot; 0 or what em_worker_spawn says. */
int em__member_spawn(em__slot *slot, em__member **ret);

/* Ask it to stop; it gets no more connections.  Whether it is still there. */
bool em__member_stop(em__member *member);

/* Take it out of its slot and kill it; a thread is left to end when it will. */
void em__member_dismiss(em__member *member);

/* Kill it, or wait for it, without an event. */
void em__member_free(em__member *member);

/* --- feed.c --- */

/* Open the queue to a worker, and give the worker its end. */
int em__feed_open(em__member *member);
void em__feed_close(em__member *member);

/* Put a connection in; 0, or -EAGAIN and the member is not asked again for
 * now. */
int em__feed_put(em__member *member, const em_connection *connection);

/* Give what it has not taken to others. */
void em__feed_take_back(em__member *member);

/* Let the router see how ready the slot is. */
void em__feed_rank(em__slot *slot);

/* The timer that looks whether queues are taken from. */
void em__feed_look(em_source *timer, void *cluster);

/* --- slot.c --- */

/* Its current member became ready. */
void em__slot_came_up(em__slot *slot);

/* Its current member is gone: start another one, in time, unless a reload is
 * about to. */
void em__slot_went_down(em__slot *slot, bool wanted);

/* The timer's. */
void em__slot_try(em_source *timer, void *slot);

/* --- reload.c --- */

/* The replacement in the slot is ready, or is gone; a replaced one ended. */
void em__reload_next_ready(em__slot *slot);
void em__reload_next_ended(em__slot *slot);
void em__reload_old_ended(em_cluster *cluster);
void em__reload_cancel(em_cluster *cluster);
void em__reload_impatient(em_source *timer, void *cluster);

/* --- dispatch.c --- */

/* Open the doors; the sockets were put in. */
int em__dispatch_open(em_cluster *cluster);
void em__dispatch_close(em_cluster *cluster);

/* Take what has connected, then close the doors. */
void em__dispatch_finish(em_cluster *cluster);

/* Find a worker for a connection, which is taken, or have it wait for one.
 * Calls no user code, and neither does the next one. */
void em__dispatch(em_cluster *cluster, const em_connection *connection,
                  unsigned wish);

/* Workers can take more, or less, than before. */
void em__dispatch_update(em_cluster *cluster);

#endif
