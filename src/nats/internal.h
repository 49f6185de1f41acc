/* SPDX-License-Identifier: MIT */
/* Nats: what the files of this folder share.
 *
 * libnats has threads of its own: one that reconnects, one for timers, one for
 * callbacks.  They reach a connection by its link only, whose lock guards what
 * they leave there; a notify source then wakes the loop, which is the only
 * thread to touch an em_nats.  Libnats calls the hooks with its own lock held,
 * so the link's lock is the inner one, and nothing is called under it but
 * em_source_notify. */

#ifndef NATS_INTERNAL_H
#define NATS_INTERNAL_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <emitter/nats.h>

#include <emitter/pool.h>

#include "base/list.h"

typedef struct em__nats_link em__nats_link;
typedef struct em__nats_sub em__nats_sub;

struct em_nats_buffer {
    char *bytes;
    size_t used, room;
};

typedef enum em__nats_state {
    EM__NATS_CONNECTING,
    EM__NATS_OPEN,    /* and maybe broken for now */
    EM__NATS_CLOSING, /* what was published is sent */
    EM__NATS_ENDING,  /* a pool thread destroys it */
    EM__NATS_CLOSED
} em__nats_state;

/* A descriptor that is watched; goes with its source. */
typedef struct em__nats_eye {
    em_nats *nats; /* NULL: it has another one */
    em_source *source;
    int fd;
    bool waits; /* for room to write */
} em__nats_eye;

struct em_nats {
    em_emitter emitter; /* one reference is the user's, one the connection's */
    em_loop *loop;
    em_pool *pool; /* one thread, for what libnats does only by waiting */
    em__nats_link *link;
    em__nats_state state;
    natsOptions *options;
    natsConnection *nc; /* NULL until connected, and after the end */
    char failure[256];  /* written by the pool thread, read after its work */

    em_source *wake;   /* what hooks notify; keeps the loop alive */
    em__nats_eye *eye; /* on the descriptor; NULL while there is none */
    bool deferred;     /* a flush was deferred */
    bool quiet;        /* the user let it go: no more events */
    em_source *linger;

    size_t limit, queued;
    size_t unsent;    /* of queued: since the system was last offered any */
    bool hungry;      /* somebody was answered -EAGAIN */
    em__list waiting; /* messages for the next connection */
    em__list subs;    /* subscriptions */
    em__list exports;
    em__list imports;
    em_nats_buffer scratch; /* for encoders; reused */
    bool delivering;        /* subscriptions that go must stay linked */
};

/* --- link --- */

/* What libnats' threads have to tell. */
typedef enum em__nats_news_kind {
    EM__NATS_NEWS_ATTACH, /* there is a descriptor to watch */
    EM__NATS_NEWS_WRITE,  /* there are bytes to be sent */
    EM__NATS_NEWS_DISCONNECT,
    EM__NATS_NEWS_RECONNECT,
    EM__NATS_NEWS_LAMEDUCK,
    EM__NATS_NEWS_ERROR,
    EM__NATS_NEWS_CLOSED
} em__nats_news_kind;

typedef struct em__nats_news {
    em__nats_news_kind kind;
    natsStatus status;  /* of ERROR */
    int fd;             /* of ATTACH, and the receiver's */
    natsConnection *nc; /* likewise */
} em__nats_news;

int em__nats_link_new(em_nats *nats, em__nats_link **ret);
void em__nats_link_unref(em__nats_link *link);

/* Make these hooks the options'; libnats then holds the link until it has
 * closed the connection, or until em__nats_link_unref if it never had one. */
natsStatus em__nats_link_use(em__nats_link *link, natsOptions *options);

/* Whether libnats may be called: it has a server, and so no thread of its own
 * that holds its lock for as long as a connect takes. */
bool em__nats_link_is_ready(em__nats_link *link);

/* Whether it has bytes to be written.  To offer it none would be mistaken for
 * the end of the connection, so the hooks' word counts, on whatever thread. */
bool em__nats_link_is_writing(em__nats_link *link);

/* natsConnection_Connect has returned. */
void em__nats_link_set_ready(em__nats_link *link);

/* No more news; the hooks then do nothing. */
void em__nats_link_cut(em__nats_link *link);

/* The oldest, false if there is none. */
bool em__nats_link_take(em__nats_link *link, em__nats_news *ret);

/* Around the owner's calls into libnats, whose hooks then act at once. */
em_nats *em__nats_enter(em_nats *nats);
void em__nats_leave(em_nats *former);

/* --- connection --- */

int em__nats_options_new(em__nats_link *link, const em_nats_options *given,
                         natsOptions **ret);
int em__nats_errno(natsStatus status);
void em__nats_emit(em_nats *nats, const char *event);
void em__nats_error(em_nats *nats, int code, const char *what,
                    const char *subject);
void em__nats_end(em_nats *nats);

/* --- wire: bytes in and out --- */

void em__nats_watch(em_nats *nats, int fd);
void em__nats_unwatch(em_nats *nats);
void em__nats_want_flush(em_nats *nats);
void em__nats_flush(em_nats *nats);

/* --- publish --- */

int em__nats_send(em_nats *nats, const char *subject, const char *reply,
                  const void *data, size_t size);
void em__nats_sent(em_nats *nats);
void em__nats_send_waiting(em_nats *nats);
void em__nats_drop_waiting(em_nats *nats);

/* --- subscriptions --- */

struct em__nats_sub {
    em__list link;
    em_nats *nats;
    natsSubscription *handle; /* NULL until there is a connection */
    char *subject, *group;
    void (*fn)(em__nats_sub *sub, natsMsg *message); /* owns neither */
    void *data;
    bool gone;
};

int em__nats_subscribe(em_nats *nats, const char *subject, const char *group,
                       void (*fn)(em__nats_sub *, natsMsg *), void *data,
                       em__nats_sub **ret);
void em__nats_unsubscribe(em__nats_sub *sub);
void em__nats_subscribe_all(em_nats *nats);
void em__nats_deliver(em_nats *nats);
void em__nats_drop_subs(em_nats *nats);

/* --- events --- */

void em__nats_drop_exports(em_nats *nats);
void em__nats_drop_imports(em_nats *nats);

/* What is being emitted because it came from elsewhere, on this thread; what is
 * emitted on must not go back by the subject that it came by. */
typedef struct em__nats_arrival {
    const char *subject;
    const char *event;
    const void *arg;
    struct em__nats_arrival *outer;
} em__nats_arrival;

void em__nats_arrive(em__nats_arrival *arrival);
void em__nats_depart(em__nats_arrival *arrival);
bool em__nats_arrived(const char *subject, const char *event, const void *arg);

extern const em_nats_codec em__nats_codec_bytes, em__nats_codec_error;

/* --- subjects --- */

bool em__nats_is_subject(const char *subject, bool wildcards);
int em__nats_append_token(em_nats_buffer *buffer, const char *name);
int em__nats_read_token(const char *token, char *name);
bool em__nats_is_private(const char *name);

void em__nats_buffer_free(em_nats_buffer *buffer);

#endif
