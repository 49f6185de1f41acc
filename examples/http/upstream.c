/* SPDX-License-Identifier: MIT */
/* Upstream: see upstream.h. */

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "upstream.h"

enum { DOWN_MS = 2000 };

/* --- the list --- */

static int look_up(struct upstream *upstream, const char *host,
                   const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -EHOSTUNREACH;
    memcpy(&upstream->address, found->ai_addr, found->ai_addrlen);
    upstream->size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/* HOST:PORT, or [ADDRESS]:PORT. */
static int read_one(struct upstream *upstream, char *text)
{
    char *colon = strrchr(text, ':');
    size_t size;

    if (!colon || colon == text || !colon[1])
        return -EINVAL;
    *colon = 0;
    size = strlen(text);
    if (*text == '[' && text[size - 1] == ']') {
        text[size - 1] = 0;
        text++;
    }
    return look_up(upstream, text, colon + 1);
}

int upstreams_read(struct upstreams *upstreams, const char *list)
{
    char text[UPSTREAM_NAME];
    size_t size;
    int r = 0;

    upstreams->count = 0;
    while (r == 0 && *list) {
        size = strcspn(list, ",");
        if (size >= sizeof(text) || upstreams->count == UPSTREAMS_MAX)
            return -EINVAL;
        memcpy(text, list, size);
        text[size] = 0;
        if (upstreams->count == 0)
            memcpy(upstreams->name, text, size + 1);
        r = read_one(&upstreams->of[upstreams->count++], text);
        list += size + (list[size] == ',');
    }
    return upstreams->count ? r : -EINVAL;
}

void upstreams_start(struct upstreams *upstreams, em_loop *loop)
{
    unsigned i;

    for (i = 0; i < upstreams->count; i++) {
        upstreams->of[i].loop = loop;
        TAILQ_INIT(&upstreams->of[i].idle);
    }
}

void upstreams_free(struct upstreams *upstreams)
{
    struct link *link;
    unsigned i;

    for (i = 0; i < upstreams->count; i++)
        while (upstreams->of[i].loop &&
               (link = TAILQ_FIRST(&upstreams->of[i].idle)))
            link_close(link);
}

/* If all are down, one has to be tried. */
struct upstream *upstreams_next(struct upstreams *upstreams)
{
    struct upstream *upstream = NULL;
    unsigned i;

    for (i = 0; i < upstreams->count; i++) {
        upstream = &upstreams->of[upstreams->turn++ % upstreams->count];
        if (upstream->down_until <= em_loop_now(upstream->loop))
            break;
    }
    return upstream;
}

void upstream_failed(struct upstream *upstream)
{
    upstream->down_until = em_loop_now(upstream->loop) + DOWN_MS;
}

/* --- links --- */

/* An idle one that becomes readable has ended, or says what nobody asked. */
static void on_ready(em_source *source, int fd, unsigned events, void *data)
{
    struct link *link = data;

    (void)source, (void)fd;
    if (link->user)
        link->ready(link->user, events);
    else
        link_close(link);
}

int link_wait(struct link *link, unsigned events)
{
    int r;

    if (!link->source)
        r = em_loop_add_fd(link->upstream->loop, link->fd, events, on_ready,
                           link, &link->source);
    else if (link->events == events)
        return 0;
    else
        r = em_source_set_events(link->source, events);
    if (r == 0)
        link->events = events;
    return r;
}

static void take_off(struct link *link)
{
    TAILQ_REMOVE(&link->upstream->idle, link, entry);
    link->upstream->idle_count--;
}

void link_close(struct link *link)
{
    if (!link->user)
        take_off(link);
    em_source_remove(link->source);
    (void)close(link->fd);
    free(link);
}

/* The source of an idle link does not keep the loop alive. */
void link_keep(struct link *link)
{
    if (link->upstream->idle_count == IDLE_LINKS_MAX ||
        link_wait(link, EM_READABLE) < 0) {
        link_close(link);
        return;
    }
    em_source_unref(link->source);
    link->used = true;
    link->user = NULL;
    TAILQ_INSERT_HEAD(&link->upstream->idle, link, entry);
    link->upstream->idle_count++;
}

static int connect_to(struct upstream *upstream)
{
    int fd = socket(upstream->address.ss_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, r;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&upstream->address, upstream->size) ==
            0 ||
        errno == EINPROGRESS)
        return fd;
    r = -errno;
    (void)close(fd);
    return r;
}

int upstream_link(struct upstream *upstream, bool fresh, struct link **ret)
{
    struct link *link = TAILQ_FIRST(&upstream->idle);
    int fd;

    if (link && !fresh) {
        take_off(link);
        em_source_ref(link->source);
        *ret = link;
        return 0;
    }
    fd = connect_to(upstream);
    if (fd < 0)
        return fd;
    link = calloc(1, sizeof(*link));
    if (!link) {
        (void)close(fd);
        return -ENOMEM;
    }
    link->fd = fd;
    link->upstream = upstream;
    *ret = link;
    return 0;
}
