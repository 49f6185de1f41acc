/* SPDX-License-Identifier: MIT */
/* JetStream: the words of its protocol that durable jobs speak.
 *
 * libnats' own functions for it wait for answers, so what they would send is
 * spelled out: the JSON API (NATS ADR-1), its error codes (ADR-7), pulls
 * (ADR-13), acknowledgements and the subjects that they go to (ADR-15), and
 * direct gets (ADR-31). */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/frame.h"
#include "nats/jetstream.h"

enum { MAX_NAME = 64 };

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || c == '-';
}

/* Names are directories of servers and tokens of subjects, and nats-server 2.9
 * takes a '%' of theirs for a format. */
bool em__nats_is_stream(const char *name)
{
    size_t i;

    for (i = 0; name && (is_plain(name[i]) || name[i] == '_'); i++)
        ;
    return i > 0 && i <= MAX_NAME && name[i] == '\0';
}

/* Any string as a name, or as a token: two that differ differ as well. */
int em__js_append_name(em_nats_buffer *buffer, const char *string)
{
    char escape[4];
    int r = 0;

    for (; r == 0 && *string; string++) {
        if (is_plain(*string)) {
            r = em_nats_append(buffer, string, 1);
        } else {
            (void)snprintf(escape, sizeof(escape), "_%02X",
                           (unsigned)(unsigned char)*string);
            r = em_nats_append(buffer, escape, 3);
        }
    }
    return r;
}

char *em__js_print(const char *format, ...)
{
    va_list list;
    char *string;
    int r;

    va_start(list, format);
    r = vasprintf(&string, format, list);
    va_end(list);
    return r < 0 ? NULL : string;
}

char *em__js_new_inbox(void)
{
    natsInbox *inbox;
    char *copy;

    if (natsInbox_Create(&inbox) != NATS_OK)
        return NULL;
    copy = strdup(inbox);
    natsInbox_Destroy(inbox);
    return copy;
}

void em__js_ask(em_nats *nats, char *subject, const char *reply, char *body)
{
    if (subject && reply && body && em_nats_is_connected(nats))
        (void)em__nats_send(nats, subject, reply, body, strlen(body));
    free(subject);
    free(body);
}

int em__js_new_message(em_nats *nats, const em__nats_frame *frame,
                       const char *subject, const char *reply, natsMsg **ret)
{
    unsigned char head[EM__NATS_HEAD];
    size_t length = em__nats_frame_head(frame, head);
    em_nats_buffer *b = &nats->scratch;
    int r;

    b->used = 0;
    r = em_nats_append(b, head, length);
    if (r == 0)
        r = em_nats_append(b, frame->data, frame->size);
    if (r == 0)
        r = em__nats_errno(
            natsMsg_Create(ret, subject, reply, b->bytes, (int)b->used));
    return r;
}

/* --- JSON: no more than to find a member --- */

typedef struct text {
    const char *at, *end;
} text;

/* strchr would find the 0, too. */
static bool is_one_of(const char *characters, const text *t)
{
    return t->at < t->end && *t->at != '\0' && strchr(characters, *t->at);
}

static void skip_spaces(text *t)
{
    while (is_one_of(" \t\r\n", t))
        t->at++;
}

static void skip_string(text *t)
{
    for (t->at++; t->at < t->end && *t->at != '"'; t->at++) {
        if (*t->at == '\\' && t->at + 1 < t->end)
            t->at++;
    }
    t->at = t->at < t->end ? t->at + 1 : t->end;
}

/* To the comma behind it or the end of what it is in. */
static void skip_value(text *t)
{
    size_t depth = 0;

    while (t->at < t->end) {
        if (*t->at == '"') {
            skip_string(t);
            continue;
        }
        if (depth == 0 && is_one_of(",}]", t))
            return;
        if (*t->at == '{' || *t->at == '[')
            depth++;
        else if (*t->at == '}' || *t->at == ']')
            depth--;
        t->at++;
    }
}

/* The value of a member of the object that the text begins with. */
static bool find_member(text t, const char *name, text *ret)
{
    size_t length = strlen(name);
    const char *key;
    bool same;

    for (skip_spaces(&t); is_one_of("{,", &t);) {
        t.at++;
        skip_spaces(&t);
        if (t.at == t.end || *t.at != '"')
            return false;
        key = t.at + 1;
        skip_string(&t);
        same = (size_t)(t.at - key) == length + 1 &&
               memcmp(key, name, length) == 0;
        skip_spaces(&t);
        if (t.at == t.end || *t.at != ':')
            return false;
        t.at++;
        skip_spaces(&t);
        ret->at = t.at;
        skip_value(&t);
        ret->end = t.at;
        if (same)
            return true;
    }
    return false;
}

/* 0 if there is none, or it is too large. */
static uint64_t number_in(text object, const char *name)
{
    uint64_t number = 0, digit;
    text value;

    if (!find_member(object, name, &value))
        return 0;
    for (; value.at < value.end && *value.at >= '0' && *value.at <= '9';
         value.at++) {
        digit = (uint64_t)(*value.at - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return 0;
        number = number * 10 + digit;
    }
    return number;
}

/* --- answers --- */

static const struct {
    uint64_t code;
    int error;
} errors[] = {
    { EM__JS_OTHER_CONFIGURATION, -EEXIST },
    { 10005, -EHOSTUNREACH }, /* no suitable peers for placement */
    { 10008, -EAGAIN },       /* temporarily unavailable */
    { 10009, -EAGAIN },       /* no leader answered */
    { 10014, -ENOENT },       /* consumer not found */
    { 10023, -ENOSPC },       /* insufficient resources */
    { 10028, -ENOSPC },       /* storage resources exceeded */
    { 10035, -EPERM },        /* not enabled for the account */
    { EM__JS_NO_MESSAGE, -ENOENT },
    { 10039, -EPERM },    /* likewise */
    { 10047, -ENOSPC },   /* insufficient storage resources */
    { 10054, -EMSGSIZE }, /* message size exceeds the maximum */
    { 10059, -ENOENT },   /* stream not found */
    { EM__JS_OVERLAP, -EEXIST },
    { 10074, -EHOSTUNREACH }, /* replicas but no cluster */
    { 10076, -EPERM },        /* not enabled */
    { 10077, -ENOSPC },       /* the store failed */
};

static int error_of(uint64_t code)
{
    size_t i;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].code == code)
            return errors[i].error;
    }
    return -EIO;
}

static void copy_description(text error, char *what, size_t size)
{
    text d;
    const char *begin;

    if (!find_member(error, "description", &d) || !is_one_of("\"", &d))
        return;
    begin = d.at + 1;
    skip_string(&d);
    if (d.at > begin)
        (void)snprintf(what, size, "%.*s", (int)(d.at - 1 - begin), begin);
}

void em__js_read_answer(natsMsg *message, em__js_answer *ret)
{
    const char *data = natsMsg_GetData(message);
    text t = { data, data + natsMsg_GetDataLength(message) }, error;

    *ret = (em__js_answer){ .error = 0 };
    if (em__js_status(message) == 503) { /* nobody has the subject */
        ret->error = -EHOSTUNREACH;
        (void)snprintf(ret->what, sizeof(ret->what), "no JetStream answers");
    } else if (find_member(t, "error", &error)) {
        ret->code = number_in(error, "err_code");
        ret->error = error_of(ret->code);
        (void)snprintf(ret->what, sizeof(ret->what), "an error of JetStream");
        copy_description(error, ret->what, sizeof(ret->what));
    } else if (!find_member(t, "stream", &error) &&
               !find_member(t, "type", &error)) {
        ret->error = -EBADMSG;
    } else {
        ret->sequence = number_in(t, "seq");
        ret->duplicate = find_member(t, "duplicate", &error) &&
                         error.at < error.end && *error.at == 't';
    }
}

uint64_t em__js_number(natsMsg *message, const char *object, const char *name)
{
    const char *data = natsMsg_GetData(message);
    text t = { data, data + natsMsg_GetDataLength(message) }, inner;

    if (!object)
        return number_in(t, name);
    return find_member(t, object, &inner) ? number_in(inner, name) : 0;
}

const char *em__js_header(natsMsg *message, const char *name)
{
    const char *value;

    return natsMsgHeader_Get(message, name, &value) == NATS_OK ? value : NULL;
}

/* A message that has a status, three digits, is the server's own and has no
 * body. */
int em__js_status(natsMsg *message)
{
    const char *status = natsMsg_GetDataLength(message) == 0
                             ? em__js_header(message, "Status")
                             : NULL;

    return status && strlen(status) == 3 && strspn(status, "0123456789") == 3
               ? atoi(status)
               : 0;
}

uint64_t em__js_last_number(const char *subject)
{
    const char *token = strrchr(subject, '.');

    return token ? strtoull(token + 1, NULL, 10) : 0;
}

/* --- deliveries --- */

/* A number from 1 on, up to the next dot; servers write no other. */
static bool read_number(const char *token, uint64_t most, uint64_t *ret)
{
    uint64_t number = 0, digit;

    if (*token == '0')
        return false;
    for (; *token >= '0' && *token <= '9'; token++) {
        digit = (uint64_t)(*token - '0');
        if (number > (most - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret = number;
    return *token == '.' && number > 0;
}

/* $JS.ACK.stream.consumer.times.sequence.…, nine tokens; servers may put a
 * domain and the account before the stream and one token behind all, and newer
 * ones do. */
bool em__js_read_ack(const char *ack, unsigned *times, uint64_t *sequence)
{
    const char *tokens[12];
    uint64_t number;
    size_t count = 0, first;

    if (!ack || strncmp(ack, "$JS.ACK.", strlen("$JS.ACK.")) != 0)
        return false;
    while (ack && count < 12) {
        tokens[count++] = ack;
        ack = strchr(ack, '.');
        if (ack)
            ack++;
    }
    if (count < 9 || count == 10)
        return false;
    first = count == 9 ? 4 : 6;
    if (!read_number(tokens[first], UINT_MAX, &number) ||
        !read_number(tokens[first + 1], UINT64_MAX, sequence))
        return false;
    *times = (unsigned)number;
    return true;
}
