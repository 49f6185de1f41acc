/* SPDX-License-Identifier: MIT */
/* Accept: taking connections off a listening socket.
 *
 * A socket stays readable while the process has no descriptor left to accept
 * with, so a loop that merely tried again would spin.  Where nobody else
 * accepts, a number kept in reserve is given up for a moment, with which the
 * connections that wait are accepted and closed: their peers hear of it at once
 * rather than after a time-out.  Then, and where others do accept, the socket
 * is left alone for RETRY_MS.
 *
 * Where others accept too a turn takes one connection, so that a few go to
 * several, and one more for every CALLS_AN_ACCEPT calls of the turn before: a
 * turn also serves what was accepted earlier, so that at one a turn the last of
 * n that all talk would wait for n * n / 2 calls, and so for 4 n. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sock.h"
#include "loop/loop.h"
#include "worker/accept.h"

enum {
    BATCH = 64,
    CALLS_AN_ACCEPT = 4,
    SHED = 64,
    DRAIN = 4096,
    RETRY_MS = 100
};

/* --- one connection --- */

/* accept(2) passes on errors that a connection already had, and what a firewall
 * says; they concern that connection alone. */
static bool is_passing(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static int accept_one(int listening, em_connection *ret)
{
    *ret = (em_connection){ .data = "", .peer_len = sizeof(ret->peer) };
    ret->fd = em__sock_accept(listening, (struct sockaddr *)&ret->peer,
                              &ret->peer_len);
    if (ret->fd < 0)
        return ret->fd == -EWOULDBLOCK ? -EAGAIN : ret->fd;
    if (ret->peer_len > sizeof(ret->peer))
        ret->peer_len = sizeof(ret->peer);
    return 0;
}

/* --- when there are no descriptors --- */

static int reserve(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* Returns how many. */
static unsigned shed(em__acceptor *acceptor)
{
    em_connection connection;
    unsigned count;

    for (count = 0; count < SHED && acceptor->spare >= 0; count++) {
        (void)close(acceptor->spare);
        acceptor->spare = -1;
        if (accept_one(acceptor->fd, &connection) < 0)
            break;
        (void)close(connection.fd);
        acceptor->spare = reserve(acceptor->fd);
    }
    if (acceptor->spare < 0)
        acceptor->spare = reserve(acceptor->fd);
    return count;
}

static void listen_as_wanted(em__acceptor *acceptor)
{
    bool on = !acceptor->paused && !acceptor->refused;

    (void)em_source_set_events(acceptor->source, on ? EM_READABLE : 0);
}

static void refuse(em__acceptor *acceptor, int error)
{
    bool full = error == -EMFILE || error == -ENFILE;
    unsigned count = full && !acceptor->shared ? shed(acceptor) : 0;

    acceptor->refused = true;
    listen_as_wanted(acceptor);
    (void)em_source_set_timer(acceptor->timer, RETRY_MS, 0);
    if (acceptor->calls->refused)
        acceptor->calls->refused(acceptor, error, count);
}

static void try_again(em_source *timer, void *data)
{
    em__acceptor *acceptor = data;

    (void)timer;
    acceptor->refused = false;
    if (!acceptor->shared && acceptor->spare < 0)
        acceptor->spare = reserve(acceptor->fd);
    listen_as_wanted(acceptor);
}

/* --- many --- */

/* In a run no more once a callback has stopped it. */
static void accept_up_to(em__acceptor *acceptor, unsigned count, bool in_run)
{
    em_connection connection;
    bool gone = false, *outer = acceptor->gone;
    int r = 0;

    /* cppcheck-suppress autoVariables ; the outer one is put back */
    acceptor->gone = &gone;
    while (!gone && !acceptor->paused && count-- > 0 && r != -EAGAIN &&
           !(in_run && em__loop_halted(acceptor->loop))) {
        r = accept_one(acceptor->fd, &connection);
        if (r == 0)
            acceptor->calls->accepted(acceptor, &connection);
        else if (r != -EAGAIN && !is_passing(-r)) {
            refuse(acceptor, r);
            r = -EAGAIN;
        }
    }
    if (!gone)
        acceptor->gone = outer;
    else if (outer)
        *outer = true;
}

/* How many a turn may take.  What was called in turns without a connection does
 * not count: a few may have come after them. */
static unsigned batch(em__acceptor *acceptor)
{
    em_loop_counts now = { .size = sizeof(now) };
    uint64_t calls = 0;

    if (!acceptor->shared)
        return BATCH;
    (void)em_loop_metrics(acceptor->loop, &now);
    if (now.turns == acceptor->turn + 1)
        calls = now.callbacks - acceptor->callbacks;
    acceptor->turn = now.turns;
    acceptor->callbacks = now.callbacks;
    return calls < (BATCH - 1) * CALLS_AN_ACCEPT
               ? 1 + (unsigned)calls / CALLS_AN_ACCEPT
               : BATCH;
}

static void readable(em_source *source, int fd, unsigned events, void *data)
{
    em__acceptor *acceptor = data;

    (void)source, (void)fd, (void)events;
    accept_up_to(acceptor, batch(acceptor), true);
}

void em__acceptor_drain(em__acceptor *acceptor)
{
    if (!acceptor->refused)
        accept_up_to(acceptor, DRAIN, false);
}

/* --- life --- */

static int add_sources(em__acceptor *acceptor, em_loop *loop, int fd)
{
    int r = em_loop_add_timer(loop, UINT64_MAX, 0, try_again, acceptor,
                              &acceptor->timer);

    if (r < 0)
        return r;
    r = em_loop_add_fd(loop, fd, EM_READABLE, readable, acceptor,
                       &acceptor->source);
    if (r < 0) {
        em_source_remove(acceptor->timer);
        return r;
    }
    em_source_unref(acceptor->timer);
    em_source_unref(acceptor->source); /* its owner keeps the loop alive */
    return 0;
}

int em__acceptor_open(em__acceptor *acceptor, em_loop *loop, int fd,
                      em__acceptor_kind kind, const em__acceptor_calls *calls)
{
    int r;

    *acceptor =
        (em__acceptor){ .loop = loop, .calls = calls, .fd = -1, .spare = -1 };
    em__list_init(&acceptor->node);
    acceptor->shared = kind == EM__ACCEPT_SHARED;
    acceptor->turn = UINT64_MAX; /* in none */
    r = add_sources(acceptor, loop, fd);
    if (r < 0)
        return r;
    acceptor->fd = fd;
    if (kind == EM__ACCEPT_ALONE)
        acceptor->spare = reserve(fd);
    return 0;
}

void em__acceptor_pause(em__acceptor *acceptor)
{
    acceptor->paused = true;
    listen_as_wanted(acceptor);
}

void em__acceptor_resume(em__acceptor *acceptor)
{
    acceptor->paused = false;
    listen_as_wanted(acceptor);
}

void em__acceptor_close(em__acceptor *acceptor)
{
    if (acceptor->fd < 0)
        return;
    if (acceptor->gone)
        *acceptor->gone = true;
    acceptor->gone = NULL;
    em_source_remove(acceptor->source);
    em_source_remove(acceptor->timer);
    if (em__loop_owns_descriptors(acceptor->loop)) {
        (void)close(acceptor->fd);
        if (acceptor->spare >= 0)
            (void)close(acceptor->spare);
    }
    acceptor->fd = -1;
    em__list_remove(&acceptor->node);
}
