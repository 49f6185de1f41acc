/* SPDX-License-Identifier: MIT */
/* Export: an emitter's events, published.
 *
 * It is a listener of the emitter, so that emitter's end ends it, by the
 * listener's free_data. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nats/internal.h"

typedef struct export
{
    em__list link; /* of nats, or of none after it was dropped */
    em_nats *nats; /* NULL then */
    em_emitter *from;
    em_listener *listener;
    const em_nats_codec *codec;
    bool all;
    char *subject;
    em_nats_buffer name; /* of all: the subject, a dot and the name */
}
export;

static int name_subject(export *e, const char *event, const char **ret)
{
    int r;

    *ret = e->subject;
    if (!e->all)
        return 0;
    e->name.used = strlen(e->subject) + 1;
    r = em__nats_append_token(&e->name, event);
    if (r == 0)
        r = em_nats_append(&e->name, "", 1);
    *ret = e->name.bytes;
    return r;
}

static int publish(export *e, const char *subject, const char *event,
                   const void *arg)
{
    em_nats_buffer *scratch = &e->nats->scratch;
    const em_nats_codec *codec =
        strcmp(event, "error") == 0 ? &em__nats_codec_error : e->codec;
    int r;

    scratch->used = 0;
    r = codec->encode(scratch, event, arg);
    return r < 0 ? r
                 : em__nats_send(e->nats, subject, NULL, scratch->bytes,
                                 scratch->used);
}

/* An 'error' of the connection may end the export, hence nothing after it. */
static void on_event(em_emitter *emitter, void *arg, void *data)
{
    const char *event = em_event(emitter), *subject;
    export *e = data;
    int r;

    if (!e->nats || (e->all && em__nats_is_private(event)))
        return;
    r = name_subject(e, event, &subject);
    if (r == 0 && em__nats_arrived(subject, event, arg))
        return;
    if (r == 0)
        r = publish(e, subject, event, arg);
    if (r < 0)
        em__nats_error(e->nats, r, "an event was not sent", e->subject);
}

/* The listener is off: we removed it, or the emitter has gone. */
static void free_export(void *data)
{
    export *e = data;

    em__list_remove(&e->link);
    em__nats_buffer_free(&e->name);
    free(e->subject);
    free(e);
}

static void drop(export *e)
{
    em__list_remove(&e->link);
    e->nats = NULL;
    em_listener_remove(e->listener);
}

static int set_subject(export *e, const char *subject)
{
    int r = em_nats_append(&e->name, subject, strlen(subject));

    e->subject = strdup(subject);
    if (r == 0)
        r = em_nats_append(&e->name, ".", 1);
    return e->subject ? r : -ENOMEM;
}

static int check(em_nats *nats, em_emitter *emitter, const char *subject,
                 bool wildcards)
{
    if (!nats || !emitter || !em__nats_is_subject(subject, wildcards) ||
        em_emitter_loop(emitter) != nats->loop)
        return -EINVAL;
    return nats->state >= EM__NATS_CLOSING ? -ESHUTDOWN : 0;
}

int em_nats_export(em_nats *nats, em_emitter *from, const char *event,
                   const char *subject, const em_nats_codec *codec)
{
    int r = check(nats, from, subject, false);
    export *e;

    if (r < 0)
        return r;
    if (!event || (event != EM_ANY && em__nats_is_private(event)))
        return -EINVAL;
    e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    em__list_init(&e->link);
    e->nats = nats;
    e->from = from;
    e->all = event == EM_ANY;
    e->codec = codec ? codec : &em__nats_codec_bytes;
    r = set_subject(e, subject);
    if (r == 0)
        r = em_listen(from, event,
                      EM_OPTIONS(em_listen_options, .fn = on_event, .data = e,
                                 .free_data = free_export),
                      &e->listener);
    if (r < 0)
        free_export(e);
    else
        em__list_append(&nats->exports, &e->link);
    return r;
}

static int is_it(em_emitter *emitter, const em_listener_info *info, void *data)
{
    (void)emitter;
    return info->listener == data;
}

int em_nats_unexport(em_nats *nats, em_emitter *from, const char *event,
                     const char *subject)
{
    em__list *node, *after;

    if (!nats || !from || !event || !subject)
        return -EINVAL;
    em__list_each_safe(&nats->exports, node, after) {
        export *e = em__container(node, export, link);

        if (e->from == from && strcmp(e->subject, subject) == 0 &&
            em_each_listener(from, event, is_it, e->listener) == 1) {
            drop(e);
            return 0;
        }
    }
    return -ENOENT;
}

void em__nats_drop_exports(em_nats *nats)
{
    while (!em__list_empty(&nats->exports))
        drop(em__container(nats->exports.next, export, link));
}
