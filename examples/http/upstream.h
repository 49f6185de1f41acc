/* SPDX-License-Identifier: MIT */
/* Upstream: the servers behind the proxy, and connections to them that are
 * kept for the next request. */

#ifndef HTTP_UPSTREAM_H
#define HTTP_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <emitter.h>

enum { UPSTREAMS_MAX = 32, UPSTREAM_NAME = 256, IDLE_LINKS_MAX = 128 };

struct upstream;

/* One connection; with nobody it is idle, and watched for its end. */
struct link {
    TAILQ_ENTRY(link) entry; /* among the idle ones */
    struct upstream *upstream;
    em_source *source;
    int fd;
    unsigned events;
    bool used; /* it has had an answer */
    void *user;
    void (*ready)(void *user, unsigned events);
};

TAILQ_HEAD(links, link);

struct upstream {
    em_loop *loop;
    struct sockaddr_storage address;
    socklen_t size;
    uint64_t down_until; /* the loop's ms */
    struct links idle;
    unsigned idle_count;
};

struct upstreams {
    unsigned count, turn;
    char name[UPSTREAM_NAME]; /* HOST:PORT of the first */
    struct upstream of[UPSTREAMS_MAX];
};

/* HOST:PORT[,HOST:PORT...], looked up now.  Returns 0 or -errno, -EINVAL for
 * what is no such list. */
int upstreams_read(struct upstreams *upstreams, const char *list);
void upstreams_start(struct upstreams *upstreams, em_loop *loop);
void upstreams_free(struct upstreams *upstreams);

/* Whose turn it is, of those that are not down. */
struct upstream *upstreams_next(struct upstreams *upstreams);

/* A connection to it, an idle one unless `fresh`.  Returns 0 or -errno; a
 * fresh one may still fail later. */
int upstream_link(struct upstream *upstream, bool fresh, struct link **ret);
void upstream_failed(struct upstream *upstream);

/* What its user waits for; nothing is done if that is so already. */
int link_wait(struct link *link, unsigned events);
void link_keep(struct link *link);
void link_close(struct link *link);

#endif
