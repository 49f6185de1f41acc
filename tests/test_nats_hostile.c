/* SPDX-License-Identifier: MIT */
/* What anybody may send to those who serve batons and call them. */

#include <config.h>

#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#include "nats_job.h"
#include "nats_server.h"
#include "testing.h"

TEST(what_is_no_job_is_an_error_of_the_server)
{
    begin();
    assert_ok(em_on(em_nats_emitter(b), "error", note_error, NULL));
    (void)serve("echo", echo, NULL);
    assert_ok(em_nats_publish(a, "echo", NULL, 0));
    assert_ok(em_nats_publish(a, "echo", "\1", 1));
    assert_ok(em_nats_publish(a, "echo", "\2\1x", 3));
    assert_ok(em_nats_publish(a, "echo", "\1\1x", 3)); /* no reply */
    assert_ok(em_nats_publish(a, "echo", "\1\4", 2));
    assert_ok(em_nats_publish(a, "_EM.echo", "\1\7x", 3));
    settle();
    assert_marks("error -74 error -74 error -74 error -74 error -74 error -74");
    (void)call("echo", "x");
    run_until_answered(1);
    assert_marks("7 echo:x");
    finish();
}

/* A server of another make, which sends all of these as its answer. */
typedef struct answer {
    const char *bytes;
    int size, ends_with;
} answer;

static const answer bad[] = {
    { "", 0, -EBADMSG },                            /* nothing */
    { "\2\2\0\0\0\0\0\0\0\0", 10, -EBADMSG },       /* another version */
    { "\1\2\0\0\0\0\0\0\0", 9, -EBADMSG },          /* too short */
    { "\1\1x", 3, -EBADMSG },                       /* a request */
    { "\1\5", 2, -EBADMSG },                        /* held, but nowhere */
    { "\1\6", 2, -ECONNRESET },                     /* gone */
    { "\1\6x", 3, -EBADMSG },                       /* gone, and more */
    { "\1\11", 2, -EBADMSG },                       /* no kind */
    { "\1\3\1\0\0\0x", 7, -ECONNRESET },            /* the second item */
    { "\1\2\0\0\0\0\1\0\0\0", 10, -ECONNRESET },    /* an item was lost */
    { "\1\2\377\377\377\377\0\0\0\0", 10, -EPERM }, /* well */
};

/* The request is the frame of a job whose data is the index of the answer. */
static void on_request(natsConnection *nc, natsSubscription *subscription,
                       natsMsg *message, void *data)
{
    const answer *a_bad = &bad[natsMsg_GetData(message)[2] - 'a'];
    char reply[128];

    (void)subscription, (void)data;
    (void)snprintf(reply, sizeof(reply), "%s", natsMsg_GetReply(message));
    *strrchr(reply, '.') = '\0';
    (void)natsConnection_Publish(nc, reply, a_bad->bytes, a_bad->size);
    (void)natsConnection_Publish(nc, reply, a_bad->bytes, a_bad->size);
    natsMsg_Destroy(message);
}

static void note_status(em_nats_call *c, int status,
                        const em_nats_bytes *result, void *data)
{
    (void)c;
    ck_assert_uint_eq(result->size, 0);
    *(int *)data = status;
    answered++;
}

static void call_raw(int index, int *status)
{
    char which = (char)('a' + index);

    assert_ok(em_nats_run(a,
                          EM_OPTIONS(em_nats_run_options, .subject = "raw",
                                     .payload = &which, .payload_size = 1,
                                     .after = note_status, .data = status),
                          NULL));
    run_until_answered(index + 1);
}

TEST(what_is_no_answer_ends_its_call_and_a_second_one_is_dropped)
{
    natsSubscription *subscription;
    natsConnection *raw;
    int status = 0, i, count = (int)(sizeof(bad) / sizeof(*bad));

    begin();
    ck_assert_int_eq(natsConnection_ConnectTo(&raw, server_url()), NATS_OK);
    ck_assert_int_eq(
        natsConnection_Subscribe(&subscription, raw, "raw", on_request, NULL),
        NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(raw), NATS_OK);
    for (i = 0; i < count; i++) {
        call_raw(i, &status);
        ck_assert_int_eq(status, bad[i].ends_with);
    }
    ck_assert_int_eq(natsConnection_Flush(raw), NATS_OK);
    settle();
    ck_assert_int_eq(answered, count);
    natsSubscription_Destroy(subscription);
    natsConnection_Destroy(raw);
    finish();
}

NATS_SUITE("nats_hostile", what_is_no_job_is_an_error_of_the_server,
           what_is_no_answer_ends_its_call_and_a_second_one_is_dropped);
