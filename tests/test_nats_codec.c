/* SPDX-License-Identifier: MIT */
/* The compact form of arguments, against whoever may send it. */

#include <config.h>

#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <emitter/args.h>
#include <emitter/nats.h>

#include "nats/internal.h"
#include "testing.h"

static const em_nats_codec *codec;
static em_nats_buffer buffer;

static int encode(const em_args *args)
{
    codec = em_nats_codec_args();
    buffer.used = 0;
    return codec->encode(&buffer, "event", args);
}

/* In a block of just that size, so that a byte too far is seen. */
static int decode(const void *data, size_t size, void **ret)
{
    void *block = malloc(size ? size : 1);
    em_nats_bytes bytes = { block, size, "subject" };
    int r;

    ck_assert_ptr_nonnull(block);
    memcpy(block, data, size);
    codec = em_nats_codec_args();
    r = codec->decode(&bytes, "event", ret);
    if (r == 0) {
        codec->free_arg(*ret);
        *ret = NULL;
    }
    free(block);
    return r;
}

static void finish(void)
{
    em__nats_buffer_free(&buffer);
}

static bool is_same(const em_arg *a, const em_arg *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case EM_TYPE_BOOL:
        return a->as.boolean == b->as.boolean;
    case EM_TYPE_INT:
        return a->as.integer == b->as.integer;
    case EM_TYPE_DOUBLE:
        return memcmp(&a->as.number, &b->as.number, sizeof(double)) == 0;
    case EM_TYPE_STRING:
        return strcmp(a->as.string, b->as.string) == 0;
    default:
        return true;
    }
}

TEST(every_value_comes_back_as_it_was)
{
    const em_arg values[] = { em_null(),          em_bool(true),
                              em_bool(false),     em_int(0),
                              em_int(-1),         em_int(63),
                              em_int(64),         em_int(INT64_MAX),
                              em_int(INT64_MIN),  em_double(0.0),
                              em_double(-0.0),    em_double(DBL_MAX),
                              em_double(DBL_MIN), em_string(""),
                              em_string("text"),  em_string("\xc3\xa4 \x01"),
                              em_string(NULL) };
    em_args args = { sizeof(values) / sizeof(values[0]), values };
    em_nats_bytes bytes = { NULL, 0, "subject" };
    em_args *back;
    void *made;
    size_t i;

    assert_ok(encode(&args));
    bytes.data = buffer.bytes;
    bytes.size = buffer.used;
    assert_ok(codec->decode(&bytes, "event", &made));
    back = made;
    ck_assert_uint_eq(back->count, args.count);
    for (i = 0; i < args.count; i++)
        ck_assert_msg(is_same(&back->values[i], &values[i]), "value %zu", i);
    codec->free_arg(made);
    finish();
}

/* It is a contract with programs that others wrote. */
TEST(the_form_is_what_the_manual_says)
{
    static const char expected[] = "\001\000\001\001\002\123\004\002hi\000";

    assert_ok(encode(
        EM_ARGS(em_null(), em_bool(true), em_int(-42), em_string("hi"))));
    ck_assert_uint_eq(buffer.used, sizeof(expected) - 1);
    ck_assert_int_eq(memcmp(buffer.bytes, expected, buffer.used), 0);
    assert_ok(encode(NULL));
    ck_assert_uint_eq(buffer.used, 1);
    finish();
}

TEST(what_does_not_travel_is_refused)
{
    static em_arg many[1025];

    assert_error(-ENOTSUP, encode(EM_ARGS(em_pointer(NULL))));
    assert_error(-ENOTSUP, encode(EM_ARGS(em_function(finish))));
    assert_error(-E2BIG, encode(&(em_args){ 1025, many }));
    assert_ok(encode(&(em_args){ 1024, many }));
    assert_error(-EINVAL, em_nats_append(NULL, "", 0));
    assert_error(-EINVAL, em_nats_append(&buffer, NULL, 1));
    assert_error(-ENOMEM, em_nats_append(&buffer, "", SIZE_MAX / 2));
    finish();
}

TEST(what_is_not_of_the_form_is_refused)
{
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        const char *bytes;
        size_t size;
    } wrong[] = {
        { BYTES("") },                 /* no version */
        { BYTES("\000") },             /* an unknown one */
        { BYTES("\002") },             /* likewise */
        { BYTES("\001\005") },         /* an unknown type */
        { BYTES("\001\377") },         /* likewise */
        { BYTES("\001\001") },         /* a bool that is missing */
        { BYTES("\001\001\002") },     /* one that is neither */
        { BYTES("\001\002") },         /* an int that is missing */
        { BYTES("\001\002\200") },     /* one that is cut */
        { BYTES("\001\002\200\000") }, /* one that is too long for itself */
        { BYTES("\001\002\377\377\377\377\377\377\377\377\377\002") },
        { BYTES("\001\002\377\377\377\377\377\377\377\377\377\377\001") },
        { BYTES("\001\003\000\000\000\000\000\000\000") }, /* seven bytes */
        { BYTES("\001\004") },                             /* no length */
        { BYTES("\001\004\000") },          /* no 0 behind the string */
        { BYTES("\001\004\002hi") },        /* likewise */
        { BYTES("\001\004\002hix") },       /* another byte instead */
        { BYTES("\001\004\002h\000\000") }, /* a 0 within */
        { BYTES("\001\004\377\377\377\377\377\377\377\377\377\001") },
        { BYTES("\001\004\177hi\000") }, /* longer than the message */
    };
    void *ret = NULL;
    size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(decode(wrong[i].bytes, wrong[i].size, &ret) == -EBADMSG,
                      "number %zu", i);
    ck_assert_ptr_null(ret);
}

TEST(too_many_arguments_are_refused)
{
    char bytes[1026] = { 1 };
    void *ret;

    assert_ok(decode(bytes, 1025, &ret));
    assert_error(-EBADMSG, decode(bytes, 1026, &ret));
}

/* What is taken is spelled in one way only: encoded again it is the same. */
static void check_spelling(const char *data, size_t size)
{
    em_nats_bytes bytes = { data, size, "subject" };
    void *made;
    int r = codec->decode(&bytes, "event", &made);

    if (r == 0) {
        assert_ok(encode(made));
        ck_assert_uint_eq(buffer.used, size);
        ck_assert_int_eq(memcmp(buffer.bytes, data, size), 0);
        codec->free_arg(made);
    } else {
        ck_assert_int_eq(r, -EBADMSG);
    }
}

/* A corpus that is made as it goes: every prefix of a good message, and good
 * messages with bytes changed at random, from a seed that is always the same.
 */
TEST(cut_and_changed_messages_are_taken_whole_or_refused)
{
    unsigned long random = 1;
    char good[512], bad[512];
    size_t size, i;
    int round;
    void *ret;

    assert_ok(encode(EM_ARGS(em_string("a string"), em_int(123456789),
                             em_double(3.25), em_bool(true), em_null(),
                             em_int(-1), em_string(""))));
    size = buffer.used;
    ck_assert_uint_lt(size, sizeof(good));
    memcpy(good, buffer.bytes, size);
    for (i = 0; i < size; i++)
        (void)decode(good, i, &ret);
    for (round = 0; round < 200000; round++) {
        memcpy(bad, good, size);
        for (i = 0; i < 3; i++) {
            random = random * 6364136223846793005ul + 1442695040888963407ul;
            bad[(random >> 33) % size] = (char)(random >> 25);
        }
        (void)decode(bad, size - (random >> 60), &ret);
        check_spelling(bad, size);
    }
    finish();
}

TEST(errors_from_elsewhere_must_be_errors)
{
    const em_nats_codec *errors = &em__nats_codec_error;
    em_nats_bytes bytes = { NULL, 0, "subject" };
    void *made;

    assert_ok(encode(EM_ARGS(em_int(-5), em_string("burnt"))));
    bytes.data = buffer.bytes;
    bytes.size = buffer.used;
    assert_error(-EBADMSG, errors->decode(&bytes, "error", &made));
    assert_ok(encode(EM_ARGS(em_int(INT64_MAX), em_string("x"), em_null())));
    bytes.size = buffer.used;
    assert_error(-EBADMSG, errors->decode(&bytes, "error", &made));
    assert_ok(encode(EM_ARGS(em_int(-5), em_null(), em_null())));
    bytes.size = buffer.used;
    assert_error(-EBADMSG, errors->decode(&bytes, "error", &made));
    finish();
}

SUITE("nats_codec", every_value_comes_back_as_it_was,
      the_form_is_what_the_manual_says, what_does_not_travel_is_refused,
      what_is_not_of_the_form_is_refused, too_many_arguments_are_refused,
      cut_and_changed_messages_are_taken_whole_or_refused,
      errors_from_elsewhere_must_be_errors);
