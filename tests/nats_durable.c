/* SPDX-License-Identifier: MIT */
/* Nats durable: works that tests serve durably, and calls that they make. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "nats_durable.h"
#include "testing.h"

atomic_int runs;
int left;

int echo(em_baton *baton, void *data)
{
    em_nats_job *job = data;

    (void)baton;
    atomic_fetch_add(&runs, 1);
    return em_nats_append(job->result, job->data, job->size);
}

int tell_attempt(em_baton *baton, void *data)
{
    em_nats_job *job = data;
    char digit = (char)('0' + job->attempt);

    (void)baton;
    return em_nats_append(job->result, &digit, 1);
}

/* --- services and calls --- */

em_nats_service *serve(em_nats *nats, em_work_fn *work, uint64_t ack_ms,
                       unsigned attempts)
{
    em_nats_service *service;

    assert_ok(em_nats_serve(nats,
                            EM_OPTIONS(em_nats_serve_options, .subject = "job",
                                       .work = work, .stream = "WORK",
                                       .ack_ms = ack_ms, .attempts = attempts),
                            &service));
    return service;
}

void note_after(em_nats_call *call, int status, const em_nats_bytes *result,
                void *data)
{
    char text[64];

    (void)call;
    if (status < 0)
        (void)snprintf(text, sizeof(text), "%s:%d", (char *)data, status);
    else
        (void)snprintf(text, sizeof(text), "%s:%.*s", (char *)data,
                       (int)result->size, (const char *)result->data);
    mark(text);
    if (--left == 0)
        em_loop_stop(loop);
}

em_nats_call *submit(em_nats *nats, const char *id, const char *payload,
                     char *word)
{
    em_nats_call *call;

    assert_ok(em_nats_run(
        nats,
        EM_OPTIONS(em_nats_run_options, .subject = "job", .payload = payload,
                   .payload_size = strlen(payload), .after = note_after,
                   .data = word, .stream = "WORK", .id = id),
        &call));
    left++;
    return call;
}

static void stop_accepted(em_nats_call *call, void *data)
{
    (void)call, (void)data;
    em_loop_stop(loop);
}

/* And until it is accepted. */
void submit_for_sure(em_nats *nats, const char *id, const char *payload,
                     char *word)
{
    assert_ok(em_nats_run(
        nats,
        EM_OPTIONS(em_nats_run_options, .subject = "job", .payload = payload,
                   .payload_size = strlen(payload), .after = note_after,
                   .data = word, .stream = "WORK", .id = id,
                   .accepted = stop_accepted),
        NULL));
    left++;
    run();
}

void run_until_runs(int count)
{
    while (atomic_load(&runs) < count)
        ck_assert_int_eq(em_loop_run(loop, EM_RUN_ONCE), 1);
}
