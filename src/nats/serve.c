/* SPDX-License-Identifier: MIT */
/* Serve: services, and the subscriptions that jobs come by.
 *
 * Each listens twice: in its group for jobs, and with all others of the subject
 * for what callers ask after those that they do not know the server of.  Both
 * come by one connection, the job first, and the subscription for jobs is
 * delivered first; so nobody asks after a job that has come and is not known.
 *
 * A service stays for the user until it is unserved or the connection closed,
 * and for its jobs until the last has ended. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "nats/job.h"

/* --- the end --- */

static void stop(em__nats_sub **sub)
{
    em__nats_unsubscribe(*sub);
    *sub = NULL;
}

static void free_service(em_nats_service *service)
{
    em__list_remove(&service->link);
    stop(&service->sub);
    stop(&service->control);
    em__nats_queue_free(service->queue);
    if (service->free_data)
        service->free_data(service->data);
    free(service);
}

void em__nats_service_left(em_nats_service *service)
{
    if (service->unserved && service->count == 0 &&
        (!service->queue || em__nats_queue_is_idle(service->queue)))
        free_service(service);
}

static void unserve(em_nats_service *service)
{
    stop(&service->sub);
    service->unserved = true;
    em__nats_service_left(service);
}

void em_nats_unserve(em_nats_service *service)
{
    if (service && service->nats->pid == getpid())
        unserve(service);
}

/* The connection is about to end: the jobs are given up. */
void em__nats_leave_services(em_nats *nats)
{
    em__list *node, *job;

    for (node = nats->services.next; node != &nats->services;
         node = node->next) {
        em_nats_service *service = em__container(node, em_nats_service, link);

        stop(&service->sub);
        stop(&service->control);
        for (job = service->jobs.next; job != &service->jobs; job = job->next)
            em__nats_job_leave(em__container(job, em__nats_job, link));
        if (service->queue)
            em__nats_queue_leave(service->queue);
    }
}

/* It has ended.  What goes tells its user, who may unserve another. */
void em__nats_drop_services(em_nats *nats)
{
    em__nats_leave_services(nats);
    while (!em__list_empty(&nats->services)) {
        em_nats_service *service =
            em__container(nats->services.next, em_nats_service, link);

        em__list_remove(&service->link);
        unserve(service);
    }
}

/* --- the beginning --- */

static void on_control(em__nats_sub *sub, natsMsg *message)
{
    em__nats_job_control(sub->nats, message, false);
}

static int listen_for_callers(em_nats_service *service, const char *subject)
{
    em_nats *nats = service->nats;
    em_nats_buffer *name = &nats->scratch;
    int r;

    name->used = 0;
    r = em__nats_append_control(name, subject);
    return r < 0 ? r
                 : em__nats_subscribe(nats, name->bytes, NULL, on_control,
                                      service, &service->control);
}

static int begin(em_nats_service *service, const em_nats_serve_options *o)
{
    int r;

    if (o->stream)
        return em__nats_queue_new(service, o);
    r = em__nats_inbox_open(service->nats);
    if (r < 0)
        return r;
    r = em__nats_subscribe(service->nats, o->subject,
                           o->group ? o->group : "em", em__nats_job_request,
                           service, &service->sub);
    return r < 0 ? r : listen_for_callers(service, o->subject);
}

static int make(em_nats *nats, const em_nats_serve_options *o,
                em_nats_service **ret)
{
    em_nats_service *service = malloc(sizeof(*service));
    int r;

    if (!service)
        return -ENOMEM;
    *service = (em_nats_service){ .nats = nats,
                                  .work = o->work,
                                  .data = o->data,
                                  .pool = o->pool,
                                  .priority = o->priority,
                                  .limit = o->limit };
    em__list_init(&service->jobs);
    em__list_init(&service->link);
    r = begin(service, o);
    if (r < 0) {
        free_service(service); /* its data stays the caller's */
        return r;
    }
    service->free_data = o->free_data;
    em__list_append(&nats->services, &service->link);
    *ret = service;
    return 0;
}

static int check(em_nats *nats, const em_nats_serve_options *o)
{
    if (!nats || !o->work || !em__nats_is_subject(o->subject, true) ||
        (o->group && !em__nats_is_subject(o->group, false)) ||
        (o->stream && (o->group || !em__nats_is_stream(o->stream))) ||
        o->priority < -4 || o->priority > 4)
        return -EINVAL;
    if (nats->pid != getpid())
        return -ECHILD;
    return nats->state >= EM__NATS_CLOSING ? -ESHUTDOWN : 0;
}

int em_nats_serve(em_nats *nats, const em_nats_serve_options *options,
                  em_nats_service **ret)
{
    em_nats_serve_options o;
    em_nats_service *service;
    int r = em__options_read(options, &o, sizeof(o));

    if (r == 0)
        r = check(nats, &o);
    if (r == 0)
        r = make(nats, &o, &service);
    if (r == 0 && ret)
        *ret = service;
    return r;
}
