/* SPDX-License-Identifier: MIT */
/* Link: what libnats' threads have to tell the loop's. */

#ifndef NATS_LINK_H
#define NATS_LINK_H

#include "nats/internal.h"

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

/* For a libnats subscription: told on a thread of its, with the link as data,
 * by the last token but one of the subject.  It holds the link until the
 * subscription is over. */
natsStatus em__nats_link_hear_none(em__nats_link *link, natsConnection *nc,
                                   const char *subject, natsSubscription **ret);

/* The number of a call that reached nobody, false if there is none. */
bool em__nats_link_take_none(em__nats_link *link, uint64_t *ret);

/* A number of the connection that takes what is sent now, or of the next one if
 * it waits for that.  Another number's has been lost. */
unsigned em__nats_link_epoch(em__nats_link *link);

/* No more news; the hooks then do nothing. */
void em__nats_link_cut(em__nats_link *link);

/* The oldest, false if there is none. */
bool em__nats_link_take(em__nats_link *link, em__nats_news *ret);

/* Around the owner's calls into libnats, whose hooks then act at once. */
em_nats *em__nats_enter(em_nats *nats);
void em__nats_leave(em_nats *former);

#endif
