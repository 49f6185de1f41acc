/* SPDX-License-Identifier: MIT */
/* Import: messages, emitted as events.
 *
 * Its listener is never called: it is for an event that nobody can name, and
 * there so that the end of the emitter ends the import. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nats/internal.h"

typedef struct import {
    em__list link; /* of nats, or of none after it was dropped */
    em_nats *nats; /* NULL then */
    em__nats_sub *sub;
    em_emitter *to;
    em_listener *listener;
    const em_nats_codec *codec;
    char *subject;
    const char *event;  /* interned; NULL: the last token */
    const char *symbol; /* what the listener is for */
} import;

static void emit(import *i, const em_nats_bytes *bytes, const char *event)
{
    em_nats *nats = i->nats;
    const em_nats_codec *codec =
        strcmp(event, "error") == 0 ? &em__nats_codec_error : i->codec;
    em__nats_arrival arrival = { bytes->subject, event, NULL, NULL };
    void *arg = NULL;
    int r = codec->decode(bytes, event, &arg);

    if (r < 0) {
        em__nats_error(nats, r, "a message cannot be decoded", bytes->subject);
        return;
    }
    arrival.arg = arg;
    em__nats_arrive(&arrival);
    (void)em_emit(i->to, event, arg);
    em__nats_depart(&arrival);
    if (codec->free_arg)
        codec->free_arg(arg);
}

/* A name that comes from outside must not be one that only emitters emit: its
 * listeners trust what it carries. */
static void emit_by_token(import *i, const em_nats_bytes *bytes)
{
    const char *token = strrchr(bytes->subject, '.');
    char small[256], *name = small;
    int r;

    token = token ? token + 1 : bytes->subject;
    if (strlen(token) >= sizeof(small))
        name = malloc(strlen(token) + 1);
    r = name ? em__nats_read_token(token, name) : -ENOMEM;
    if (r == 0 && em__nats_is_private(name))
        r = -EBADMSG;
    if (r == 0)
        emit(i, bytes, name);
    else
        em__nats_error(i->nats, r, "no event has that name", bytes->subject);
    if (name != small)
        free(name);
}

static void on_message(em__nats_sub *sub, natsMsg *message)
{
    em_nats_bytes bytes = { natsMsg_GetData(message),
                            (size_t)natsMsg_GetDataLength(message),
                            natsMsg_GetSubject(message) };
    import *i = sub->data;
    em_emitter *to = em_ref(i->to); /* so the import stays, too */

    if (i->event)
        emit(i, &bytes, i->event);
    else
        emit_by_token(i, &bytes);
    em_unref(to);
}

static void free_import(void *data)
{
    import *i = data;

    em__list_remove(&i->link);
    em__nats_unsubscribe(i->sub);
    em_name_unref(i->event);
    em_name_unref(i->symbol);
    free(i->subject);
    free(i);
}

static void drop(import *i)
{
    em__list_remove(&i->link);
    em__nats_unsubscribe(i->sub);
    i->sub = NULL;
    em_listener_remove(i->listener);
}

static void never(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
}

static int set_names(import *i, const char *subject, const char *event)
{
    i->subject = strdup(subject);
    i->symbol = em_symbol("nats");
    i->event = event ? em_intern(event) : NULL;
    return i->subject && i->symbol && (i->event || !event) ? 0 : -ENOMEM;
}

static int begin(import *i)
{
    int r =
        em__nats_subscribe(i->nats, i->subject, NULL, on_message, i, &i->sub);

    if (r < 0)
        return r;
    return em_listen(i->to, i->symbol,
                     EM_OPTIONS(em_listen_options, .fn = never, .data = i,
                                .free_data = free_import),
                     &i->listener);
}

static int check(em_nats *nats, const char *subject, em_emitter *to,
                 const char *event)
{
    if (!nats || !to || !em__nats_is_subject(subject, true) ||
        em_emitter_loop(to) != nats->loop ||
        (event && em__nats_is_private(event)))
        return -EINVAL;
    return nats->state >= EM__NATS_CLOSING ? -ESHUTDOWN : 0;
}

int em_nats_import(em_nats *nats, const char *subject, em_emitter *to,
                   const char *event, const em_nats_codec *codec)
{
    int r = check(nats, subject, to, event);
    import *i;

    if (r < 0)
        return r;
    i = calloc(1, sizeof(*i));
    if (!i)
        return -ENOMEM;
    em__list_init(&i->link);
    i->nats = nats;
    i->to = to;
    i->codec = codec ? codec : &em__nats_codec_bytes;
    r = set_names(i, subject, event);
    if (r == 0)
        r = begin(i);
    if (r < 0)
        free_import(i);
    else
        em__list_append(&nats->imports, &i->link);
    return r;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int em_nats_unimport(em_nats *nats, const char *subject, em_emitter *to,
                     const char *event)
{
    em__list *node, *after;

    if (!nats || !subject || !to)
        return -EINVAL;
    em__list_each_safe(&nats->imports, node, after) {
        import *i = em__container(node, import, link);

        if (i->to == to && strcmp(i->subject, subject) == 0 &&
            is_same(i->event, event)) {
            drop(i);
            return 0;
        }
    }
    return -ENOENT;
}

void em__nats_drop_imports(em_nats *nats)
{
    while (!em__list_empty(&nats->imports))
        drop(em__container(nats->imports.next, import, link));
}
