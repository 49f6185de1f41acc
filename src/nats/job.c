/* SPDX-License-Identifier: MIT */
/* Job: what a service took, as a baton of the local pool.
 *
 * A pool thread has it while its work runs, the loop before and afterwards;
 * what both touch meanwhile is atomic, and of the connection.  The work appends
 * its result behind room for a frame's head, so that it leaves without being
 * copied. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nats/frame.h"
#include "nats/job.h"

typedef struct item {
    size_t size;
    char bytes[];
} item;

/* The job whose work runs on this thread: a baton does not tell whose it is. */
static _Thread_local em__nats_job *running;

static int work(em_baton *baton, void *data)
{
    em__nats_job *job = data, *outer = running;
    int status;

    running = job;
    status = job->service->work(baton, &job->shown);
    running = outer;
    return status;
}

static void on_item(em_baton *baton, void *data, void *job_data)
{
    em__nats_job *job = job_data;
    const item *i = data;

    (void)baton;
    if (!job->deaf)
        job->kind->item(job, i->bytes, i->size);
}

/* The service may go with its last job. */
static void after(em_baton *baton, int status, void *data)
{
    em__nats_job *job = data;
    em_nats_service *service = job->service;

    (void)baton;
    em__list_remove(&job->link);
    service->count--;
    job->kind->end(job, status);
    em__nats_job_free(job);
    em__nats_service_left(service);
}

/* --- making --- */

static char *copy_in(char **at, const void *from, size_t size)
{
    char *to = *at;

    if (size > 0)
        memcpy(to, from, size);
    *at += size;
    return to;
}

static size_t length_of(const char *string)
{
    return string ? strlen(string) + 1 : 0;
}

int em__nats_job_new(em_nats_service *service, const em__nats_job_kind *kind,
                     const em_nats_job *given, const char *reply,
                     em__nats_job **ret)
{
    static const char head[EM__NATS_HEAD];
    em__nats_job *job =
        malloc(sizeof(*job) + given->size + length_of(given->subject) +
               length_of(given->id) + length_of(reply));
    char *at;

    if (!job)
        return -ENOMEM;
    *job = (em__nats_job){ .shown = *given, .kind = kind, .service = service };
    at = job->bytes;
    job->shown.data = copy_in(&at, given->data, given->size);
    job->shown.subject =
        copy_in(&at, given->subject, length_of(given->subject));
    if (given->id)
        job->shown.id = copy_in(&at, given->id, length_of(given->id));
    if (reply)
        job->reply = copy_in(&at, reply, length_of(reply));
    job->shown.result = &job->result;
    job->shown.user = service->data;
    em__list_init(&job->link);
    if (em_nats_append(&job->result, head, sizeof(head)) < 0) {
        em__nats_job_free(job);
        return -ENOMEM;
    }
    *ret = job;
    return 0;
}

void em__nats_job_free(em__nats_job *job)
{
    em__nats_buffer_free(&job->result);
    em_baton_unref(job->baton);
    free(job);
}

/* The owner is the connection, which stays in place until after has returned.
 */
int em__nats_job_start(em__nats_job *job)
{
    em_nats_service *service = job->service;
    int r = em_baton_start(service->nats->loop,
                           EM_OPTIONS(em_baton_options, .work = work,
                                      .after = after, .progress = on_item,
                                      .data = job, .pool = service->pool,
                                      .priority = service->priority,
                                      .owner = &service->nats->emitter),
                           &job->baton);

    if (r < 0)
        return r;
    em__list_append(&service->jobs, &job->link);
    service->count++;
    return 0;
}

em_nats_bytes em__nats_job_result(const em__nats_job *job)
{
    return (em_nats_bytes){ job->result.bytes + EM__NATS_HEAD,
                            job->result.used - EM__NATS_HEAD,
                            job->shown.subject };
}

/* --- progress, on a pool thread --- */

static int may_send(em_nats *nats, size_t size)
{
    size_t largest = atomic_load(&nats->largest);

    if (size > largest || largest - size < EM__NATS_HEAD)
        return -EMSGSIZE;
    return atomic_load(&nats->clogged) ? -EAGAIN : 0;
}

int em_nats_progress(em_baton *baton, const void *data, size_t size)
{
    item *i;
    int r;

    if (!baton || !running || running->baton != baton || (!data && size > 0))
        return -EINVAL;
    if (!running->kind->item)
        return -ENOTSUP;
    r = may_send(running->service->nats, size);
    if (r < 0)
        return r;
    i = malloc(sizeof(*i) + size);
    if (!i)
        return -ENOMEM;
    i->size = size;
    if (size > 0)
        memcpy(i->bytes, data, size);
    r = em_baton_progress(baton, i, free);
    if (r < 0)
        free(i);
    return r;
}
