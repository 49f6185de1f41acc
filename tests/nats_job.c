/* SPDX-License-Identifier: MIT */
/* Nats job: works that tests serve, and calls that they make. */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nats_job.h"
#include "testing.h"

int answered;

int echo(em_baton *baton, void *data)
{
    em_nats_job *job = data;

    (void)baton;
    return em_nats_append(job->result, job->data, job->size) < 0 ? -ENOMEM : 7;
}

void gate_open(gate *g)
{
    *g = (gate){ .runs = 0 };
    ck_assert_int_eq(sem_init(&g->began, 0, 0), 0);
    ck_assert_int_eq(sem_init(&g->go, 0, 0), 0);
}

void gate_close(gate *g)
{
    (void)sem_destroy(&g->began);
    (void)sem_destroy(&g->go);
}

int pass_gate(em_baton *baton, void *data)
{
    em_nats_job *job = data;
    gate *g = job->user;

    atomic_fetch_add(&g->runs, 1);
    (void)sem_post(&g->began);
    while (sem_trywait(&g->go) < 0) {
        if (em_baton_cancelled(baton))
            return -ECANCELED;
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    return echo(baton, data);
}

em_nats_service *serve_on(em_nats *nats, const char *subject, em_work_fn *work,
                          void *data)
{
    em_nats_service *service;

    assert_ok(
        em_nats_serve(nats,
                      EM_OPTIONS(em_nats_serve_options, .subject = subject,
                                 .work = work, .data = data),
                      &service));
    return service;
}

em_nats_service *serve(const char *subject, em_work_fn *work, void *data)
{
    em_nats_service *service = serve_on(b, subject, work, data);

    settle();
    return service;
}

void mark_after(em_nats_call *c, int status, const em_nats_bytes *result,
                void *data)
{
    char text[64];

    (void)c, (void)data;
    answered++;
    mark_number(status);
    if (result->size > 0) {
        (void)snprintf(text, sizeof(text), "%s:%.*s", result->subject,
                       (int)result->size, (const char *)result->data);
        mark(text);
    }
}

void mark_item(em_nats_call *c, const em_nats_bytes *item, void *data)
{
    char text[64];

    (void)c, (void)data;
    (void)snprintf(text, sizeof(text), "%.*s", (int)item->size,
                   (const char *)item->data);
    mark(text);
}

em_nats_call *call_within(const char *subject, const char *payload,
                          uint64_t timeout_ms)
{
    em_nats_call *c;

    assert_ok(em_nats_run(
        a,
        EM_OPTIONS(em_nats_run_options, .subject = subject, .payload = payload,
                   .payload_size = strlen(payload), .after = mark_after,
                   .progress = mark_item, .timeout_ms = timeout_ms),
        &c));
    return c;
}

em_nats_call *call(const char *subject, const char *payload)
{
    return call_within(subject, payload, 0);
}

void run_until_answered(int count)
{
    while (answered < count)
        ck_assert_int_ge(em_loop_run(loop, EM_RUN_ONCE), 0);
}
