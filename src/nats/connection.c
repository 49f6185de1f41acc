/* SPDX-License-Identifier: MIT */
/* Connection: made and ended on a thread of its own, lived on the loop.
 *
 * Connecting to NATS means to wait for a name, a server and a handshake, and
 * destroying a connection to wait for a thread that may be connecting; libnats
 * has no other way.  Both are batons on a pool of one thread that the
 * connection has to itself, since a pool that others keep busy would let no
 * time-out be kept.
 *
 * The user holds one reference of the emitter.  The connection holds another
 * until it is closed, so that whatever libnats and the pool still have under
 * way finds it. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <emitter/baton.h>

#include "base/options.h"
#include "nats/call.h"
#include "nats/job.h"
#include "nats/link.h"

enum { LINGER_MS = 500 };

static void free_nats(em_emitter *emitter)
{
    em_nats *nats = (em_nats *)(void *)emitter;

    em__nats_buffer_free(&nats->scratch);
    em__nats_buffer_free(&nats->control);
    em__nats_table_free(&nats->calls);
    em__nats_table_free(&nats->jobs);
    em__nats_tasks_free(nats);
    free(nats->inbox);
    em__nats_link_unref(nats->link);
    free(nats);
}

void em__nats_emit(em_nats *nats, const char *event)
{
    if (!nats->quiet)
        (void)em_emit(&nats->emitter, event, NULL);
}

void em__nats_error(em_nats *nats, int code, const char *what,
                    const char *subject)
{
    if (nats->quiet)
        return;
    (void)em_emit_error(&nats->emitter, code, "%s%s%s", subject ? subject : "",
                        subject ? ": " : "", what);
}

/* --- the end --- */

/* Everything that is on the loop or on an emitter goes, then our reference. */
static void closed(em_nats *nats)
{
    if (nats->state == EM__NATS_CLOSED)
        return;
    nats->state = EM__NATS_CLOSED;
    em__nats_link_cut(nats->link);
    em__nats_unwatch(nats);
    em_source_remove(nats->linger);
    em_source_remove(nats->probe);
    em_source_remove(nats->wake);
    nats->wake = NULL;
    em__nats_drop_exports(nats);
    em__nats_drop_imports(nats);
    em__nats_drop_services(nats);
    em__nats_tasks_leave(nats);
    em__nats_drop_subs(nats);
    em__nats_drop_waiting(nats);
    em__nats_drop_calls(nats);
    em_pool_free(nats->pool);
    nats->pool = NULL;
    em__nats_emit(nats, "close");
    em_unref(&nats->emitter);
}

/* On the pool's thread, or on the loop's if there is no other way. */
static int destroy(em_baton *baton, void *data)
{
    em_nats *nats = data;

    (void)baton;
    natsConnection_Destroy(nats->nc);
    return 0;
}

static void destroyed(em_baton *baton, int status, void *data)
{
    em_nats *nats = data;

    (void)baton;
    if (status < 0) /* it never ran */
        natsConnection_Destroy(nats->nc);
    nats->nc = NULL;
    closed(nats);
}

static int start(em_nats *nats, em_work_fn *work, em_after_fn *after)
{
    return em_baton_start(nats->loop,
                          EM_OPTIONS(em_baton_options, .work = work,
                                     .after = after, .data = nats,
                                     .pool = nats->pool),
                          NULL);
}

/* Subscriptions go first: they are libnats' objects and refer to its own. */
void em__nats_end(em_nats *nats)
{
    if (nats->state >= EM__NATS_ENDING)
        return;
    nats->state = EM__NATS_ENDING;
    em__nats_unwatch(nats);
    em__nats_drop_exports(nats);
    em__nats_drop_imports(nats);
    em__nats_leave_services(nats);
    em__nats_drop_subs(nats);
    if (start(nats, destroy, destroyed) < 0)
        destroyed(NULL, -ESHUTDOWN, nats);
}

/* The loop is being freed, or closed() has removed the source. */
static void loop_is_gone(void *data)
{
    em_nats *nats = data;

    if (nats->state == EM__NATS_CLOSED)
        return;
    nats->wake = NULL;
    nats->quiet = true;
    em__nats_link_cut(nats->link);
    natsConnection_Destroy(nats->nc);
    nats->nc = NULL;
    closed(nats);
}

static void forget_linger(void *data)
{
    ((em_nats *)data)->linger = NULL;
}

static void has_lingered(em_source *source, void *data)
{
    (void)source;
    em__nats_end(data);
}

void em_nats_close(em_nats *nats)
{
    if (!nats || nats->state >= EM__NATS_CLOSING)
        return;
    if (nats->state == EM__NATS_CONNECTING) { /* connected() goes on */
        nats->state = EM__NATS_CLOSING;
        return;
    }
    em__nats_leave_services(nats);
    nats->state = EM__NATS_CLOSING;
    if (nats->queued == 0 ||
        em_loop_add_timer(nats->loop, LINGER_MS, 0, has_lingered, nats,
                          &nats->linger) < 0)
        em__nats_end(nats);
    else
        em_source_set_free(nats->linger, forget_linger);
}

void em_nats_free(em_nats *nats)
{
    if (!nats)
        return;
    nats->quiet = true;
    em_nats_close(nats);
    em_unref(&nats->emitter);
}

/* --- the beginning --- */

/* Of the server that it has. */
static void learn_limits(em_nats *nats)
{
    int64_t largest = natsConnection_GetMaxPayload(nats->nc);

    atomic_store(&nats->largest,
                 largest > 0 && largest < INT_MAX ? (size_t)largest : INT_MAX);
}

static int connect_it(em_baton *baton, void *data)
{
    em_nats *nats = data;
    natsStatus s = natsConnection_Connect(&nats->nc, nats->options);
    const char *text;

    (void)baton;
    if (s == NATS_OK) {
        learn_limits(nats);
        return 0;
    }
    nats->nc = NULL;
    text = nats_GetLastError(NULL); /* of this thread */
    (void)snprintf(nats->failure, sizeof(nats->failure), "%s",
                   text && *text ? text : natsStatus_GetText(s));
    return em__nats_errno(s);
}

static void opened(em_nats *nats)
{
    if (nats->state == EM__NATS_CLOSING) {
        em__nats_end(nats);
        return;
    }
    nats->state = EM__NATS_OPEN;
    em__nats_link_set_ready(nats->link); /* the news will follow */
    em__nats_subscribe_all(nats);
    em__nats_emit(nats, "connect");
}

static void connected(em_baton *baton, int status, void *data)
{
    em_nats *nats = data;

    (void)baton;
    natsOptions_Destroy(nats->options);
    nats->options = NULL;
    if (status == 0) {
        opened(nats);
        return;
    }
    em__nats_link_unref(nats->link); /* libnats' */
    /* Cancelled: the loop is being freed, and there is nobody to tell. */
    if (nats->state == EM__NATS_CONNECTING && status != -ECANCELED)
        em__nats_error(nats, status,
                       *nats->failure ? nats->failure : "cannot connect", NULL);
    closed(nats);
}

static void on_news(em_nats *nats, const em__nats_news *news)
{
    switch (news->kind) {
    case EM__NATS_NEWS_ATTACH:
        nats->nc = news->nc;
        learn_limits(nats);
        em__nats_lose_calls(nats);
        em__nats_watch(nats, news->fd);
        em__nats_subscribe_all(nats);
        em__nats_send_waiting(nats);
        em__nats_durable_attached(nats);
        break;
    case EM__NATS_NEWS_WRITE:
        em__nats_want_flush(nats);
        break;
    case EM__NATS_NEWS_DISCONNECT:
        em__nats_lose_calls(nats);
        em__nats_emit(nats, "disconnect");
        break;
    case EM__NATS_NEWS_RECONNECT:
        em__nats_emit(nats, "reconnect");
        break;
    case EM__NATS_NEWS_LAMEDUCK:
        em__nats_emit(nats, "lameduck");
        break;
    case EM__NATS_NEWS_ERROR:
        em__nats_error(nats, em__nats_errno(news->status),
                       natsStatus_GetText(news->status), NULL);
        break;
    case EM__NATS_NEWS_CLOSED: /* by libnats, of its own will */
        if (nats->state < EM__NATS_CLOSING)
            em__nats_error(nats, -ENOTCONN, "the connection is lost for good",
                           NULL);
        em__nats_end(nats);
        break;
    }
}

/* A listener may close the connection, which ends the news. */
static void take_news(em_source *source, void *data)
{
    em_nats *nats = data;
    em__nats_news news;
    uint64_t number;

    (void)source;
    (void)em_ref(&nats->emitter);
    while (nats->state < EM__NATS_ENDING &&
           em__nats_link_take(nats->link, &news))
        on_news(nats, &news);
    while (nats->state < EM__NATS_ENDING &&
           em__nats_link_take_none(nats->link, &number))
        em__nats_call_unheard(nats, number);
    em__nats_tell_calls(nats);
    em_unref(&nats->emitter);
}

static int begin(em_nats *nats, const em_nats_options *options)
{
    int r = em_loop_add_notify(nats->loop, take_news, nats, &nats->wake);

    if (r < 0)
        return r;
    r = em__nats_link_new(nats, &nats->link);
    if (r < 0)
        return r;
    r = em__nats_options_new(nats->link, options, &nats->options);
    if (r < 0)
        return r;
    r = em_pool_new(EM_OPTIONS(em_pool_options, .max_threads = 1, .idle_ms = 1,
                               .name = "nats"),
                    &nats->pool);
    if (r < 0)
        return r;
    return start(nats, connect_it, connected);
}

/* Nothing of libnats was started. */
static void undo(em_nats *nats)
{
    em_source_remove(nats->wake);
    em_pool_free(nats->pool);
    if (nats->options) {
        natsOptions_Destroy(nats->options);
        em__nats_link_unref(nats->link);
    }
    em_unref(&nats->emitter);
}

int em_nats_connect(em_loop *loop, const em_nats_options *options,
                    em_nats **ret)
{
    em_nats_options o;
    em_nats *nats;
    int r = em__options_read(options, &o, sizeof(o));

    if (r < 0)
        return r;
    if (!loop || !ret)
        return -EINVAL;
    nats = calloc(1, sizeof(*nats));
    if (!nats)
        return -ENOMEM;
    em_emitter_init(&nats->emitter, loop, free_nats);
    nats->loop = loop;
    nats->pid = getpid();
    nats->limit = o.queue_limit ? o.queue_limit : 8u << 20;
    em__list_init(&nats->waiting);
    em__list_init(&nats->subs);
    em__list_init(&nats->exports);
    em__list_init(&nats->imports);
    em__list_init(&nats->services);
    em__list_init(&nats->asking);
    em__list_init(&nats->over);
    r = begin(nats, &o);
    if (r < 0) {
        undo(nats);
        return r;
    }
    (void)em_ref(&nats->emitter);
    em_source_set_free(nats->wake, loop_is_gone);
    if (o.unref)
        em_source_unref(nats->wake);
    *ret = nats;
    return 0;
}

em_emitter *em_nats_emitter(em_nats *nats)
{
    return nats ? &nats->emitter : NULL;
}

bool em_nats_is_connected(em_nats *nats)
{
    return nats && nats->state == EM__NATS_OPEN &&
           em__nats_link_is_ready(nats->link);
}
