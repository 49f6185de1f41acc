/* SPDX-License-Identifier: MIT */
/* Request: jobs that are asked for by request and reply, at most once.
 *
 * A job is known by the subject that its answer goes to, which is its caller's
 * alone.  Callers ask after it and cancel it, at first without knowing who has
 * it, so all servers of the subject hear them. */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "nats/frame.h"
#include "nats/job.h"

/* --- jobs by where their answer goes --- */

/* FNV-1a (Fowler, Noll, Vo), begun with what callers do not choose. */
static uint64_t hash(const em_nats *nats, const char *reply)
{
    uint64_t h =
        UINT64_C(0xcbf29ce484222325) ^ (uint64_t)(uintptr_t)(const void *)nats;

    for (; *reply; reply++)
        h = (h ^ (unsigned char)*reply) * UINT64_C(0x100000001b3);
    return h;
}

static em__nats_job *find(const em_nats *nats, const char *reply)
{
    em__nats_node *node = em__nats_table_first(&nats->jobs, hash(nats, reply));
    em__nats_job *job;

    for (; node; node = em__nats_table_next(node)) {
        job = em__container(node, em__nats_job, node);
        if (strcmp(job->reply, reply) == 0)
            return job;
    }
    return NULL;
}

/* --- answers --- */

static int send_status(em_nats *nats, const char *reply, int status,
                       uint32_t items)
{
    return em__nats_frame_send(nats, reply, NULL,
                               &(em__nats_frame){ .kind = EM__NATS_RESULT,
                                                  .status = status,
                                                  .number = items },
                               false);
}

static void send_item(em__nats_job *job, const void *data, size_t size)
{
    em_nats *nats = job->service->nats;
    em__nats_frame frame = { .kind = EM__NATS_ITEM,
                             .number = job->items++, /* missed if it is lost */
                             .data = data,
                             .size = size };

    (void)em__nats_frame_send(nats, job->reply, NULL, &frame, false);
    if (nats->queued >= nats->limit)
        atomic_store(&nats->clogged, true);
}

/* What cannot be sent is told in its stead; what that cannot tell either, the
 * caller learns by asking. */
static void send_result(em__nats_job *job, int status)
{
    em__nats_frame frame = { .kind = EM__NATS_RESULT,
                             .status = status,
                             .number = job->items };
    em_nats *nats = job->service->nats;
    int r;

    em__nats_table_remove(&nats->jobs, &job->node);
    if (job->deaf)
        return;
    (void)em__nats_frame_head(&frame, (unsigned char *)job->result.bytes);
    r = em__nats_answer(nats, job->reply, NULL, job->result.bytes,
                        job->result.used);
    if (r < 0)
        (void)send_status(nats, job->reply, r, job->items);
}

static const em__nats_job_kind asked = { .item = send_item,
                                         .end = send_result };

/* --- requests --- */

static int take(em_nats_service *service, const em_nats_job *given,
                const char *reply)
{
    em_nats *nats = service->nats;
    em__nats_job *job;
    int r;

    if (service->limit > 0 && service->count >= service->limit)
        return -EAGAIN;
    r = em__nats_job_new(service, &asked, given, reply, &job);
    if (r < 0)
        return r;
    r = em__nats_table_add(&nats->jobs, &job->node, hash(nats, reply));
    if (r == 0) {
        r = em__nats_job_start(job);
        if (r < 0)
            em__nats_table_remove(&nats->jobs, &job->node);
    }
    if (r < 0)
        em__nats_job_free(job);
    return r;
}

static bool is_request(em_nats *nats, natsMsg *message, em__nats_frame *frame,
                       char reply[EM__NATS_INBOX])
{
    return em__nats_frame_read(natsMsg_GetData(message),
                               (size_t)natsMsg_GetDataLength(message),
                               frame) == 0 &&
           frame->kind == EM__NATS_RUN &&
           em__nats_inbox_answer(natsMsg_GetReply(message), reply) &&
           !find(nats, reply);
}

void em__nats_job_request(em__nats_sub *sub, natsMsg *message)
{
    em_nats_service *service = sub->data;
    em_nats *nats = service->nats;
    const char *subject = natsMsg_GetSubject(message);
    char reply[EM__NATS_INBOX];
    em__nats_frame frame;
    int r;

    if (!is_request(nats, message, &frame, reply)) {
        em__nats_error(nats, -EBADMSG, "what came is no job", subject);
        return;
    }
    r = take(service,
             &(em_nats_job){ .data = frame.data,
                             .size = frame.size,
                             .subject = subject,
                             .attempt = 1 },
             reply);
    if (r < 0)
        (void)send_status(nats, reply, r, 0);
}

/* --- what callers ask of those under way --- */

static void tell_holder(em_nats *nats, const char *reply, em__nats_kind kind)
{
    char jobs[EM__NATS_INBOX];

    em__nats_inbox_jobs(nats, jobs);
    (void)em__nats_frame_send(nats, reply, jobs,
                              &(em__nats_frame){ .kind = kind }, false);
}

/* Only who is asked alone may say that it is gone: it is his own answer, sent
 * before, that the caller must have had then. */
static void control(em_nats *nats, const char *reply, em__nats_kind kind,
                    bool alone)
{
    const em__nats_job *job = find(nats, reply);

    if (job && kind == EM__NATS_CANCEL)
        (void)em_baton_cancel(job->baton);
    else if (kind == EM__NATS_ASK && (job || alone))
        tell_holder(nats, reply, job ? EM__NATS_HOLD : EM__NATS_GONE);
}

void em__nats_job_control(em_nats *nats, natsMsg *message, bool alone)
{
    char reply[EM__NATS_INBOX];
    em__nats_frame frame;

    if (em__nats_frame_read(natsMsg_GetData(message),
                            (size_t)natsMsg_GetDataLength(message),
                            &frame) == 0 &&
        (frame.kind == EM__NATS_ASK || frame.kind == EM__NATS_CANCEL) &&
        em__nats_inbox_answer(natsMsg_GetReply(message), reply))
        control(nats, reply, frame.kind, alone);
    else
        em__nats_error(nats, -EBADMSG, "what came is no question after a job",
                       natsMsg_GetSubject(message));
}

/* No answer is to come from here any more, and each caller is told so. */
void em__nats_job_leave(em__nats_job *job)
{
    if (job->deaf)
        return;
    job->deaf = true;
    if (job->reply)
        (void)send_status(job->service->nats, job->reply, -ECONNRESET,
                          job->items);
    (void)em_baton_cancel(job->baton);
}
