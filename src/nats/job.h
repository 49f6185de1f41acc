/* SPDX-License-Identifier: MIT */
/* Job: services, and the jobs that they took. */

#ifndef NATS_JOB_H
#define NATS_JOB_H

#include "nats/internal.h"

typedef struct em__nats_job em__nats_job;

/* What differs between jobs that come in different ways.  On the loop. */
typedef struct em__nats_job_kind {
    void (*item)(em__nats_job *job, const void *data,
                 size_t size);                  /* NULL: there are none */
    void (*end)(em__nats_job *job, int status); /* then it is freed */
} em__nats_job_kind;

struct em_nats_service {
    em__list link; /* of nats, or of none once it takes no more */
    em_nats *nats;
    em__nats_sub *sub, *control; /* NULL once they are off */
    em_work_fn *work;
    void *data;
    void (*free_data)(void *data);
    em_pool *pool;
    int priority;
    unsigned limit, count; /* jobs */
    em__list jobs;
    bool unserved;         /* goes with its last job */
    em__nats_queue *queue; /* NULL: its jobs are not durable */
};

struct em__nats_job {
    em_nats_job shown; /* to the work */
    const em__nats_job_kind *kind;
    em_nats_service *service; /* stays until its jobs have gone */
    em_baton *baton;
    em__list link;                      /* of the service */
    em__nats_node node;                 /* of the connection's jobs */
    em_nats_buffer result;              /* behind room for a frame's head */
    uint32_t items;                     /* that were sent */
    bool deaf;                          /* nobody listens any more */
    void *context;                      /* of its kind */
    const char *reply;                  /* where the answer goes */
    _Alignas(max_align_t) char bytes[]; /* data, subject, id and reply */
};

/* Copy what the job is of.  Returns 0 or -ENOMEM. */
int em__nats_job_new(em_nats_service *service, const em__nats_job_kind *kind,
                     const em_nats_job *given, const char *reply,
                     em__nats_job **ret);

/* To the pool; its kind's end follows, never from inside this call.  Or a
 * negative errno, and then the job is still the caller's to free. */
int em__nats_job_start(em__nats_job *job);
void em__nats_job_free(em__nats_job *job);

/* What of the result is the work's, without the room before it. */
em_nats_bytes em__nats_job_result(const em__nats_job *job);

/* One of its jobs has ended. */
void em__nats_service_left(em_nats_service *service);

/* The end is near: take nothing, and tell callers.  Then: it is here. */
void em__nats_leave_services(em_nats *nats);
void em__nats_drop_services(em_nats *nats);

/* --- jobs by request --- */

/* For a subscription whose data is the service. */
void em__nats_job_request(em__nats_sub *sub, natsMsg *message);

/* A question after a job, to all servers or to this one alone. */
void em__nats_job_control(em_nats *nats, natsMsg *message, bool alone);

/* Its caller hears no more of it, but that. */
void em__nats_job_leave(em__nats_job *job);

#endif
