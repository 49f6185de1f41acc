/* SPDX-License-Identifier: MIT */
/* Curl loop: libcurl's transfers on an em_loop.
 *
 * libcurl says which sockets to watch for what, and when to call it again at
 * the latest; it is told what became ready.  From inside those two callbacks it
 * must not be called back, so all work begins in ours, of which `act` is all.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "curl_loop.h"

typedef struct transfer {
    struct transfer *next, **link;
    CURL *easy;
    curl_loop_fn *done;
    void *data;
} transfer;

struct curl_loop {
    em_loop *loop;
    CURLM *multi;
    em_source *timer;
    transfer *first;
    bool busy;  /* inside act, which frees when it is done */
    bool freed; /* nothing may be added any more */
};

/* --- transfers --- */

static void link_at(transfer **link, transfer *it)
{
    it->link = link;
    it->next = *link;
    *link = it;
    if (it->next)
        it->next->link = &it->next;
}

static void finish(curl_loop *curl, transfer *it, CURLcode result)
{
    transfer was = *it;

    *it->link = it->next;
    if (it->next)
        it->next->link = it->link;
    free(it);
    (void)curl_multi_remove_handle(curl->multi, was.easy);
    was.done(was.easy, result, was.data);
}

/* Only those that are there now: done may add one again. */
static void finish_all(curl_loop *curl, CURLcode result)
{
    transfer *all = curl->first;

    curl->first = NULL;
    if (all)
        all->link = &all;
    while (all)
        finish(curl, all, result);
}

/* The message is gone with the handle's removal. */
static void finish_those_that_ended(curl_loop *curl)
{
    CURLMsg *message;
    char *it;
    int left;

    while ((message = curl_multi_info_read(curl->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &it);
        finish(curl, (transfer *)(void *)it, message->data.result);
    }
}

/* An error here is one of all transfers: there was no memory, or the loop could
 * not watch a socket. */
static void act(curl_loop *curl, curl_socket_t fd, int ready)
{
    CURLMcode code;
    int running;

    curl->busy = true;
    code = curl_multi_socket_action(curl->multi, fd, ready, &running);
    finish_those_that_ended(curl);
    if (code != CURLM_OK)
        finish_all(curl, code == CURLM_OUT_OF_MEMORY
                             ? CURLE_OUT_OF_MEMORY
                             : CURLE_ABORTED_BY_CALLBACK);
    curl->busy = false;
    if (curl->freed)
        curl_loop_free(curl);
}

/* --- what libcurl wants, and what it is told --- */

/* A hang-up comes together with what was asked for, and reading tells more. */
static void on_ready(em_source *source, int fd, unsigned events, void *data)
{
    (void)source;
    act(data, fd,
        (events & EM_READABLE ? CURL_CSELECT_IN : 0) |
            (events & EM_WRITABLE ? CURL_CSELECT_OUT : 0) |
            (events & EM_ERROR ? CURL_CSELECT_ERR : 0));
}

static void on_time(em_source *source, void *data)
{
    (void)source;
    act(data, CURL_SOCKET_TIMEOUT, 0);
}

/* The source is what libcurl keeps with the socket, NULL at first.  It also
 * goes inside its own callback, when what became ready ended the transfer. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *data,
                      void *socket_data)
{
    curl_loop *curl = data;
    em_source *source = socket_data;
    unsigned events = (what & CURL_POLL_IN ? (unsigned)EM_READABLE : 0) |
                      (what & CURL_POLL_OUT ? (unsigned)EM_WRITABLE : 0);
    int r;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        em_source_remove(source);
        return 0;
    }
    if (source)
        return em_source_set_events(source, events) < 0 ? -1 : 0;
    r = em_loop_add_fd(curl->loop, fd, events, on_ready, curl, &source);
    if (r < 0)
        return -1;
    (void)curl_multi_assign(curl->multi, fd, source); /* it knows the socket */
    return 0;
}

/* -1: no timer; 0: at once, but not from in here. */
static int set_timer(CURLM *multi, long after_ms, void *data)
{
    curl_loop *curl = data;
    uint64_t after = after_ms < 0 ? UINT64_MAX : (uint64_t)after_ms;

    (void)multi;
    return em_source_set_timer(curl->timer, after, 0) < 0 ? -1 : 0;
}

/* --- the public functions --- */

int curl_loop_new(em_loop *loop, curl_loop **ret)
{
    curl_loop *curl = calloc(1, sizeof(*curl));
    int r = -ENOMEM;

    if (!curl)
        return r;
    curl->loop = loop;
    curl->multi = curl_multi_init();
    if (curl->multi)
        r = em_loop_add_timer(loop, UINT64_MAX, 0, on_time, curl, &curl->timer);
    if (r < 0) {
        curl_loop_free(curl);
        return r;
    }
    (void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    *ret = curl;
    return 0;
}

int curl_loop_add(curl_loop *curl, CURL *easy, curl_loop_fn *done, void *data)
{
    transfer *it;
    CURLMcode code;

    if (curl->freed)
        return -ESHUTDOWN;
    it = malloc(sizeof(*it));
    if (!it)
        return -ENOMEM;
    *it = (transfer){ .easy = easy, .done = done, .data = data };
    code = curl_multi_add_handle(curl->multi, easy);
    if (code != CURLM_OK) {
        free(it);
        return code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
    }
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, it); /* ours only now */
    link_at(&curl->first, it);
    return 0;
}

CURLM *curl_loop_multi(curl_loop *curl)
{
    return curl->multi;
}

/* libcurl closes its connections last, and so still calls set_socket. */
void curl_loop_free(curl_loop *curl)
{
    if (!curl)
        return;
    curl->freed = true;
    if (curl->busy)
        return;
    finish_all(curl, CURLE_ABORTED_BY_CALLBACK);
    (void)curl_multi_cleanup(curl->multi);
    em_source_remove(curl->timer);
    free(curl);
}
