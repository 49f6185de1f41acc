/* SPDX-License-Identifier: MIT */
/* Intake: how connections reach a worker, in every route: out of the queue that
 * the cluster puts them in, or by accepting them.
 *
 * A worker without free descriptors leaves connections where they are, for the
 * cluster to take back or for others to accept, and looks again after RETRY_MS.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "worker/accept.h"
#include "worker/handoff.h"
#include "worker/intake.h"

/* Taken a turn: one worker's queue does not starve what else its loop does. */
enum { BATCH = 16, RETRY_MS = 100 };

typedef struct em__listener {
    em__acceptor acceptor;
    em__intake *intake;
} em__listener;

void em__intake_init(em__intake *intake, em_loop *loop, em__intake_fn *fn)
{
    *intake = (em__intake){ .loop = loop, .fn = fn, .fd = -1 };
    em__list_init(&intake->acceptors);
}

static void give(em__intake *intake, em_connection *connection)
{
    intake->fn(intake, connection);
    if (connection->fd >= 0)
        (void)close(connection->fd);
}

/* --- the queue --- */

static void close_queue(em__intake *intake)
{
    if (intake->fd < 0)
        return;
    em_source_remove(intake->source);
    em_source_remove(intake->timer);
    if (em__loop_owns_descriptors(intake->loop))
        (void)close(intake->fd);
    em__free(intake->buffer);
    intake->source = intake->timer = NULL;
    intake->buffer = NULL;
    intake->fd = -1;
}

/* The other end's end closes the queue, and so does what cannot be tried again
 * later, as a want of descriptors can; what is left in it is the cluster's. */
static void stop_taking(em__intake *intake, int error)
{
    if (error == -EPIPE || em_source_set_events(intake->source, 0) < 0 ||
        em_source_set_timer(intake->timer, RETRY_MS, 0) < 0)
        close_queue(intake);
}

static void take_again(em_source *timer, void *data)
{
    em__intake *intake = data;

    (void)timer;
    (void)em_source_set_events(intake->source, EM_READABLE);
}

/* A turn's share, unless a callback stops the loop; `to_the_end`: all.  The
 * buffer goes with the intake, so it is left alone after the callback.  Returns
 * whether the intake is still there. */
static bool take_some(em__intake *intake, bool to_the_end)
{
    unsigned count = to_the_end ? UINT_MAX : BATCH;
    em_connection connection;
    bool gone = false, *outer = intake->gone;
    int r = 1;

    /* cppcheck-suppress autoVariables ; the outer one is put back */
    intake->gone = &gone;
    while (!gone && r > 0 && intake->fd >= 0 && count-- > 0 &&
           (to_the_end || !em__loop_halted(intake->loop))) {
        r = em__handoff_take(intake->fd, intake->buffer, intake->size,
                             &connection);
        if (r > 0)
            give(intake, &connection);
        else if (r < 0)
            stop_taking(intake, r);
    }
    if (!gone)
        intake->gone = outer;
    else if (outer)
        *outer = true;
    return !gone;
}

static void readable(em_source *source, int fd, unsigned events, void *data)
{
    (void)source, (void)fd, (void)events;
    (void)take_some(data, false);
}

static int add_sources(em__intake *intake, int fd)
{
    int r = em_loop_add_timer(intake->loop, UINT64_MAX, 0, take_again, intake,
                              &intake->timer);

    if (r < 0)
        return r;
    r = em_loop_add_fd(intake->loop, fd, EM_READABLE, readable, intake,
                       &intake->source);
    if (r < 0) {
        em_source_remove(intake->timer);
        return r;
    }
    em_source_unref(intake->timer);
    em_source_unref(intake->source); /* the channel keeps the loop alive */
    return 0;
}

int em__intake_add_queue(em__intake *intake, int fd, size_t size)
{
    int r;

    if (intake->fd >= 0)
        return -EALREADY;
    intake->buffer = em__malloc(size);
    if (!intake->buffer)
        return -ENOMEM;
    intake->size = size;
    r = add_sources(intake, fd);
    if (r < 0) {
        em__free(intake->buffer);
        intake->buffer = NULL;
        return r;
    }
    intake->fd = fd;
    return 0;
}

/* --- listening sockets --- */

static void accepted(em__acceptor *acceptor, const em_connection *connection)
{
    em_connection copy = *connection;

    give(em__container(acceptor, em__listener, acceptor)->intake, &copy);
}

static const em__acceptor_calls calls = { .accepted = accepted };

int em__intake_add_listener(em__intake *intake, int fd, bool shared)
{
    em__listener *listener = em__malloc(sizeof(*listener));
    int r;

    if (!listener)
        return -ENOMEM;
    listener->intake = intake;
    r = em__acceptor_open(&listener->acceptor, intake->loop, fd,
                          shared ? EM__ACCEPT_SHARED : EM__ACCEPT_ALONE,
                          &calls);
    if (r < 0) {
        em__free(listener);
        return r;
    }
    em__list_append(&intake->acceptors, &listener->acceptor.node);
    return 0;
}

static em__listener *first_listener(em__intake *intake)
{
    return em__container(intake->acceptors.next, em__listener, acceptor.node);
}

static void close_listener(em__listener *listener)
{
    em__acceptor_close(&listener->acceptor);
    em__free(listener);
}

/* --- the end --- */

void em__intake_close(em__intake *intake)
{
    if (intake->gone)
        *intake->gone = true;
    intake->gone = NULL;
    close_queue(intake);
    while (!em__list_empty(&intake->acceptors))
        close_listener(first_listener(intake));
}

/* What has connected is served: of a listening socket that is closed for the
 * last time the kernel resets all that were not accepted. */
static bool drain_listener(em__intake *intake)
{
    em__listener *listener = first_listener(intake);
    bool gone = false, *outer = intake->gone;

    /* cppcheck-suppress autoVariables ; the outer one is put back */
    intake->gone = &gone;
    em__acceptor_drain(&listener->acceptor);
    if (gone) {
        if (outer)
            *outer = true;
        return false;
    }
    intake->gone = outer;
    close_listener(listener);
    return true;
}

void em__intake_finish(em__intake *intake)
{
    if (!take_some(intake, true))
        return;
    close_queue(intake);
    while (!em__list_empty(&intake->acceptors) && drain_listener(intake))
        ;
}
