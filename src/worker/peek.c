/* SPDX-License-Identifier: MIT */
/* Peek: connections that wait for their first bytes, or for a worker.
 *
 * The bytes are read, not merely looked at, and travel with the descriptor:
 * a peer that has sent a part of what is wanted would otherwise leave its
 * socket readable, and the loop spinning, until the rest comes.
 *
 * All wait equally long, so they are in a list by age and share one timer. */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/peek.h"

/* --- arrivals --- */

em__arrival *em__arrival_new(const em_connection *connection, size_t size)
{
    em__arrival *arrival;

    if (size < connection->size)
        size = connection->size;
    arrival = em__malloc(sizeof(*arrival) + size);
    if (!arrival)
        return NULL;
    memset(arrival, 0, sizeof(*arrival));
    em__list_init(&arrival->node);
    arrival->connection = *connection;
    arrival->connection.data = arrival->bytes;
    if (connection->size)
        memcpy(arrival->bytes, connection->data, connection->size);
    return arrival;
}

void em__arrival_free(em__arrival *arrival)
{
    em__list_remove(&arrival->node);
    em_source_remove(arrival->source);
    if (arrival->connection.fd >= 0)
        (void)close(arrival->connection.fd);
    em__free(arrival);
}

/* --- waiting --- */

void em__peeker_release(em__arrival *arrival)
{
    em__list_remove(&arrival->node);
    arrival->peeker->count--;
    em_source_remove(arrival->source);
    arrival->source = NULL;
}

static void drop(em__arrival *arrival)
{
    em__peeker_release(arrival);
    em__arrival_free(arrival);
}

static em__arrival *oldest(em__peeker *peeker)
{
    return em__container(peeker->waiting.next, em__arrival, node);
}

/* For the oldest one; not at all if there is none. */
static void set_timer(em__peeker *peeker)
{
    uint64_t now = em_loop_now(peeker->loop), due, after = UINT64_MAX;

    if (!em__list_empty(&peeker->waiting)) {
        due = oldest(peeker)->deadline;
        after = due > now ? due - now : 0;
    }
    (void)em_source_set_timer(peeker->timer, after, 0);
}

static void timed_out(em_source *timer, void *data)
{
    em__peeker *peeker = data;
    uint64_t now = em_loop_now(peeker->loop);

    (void)timer;
    while (!em__list_empty(&peeker->waiting) && oldest(peeker)->deadline <= now)
        drop(oldest(peeker));
    set_timer(peeker);
}

/* Returns 1 if there is more, 0 if not yet, or why there never will be. */
static int read_more(em__arrival *arrival)
{
    em_connection *connection = &arrival->connection;
    ssize_t n;

    n = recv(connection->fd, arrival->bytes + connection->size,
             arrival->peeker->size - connection->size, MSG_DONTWAIT);
    if (n == 0)
        return -EPIPE;
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR
                   ? 0
                   : -errno;
    connection->size += (size_t)n;
    return 1;
}

/* Whether it still waits.  The last look at one that is full must decide. */
static bool waits_on(em__arrival *arrival)
{
    em__peeker *peeker = arrival->peeker;
    int r = read_more(arrival);

    if (r == 0)
        return true;
    if (r > 0)
        r = peeker->calls->look(peeker, arrival);
    if (r == 0 || r == -ECANCELED)
        return false;
    if (r == -EAGAIN && arrival->connection.size < peeker->size)
        return true;
    drop(arrival);
    return false;
}

static void readable(em_source *source, int fd, unsigned events, void *data)
{
    (void)source, (void)fd, (void)events;
    (void)waits_on(data);
}

int em__peeker_add(em__peeker *peeker, const em_connection *connection)
{
    em__arrival *arrival = em__arrival_new(connection, peeker->size);
    int r;

    if (!arrival)
        return -ENOMEM;
    arrival->peeker = peeker;
    r = em_loop_add_fd(peeker->loop, connection->fd, EM_READABLE, readable,
                       arrival, &arrival->source);
    if (r < 0) {
        arrival->connection.fd = -1;
        em__arrival_free(arrival);
        return r;
    }
    arrival->deadline = em_loop_now(peeker->loop) + EM__PEEK_MS;
    if (peeker->count == EM__PEEK_MAX_WAITING)
        drop(oldest(peeker));
    em__list_append(&peeker->waiting, &arrival->node);
    if (peeker->count++ == 0)
        set_timer(peeker);
    return 0;
}

/* --- life --- */

int em__peeker_open(em__peeker *peeker, em_loop *loop, size_t size,
                    const em__peeker_calls *calls)
{
    int r;

    *peeker = (em__peeker){ .calls = calls, .loop = loop, .size = size };
    em__list_init(&peeker->waiting);
    r = em_loop_add_timer(loop, UINT64_MAX, 0, timed_out, peeker,
                          &peeker->timer);
    if (r == 0)
        em_source_unref(peeker->timer);
    return r;
}

void em__peeker_close(em__peeker *peeker)
{
    if (!peeker->timer)
        return;
    while (!em__list_empty(&peeker->waiting))
        drop(oldest(peeker));
    em_source_remove(peeker->timer);
    peeker->timer = NULL;
}

void em__peeker_finish(em__peeker *peeker)
{
    em__arrival *arrival;

    while (peeker->timer && !em__list_empty(&peeker->waiting)) {
        arrival = oldest(peeker);
        if (waits_on(arrival))
            drop(arrival);
    }
    em__peeker_close(peeker);
}
