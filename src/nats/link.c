/* SPDX-License-Identifier: MIT */
/* Link: what libnats calls on its threads, and what it left there.
 *
 * Both sides hold it, since libnats' last callback may come after the loop has
 * gone.  News need no memory: a hook cannot fail for want of it.  Should a
 * loop not look for so long that the ring is full, errors are dropped first,
 * and a disconnect and the reconnect after it undo each other. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nats/link.h"

enum { RING = 64 };

struct em__nats_link {
    pthread_mutex_t lock;
    unsigned refs;
    em_source *wake;   /* NULL once it is cut */
    bool attached;     /* libnats has a server */
    unsigned epoch;    /* how often it got one */
    atomic_bool ready; /* and has done with its thread that connected */
    int fd;            /* to be watched as soon as it is ready, or -1 */
    natsConnection *nc;
    atomic_bool writing; /* it has bytes that are to be written */
    bool write, closed;
    uint64_t *none; /* calls that reached nobody, the latest last */
    size_t none_count, none_room;
    unsigned first, count;
    em__nats_news ring[RING];
};

/* The connection whose owner is inside libnats on this thread.  The hooks must
 * tell apart whether they may touch it; a comparison of thread ids would not
 * do, since a loop's owner is whoever runs it next. */
static _Thread_local em_nats *inside;

em_nats *em__nats_enter(em_nats *nats)
{
    em_nats *former = inside;

    inside = nats;
    return former;
}

void em__nats_leave(em_nats *former)
{
    inside = former;
}

static bool is_inside(const em__nats_link *link)
{
    return inside && inside->link == link;
}

int em__nats_link_new(em_nats *nats, em__nats_link **ret)
{
    em__nats_link *link = calloc(1, sizeof(*link));

    if (!link)
        return -ENOMEM;
    (void)pthread_mutex_init(&link->lock, NULL);
    link->refs = 1;
    link->wake = nats->wake;
    link->fd = -1;
    *ret = link;
    return 0;
}

void em__nats_link_unref(em__nats_link *link)
{
    unsigned refs;

    if (!link)
        return;
    (void)pthread_mutex_lock(&link->lock);
    refs = --link->refs;
    (void)pthread_mutex_unlock(&link->lock);
    if (refs > 0)
        return;
    if (link->fd >= 0)
        (void)close(link->fd);
    (void)pthread_mutex_destroy(&link->lock);
    free(link->none);
    free(link);
}

void em__nats_link_cut(em__nats_link *link)
{
    (void)pthread_mutex_lock(&link->lock);
    link->wake = NULL;
    (void)pthread_mutex_unlock(&link->lock);
}

static void wake(em__nats_link *link)
{
    if (link->wake)
        (void)em_source_notify(link->wake);
}

bool em__nats_link_is_ready(em__nats_link *link)
{
    return atomic_load(&link->ready);
}

bool em__nats_link_is_writing(em__nats_link *link)
{
    return atomic_load(&link->writing);
}

/* What is subscribed or published after the attach but before libnats' thread
 * has sent all it had kept would be lost.  Unless it broke again by now. */
void em__nats_link_set_ready(em__nats_link *link)
{
    (void)pthread_mutex_lock(&link->lock);
    atomic_store(&link->ready, link->attached);
    wake(link);
    (void)pthread_mutex_unlock(&link->lock);
}

unsigned em__nats_link_epoch(em__nats_link *link)
{
    unsigned epoch;

    (void)pthread_mutex_lock(&link->lock);
    epoch = link->epoch + !link->attached;
    (void)pthread_mutex_unlock(&link->lock);
    return epoch;
}

/* --- leaving news, with the lock held --- */

static bool undoes(em__nats_news_kind kind, em__nats_news_kind former)
{
    return (kind == EM__NATS_NEWS_DISCONNECT &&
            former == EM__NATS_NEWS_RECONNECT) ||
           (kind == EM__NATS_NEWS_RECONNECT &&
            former == EM__NATS_NEWS_DISCONNECT);
}

static void push(em__nats_link *link, em__nats_news_kind kind,
                 natsStatus status)
{
    unsigned last = (link->first + link->count + RING - 1) % RING;

    if (kind == EM__NATS_NEWS_ERROR && link->count >= RING / 2)
        return;
    if (link->count == RING) {
        if (undoes(kind, link->ring[last].kind))
            link->count--;
        return;
    }
    link->ring[(link->first + link->count++) % RING] =
        (em__nats_news){ .kind = kind, .status = status, .fd = -1 };
    wake(link);
}

static void tell(em__nats_link *link, em__nats_news_kind kind,
                 natsStatus status)
{
    (void)pthread_mutex_lock(&link->lock);
    push(link, kind, status);
    (void)pthread_mutex_unlock(&link->lock);
}

/* --- taking them --- */

static bool take(em__nats_link *link, em__nats_news *ret)
{
    bool ready = atomic_load(&link->ready);

    if (ready && link->fd >= 0) {
        *ret = (em__nats_news){ .kind = EM__NATS_NEWS_ATTACH,
                                .fd = link->fd,
                                .nc = link->nc };
        link->fd = -1;
    } else if (ready && link->write) {
        *ret = (em__nats_news){ .kind = EM__NATS_NEWS_WRITE, .fd = -1 };
        link->write = false;
    } else if (link->count > 0) {
        *ret = link->ring[link->first];
        link->first = (link->first + 1) % RING;
        link->count--;
    } else if (link->closed) {
        *ret = (em__nats_news){ .kind = EM__NATS_NEWS_CLOSED, .fd = -1 };
        link->closed = false;
    } else {
        return false;
    }
    return true;
}

bool em__nats_link_take(em__nats_link *link, em__nats_news *ret)
{
    bool taken;

    (void)pthread_mutex_lock(&link->lock);
    taken = take(link, ret);
    (void)pthread_mutex_unlock(&link->lock);
    return taken;
}

/* --- hooks of the event loop; libnats holds its lock --- */

/* The loop gets a descriptor of its own: libnats closes the other on whatever
 * thread notices that it broke, and the number would be somebody else's while
 * the loop still watches it. */
static natsStatus on_attach(void **user, void *loop, natsConnection *nc,
                            natsSock fd)
{
    em__nats_link *link = loop;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (own < 0)
        return NATS_SYS_ERROR;
    (void)pthread_mutex_lock(&link->lock);
    if (!*user)
        link->refs++; /* for on_detach, which may come after on_closed */
    *user = link;
    if (link->fd >= 0)
        (void)close(link->fd);
    link->fd = own;
    link->nc = nc;
    link->attached = true;
    link->epoch++;
    (void)pthread_mutex_unlock(&link->lock);
    return NATS_OK;
}

static void break_off(em__nats_link *link)
{
    (void)pthread_mutex_lock(&link->lock);
    link->attached = false;
    atomic_store(&link->ready, false);
    (void)pthread_mutex_unlock(&link->lock);
}

/* Removed as soon as libnats sees that the connection broke; never added. */
static natsStatus on_read(void *user, bool add)
{
    if (!add)
        break_off(user);
    return NATS_OK;
}

static natsStatus on_write(void *user, bool add)
{
    em__nats_link *link = user;

    atomic_store(&link->writing, add);
    if (is_inside(link)) {
        if (add)
            em__nats_want_flush(inside);
        else
            em__nats_sent(inside);
        return NATS_OK;
    }
    (void)pthread_mutex_lock(&link->lock);
    link->write = add;
    if (add)
        wake(link);
    (void)pthread_mutex_unlock(&link->lock);
    return NATS_OK;
}

static natsStatus on_detach(void *user)
{
    break_off(user);
    em__nats_link_unref(user);
    return NATS_OK;
}

/* --- callbacks, all on one thread of libnats --- */

static void on_disconnect(natsConnection *nc, void *data)
{
    (void)nc;
    tell(data, EM__NATS_NEWS_DISCONNECT, NATS_OK);
}

static void on_reconnect(natsConnection *nc, void *data)
{
    (void)nc;
    em__nats_link_set_ready(data);
    tell(data, EM__NATS_NEWS_RECONNECT, NATS_OK);
}

static void on_lameduck(natsConnection *nc, void *data)
{
    (void)nc;
    tell(data, EM__NATS_NEWS_LAMEDUCK, NATS_OK);
}

static void on_error(natsConnection *nc, natsSubscription *subscription,
                     natsStatus status, void *data)
{
    (void)nc, (void)subscription;
    tell(data, EM__NATS_NEWS_ERROR, status);
}

/* The last of these. */
static void on_closed(natsConnection *nc, void *data)
{
    em__nats_link *link = data;

    (void)nc;
    (void)pthread_mutex_lock(&link->lock);
    link->closed = true;
    wake(link);
    (void)pthread_mutex_unlock(&link->lock);
    em__nats_link_unref(link);
}

/* --- calls that reached nobody --- */

/* With the lock held.  What is forgotten for want of memory, the call's next
 * question brings up again. */
static void note_none(em__nats_link *link, uint64_t number)
{
    size_t room = link->none_room ? link->none_room * 2 : 16;
    uint64_t *none = link->none;

    if (link->none_count == link->none_room) {
        none = realloc(none, room * sizeof(*none));
        if (!none)
            return;
        link->none = none;
        link->none_room = room;
    }
    none[link->none_count++] = number;
    wake(link);
}

/* The subject ends with the number and a token. */
static void on_none(natsConnection *nc, natsSubscription *subscription,
                    natsMsg *message, void *data)
{
    const char *subject = natsMsg_GetSubject(message), *at;
    em__nats_link *link = data;

    (void)nc, (void)subscription;
    at = strrchr(subject, '.');
    while (at && at > subject && at[-1] != '.')
        at--;
    if (at && natsMsg_IsNoResponders(message)) {
        (void)pthread_mutex_lock(&link->lock);
        note_none(link, strtoull(at, NULL, 16));
        (void)pthread_mutex_unlock(&link->lock);
    }
    natsMsg_Destroy(message);
}

static void on_no_more(void *data)
{
    em__nats_link_unref(data);
}

/* Libnats' synchronous subscriptions swallow what NATS says in such a case, and
 * with it whom it is said to. */
natsStatus em__nats_link_hear_none(em__nats_link *link, natsConnection *nc,
                                   const char *subject, natsSubscription **ret)
{
    natsStatus s = natsConnection_Subscribe(ret, nc, subject, on_none, link);

    if (s != NATS_OK)
        return s;
    (void)pthread_mutex_lock(&link->lock);
    link->refs++;
    (void)pthread_mutex_unlock(&link->lock);
    s = natsSubscription_SetOnCompleteCB(*ret, on_no_more, link);
    if (s != NATS_OK)
        em__nats_link_unref(link);
    return s;
}

bool em__nats_link_take_none(em__nats_link *link, uint64_t *ret)
{
    bool taken;

    (void)pthread_mutex_lock(&link->lock);
    taken = link->none_count > 0;
    if (taken)
        *ret = link->none[--link->none_count];
    (void)pthread_mutex_unlock(&link->lock);
    return taken;
}

natsStatus em__nats_link_use(em__nats_link *link, natsOptions *options)
{
    natsStatus s = natsOptions_SetEventLoop(options, link, on_attach, on_read,
                                            on_write, on_detach);

    if (s == NATS_OK)
        s = natsOptions_SetDisconnectedCB(options, on_disconnect, link);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectedCB(options, on_reconnect, link);
    if (s == NATS_OK)
        s = natsOptions_SetLameDuckModeCB(options, on_lameduck, link);
    if (s == NATS_OK)
        s = natsOptions_SetErrorHandler(options, on_error, link);
    if (s == NATS_OK)
        s = natsOptions_SetClosedCB(options, on_closed, link);
    if (s == NATS_OK)
        link->refs++; /* nobody else has it yet */
    return s;
}
