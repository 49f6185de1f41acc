/* SPDX-License-Identifier: MIT */
/* Codec: how arguments become bytes and back.
 *
 * The form of em_args, version 1: a byte 1, then a byte for each argument with
 * its type, and behind it
 *
 *   0 null    nothing
 *   1 bool    a byte, 0 or 1
 *   2 int     zigzag, as LEB128: seven bits a byte, the lowest first
 *   3 double  IEEE 754 binary64, eight bytes, the lowest first
 *   4 string  its length as LEB128, its bytes, and a 0
 *
 * The 0 is there so that a string need not be copied where it arrives.  What is
 * longer or shorter than it must be, or has another spelling, is refused:
 * anybody may have sent it. */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <emitter/args.h>

#include "nats/internal.h"

enum { FORM = 1, MAX_ARGS = 1024 };

enum { WIRE_NULL, WIRE_BOOL, WIRE_INT, WIRE_DOUBLE, WIRE_STRING };

/* --- bytes --- */

static int encode_bytes(em_nats_buffer *buffer, const char *event,
                        const void *arg)
{
    const em_nats_bytes *bytes = arg;

    (void)event;
    return bytes ? em_nats_append(buffer, bytes->data, bytes->size) : 0;
}

static int decode_bytes(const em_nats_bytes *bytes, const char *event,
                        void **ret)
{
    (void)event;
    *ret = (void *)(uintptr_t)bytes;
    return 0;
}

const em_nats_codec em__nats_codec_bytes = { encode_bytes, decode_bytes, NULL };

/* --- encoding --- */

static int put_byte(em_nats_buffer *buffer, unsigned value)
{
    unsigned char byte = (unsigned char)value;

    return em_nats_append(buffer, &byte, 1);
}

static int put_number(em_nats_buffer *buffer, uint64_t value)
{
    unsigned char bytes[10];
    size_t count = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (unsigned char)(value | 0x80);
    bytes[count++] = (unsigned char)value;
    return em_nats_append(buffer, bytes, count);
}

static int put_int(em_nats_buffer *buffer, int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;

    return put_number(buffer, ((uint64_t)value << 1) ^ sign);
}

static int put_double(em_nats_buffer *buffer, double value)
{
    unsigned char bytes[8];
    uint64_t bits;
    int i;

    memcpy(&bits, &value, sizeof(bits));
    for (i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(bits >> (8 * i));
    return em_nats_append(buffer, bytes, sizeof(bytes));
}

static int put_string(em_nats_buffer *buffer, const char *string)
{
    size_t size = strlen(string);
    int r = put_number(buffer, size);

    return r < 0 ? r : em_nats_append(buffer, string, size + 1);
}

static int put_arg(em_nats_buffer *buffer, const em_arg *arg)
{
    int r;

    switch (arg->type) {
    case EM_TYPE_NULL:
        return put_byte(buffer, WIRE_NULL);
    case EM_TYPE_BOOL:
        r = put_byte(buffer, WIRE_BOOL);
        return r < 0 ? r : put_byte(buffer, arg->as.boolean);
    case EM_TYPE_INT:
        r = put_byte(buffer, WIRE_INT);
        return r < 0 ? r : put_int(buffer, arg->as.integer);
    case EM_TYPE_DOUBLE:
        r = put_byte(buffer, WIRE_DOUBLE);
        return r < 0 ? r : put_double(buffer, arg->as.number);
    case EM_TYPE_STRING:
        r = put_byte(buffer, WIRE_STRING);
        return r < 0 ? r : put_string(buffer, arg->as.string);
    case EM_TYPE_POINTER:
    case EM_TYPE_FUNCTION:
        return -ENOTSUP;
    }
    return -EINVAL;
}

static int encode_args(em_nats_buffer *buffer, const char *event,
                       const void *arg)
{
    const em_args *args = arg;
    size_t i;
    int r = put_byte(buffer, FORM);

    (void)event;
    if (args && args->count > MAX_ARGS)
        return -E2BIG;
    for (i = 0; r == 0 && args && i < args->count; i++)
        r = put_arg(buffer, &args->values[i]);
    return r;
}

/* --- decoding --- */

typedef struct reader {
    const unsigned char *at, *end;
} reader;

static bool get_byte(reader *r, unsigned *ret)
{
    if (r->at == r->end)
        return false;
    *ret = *r->at++;
    return true;
}

/* One spelling a number: no zeros behind, no more than 64 bits. */
static bool get_number(reader *r, uint64_t *ret)
{
    uint64_t value = 0;
    unsigned byte = 0x80, shift;

    for (shift = 0; byte & 0x80; shift += 7) {
        if (shift > 63 || !get_byte(r, &byte) || (shift == 63 && byte > 1))
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
    }
    *ret = value;
    return byte != 0 || shift == 7;
}

static bool get_double(reader *r, double *ret)
{
    uint64_t bits = 0;
    int i;

    if (r->end - r->at < 8)
        return false;
    for (i = 0; i < 8; i++)
        bits |= (uint64_t)*r->at++ << (8 * i);
    memcpy(ret, &bits, sizeof(bits));
    return true;
}

static bool get_string(reader *r, const char **ret)
{
    uint64_t size;

    if (!get_number(r, &size) || size >= (uint64_t)(r->end - r->at) ||
        memchr(r->at, 0, (size_t)size + 1) != r->at + size)
        return false;
    *ret = (const char *)r->at;
    r->at += size + 1;
    return true;
}

static bool get_arg(reader *r, em_arg *ret)
{
    unsigned type, byte;
    uint64_t bits;

    if (!get_byte(r, &type))
        return false;
    switch (type) {
    case WIRE_NULL:
        *ret = em_null();
        return true;
    case WIRE_BOOL:
        if (!get_byte(r, &byte) || byte > 1)
            return false;
        *ret = em_bool(byte == 1);
        return true;
    case WIRE_INT:
        if (!get_number(r, &bits))
            return false;
        *ret = em_int((int64_t)((bits >> 1) ^ (0 - (bits & 1))));
        return true;
    case WIRE_DOUBLE:
        ret->type = EM_TYPE_DOUBLE;
        return get_double(r, &ret->as.number);
    case WIRE_STRING:
        ret->type = EM_TYPE_STRING;
        return get_string(r, &ret->as.string);
    default:
        return false;
    }
}

/* How many there are, so that a message decides on no more memory than its own
 * size justifies. */
static int count_args(reader r)
{
    em_arg ignored;
    int count = 0;

    while (r.at < r.end) {
        if (!get_arg(&r, &ignored) || count++ == MAX_ARGS)
            return -EBADMSG;
    }
    return count;
}

static int decode_args(const em_nats_bytes *bytes, const char *event,
                       void **ret)
{
    reader r = { bytes->data,
                 (const unsigned char *)bytes->data + bytes->size };
    em_args *args;
    em_arg *values;
    unsigned version;
    int i, count;

    (void)event;
    if (!get_byte(&r, &version) || version != FORM)
        return -EBADMSG;
    count = count_args(r);
    if (count < 0)
        return count;
    args = malloc(sizeof(*args) + (size_t)count * sizeof(*values));
    if (!args)
        return -ENOMEM;
    values = (em_arg *)(void *)(args + 1);
    for (i = 0; i < count; i++)
        (void)get_arg(&r, &values[i]);
    *args = (em_args){ (size_t)count, values };
    *ret = args;
    return 0;
}

static const em_nats_codec codec_args = { encode_args, decode_args, free };

const em_nats_codec *em_nats_codec_args(void)
{
    return &codec_args;
}

/* --- errors, as arguments: code, message, origin --- */

static int encode_error(em_nats_buffer *buffer, const char *event,
                        const void *arg)
{
    static const em_error unspecified = { 0, "unspecified error", NULL };
    const em_error *error = arg ? arg : &unspecified;

    return encode_args(buffer, event,
                       EM_ARGS(em_int(error->code), em_string(error->message),
                               em_string(error->origin)));
}

typedef struct arrived_error {
    em_error error; /* what is emitted */
    em_args *args;  /* what it points into */
} arrived_error;

static bool is_error(const em_args *args)
{
    const em_arg *v = args->values;

    return args->count == 3 && v[0].type == EM_TYPE_INT &&
           v[0].as.integer >= INT_MIN && v[0].as.integer <= INT_MAX &&
           v[1].type == EM_TYPE_STRING &&
           (v[2].type == EM_TYPE_STRING || v[2].type == EM_TYPE_NULL);
}

static int make_error(em_args *args, void **ret)
{
    arrived_error *made;

    if (!is_error(args))
        return -EBADMSG;
    made = malloc(sizeof(*made));
    if (!made)
        return -ENOMEM;
    made->args = args;
    made->error.code = (int)args->values[0].as.integer;
    made->error.message = args->values[1].as.string;
    made->error.origin = args->values[2].type == EM_TYPE_STRING
                             ? args->values[2].as.string
                             : NULL;
    *ret = made;
    return 0;
}

static int decode_error(const em_nats_bytes *bytes, const char *event,
                        void **ret)
{
    void *args;
    int r = decode_args(bytes, event, &args);

    if (r < 0)
        return r;
    r = make_error(args, ret);
    if (r < 0)
        free(args);
    return r;
}

static void free_error(void *arg)
{
    arrived_error *error = arg;

    free(error->args);
    free(error);
}

const em_nats_codec em__nats_codec_error = { encode_error, decode_error,
                                             free_error };
