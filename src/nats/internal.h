/* SPDX-License-Identifier: MIT */
/* Nats: what the files of this folder share.
 *
 * libnats has threads of its own: one that reconnects, one for timers, one for
 * callbacks.  They reach a connection by its link only, whose lock guards what
 * they leave there; a notify source then wakes the loop, which is the only
 * thread to touch an em_nats.  Libnats calls the hooks with its own lock held,
 * so the link's lock is the inner one, and nothing is called under it but
 * em_source_notify. */

#ifndef NATS_INTERNAL_H
#define NATS_INTERNAL_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <emitter/nats.h>

#include <emitter/pool.h>

#include "base/list.h"

typedef struct em__nats_link em__nats_link;
typedef struct em__nats_sub em__nats_sub;
typedef struct em__nats_queue em__nats_queue;
typedef struct em__nats_task em__nats_task;
typedef struct em__nats_tasks em__nats_tasks;

struct em_nats_buffer {
    char *bytes;
    size_t used, room;
};

/* A member of what a table finds by its key.  Several may have one key. */
typedef struct em__nats_node {
    struct em__nats_node *next;
    uint64_t key;
} em__nats_node;

typedef struct em__nats_table {
    em__nats_node **slots; /* as many as a power of two, or NULL for none */
    size_t slot_count, count;
} em__nats_table;

typedef enum em__nats_state {
    EM__NATS_CONNECTING,
    EM__NATS_OPEN,    /* and maybe broken for now */
    EM__NATS_CLOSING, /* what was published is sent */
    EM__NATS_ENDING,  /* a pool thread destroys it */
    EM__NATS_CLOSED
} em__nats_state;

/* A descriptor that is watched; goes with its source. */
typedef struct em__nats_eye {
    em_nats *nats; /* NULL: it has another one */
    em_source *source;
    int fd;
    bool waits; /* for room to write */
} em__nats_eye;

struct em_nats {
    em_emitter emitter; /* one reference is the user's, one the connection's */
    em_loop *loop;
    em_pool *pool; /* one thread, for what libnats does only by waiting */
    em__nats_link *link;
    em__nats_state state;
    natsOptions *options;
    natsConnection *nc; /* NULL until connected, and after the end */
    char failure[256];  /* written by the pool thread, read after its work */

    em_source *wake;   /* what hooks notify; keeps the loop alive */
    em__nats_eye *eye; /* on the descriptor; NULL while there is none */
    bool deferred;     /* a flush was deferred */
    bool quiet;        /* the user let it go: no more events */
    em_source *linger;

    size_t limit, queued;
    size_t unsent;    /* of queued: since the system was last offered any */
    bool hungry;      /* somebody was answered -EAGAIN */
    em__list waiting; /* messages for the next connection */
    em__list subs;    /* subscriptions */
    em__list exports;
    em__list imports;
    em_nats_buffer scratch; /* for encoders; reused */
    bool delivering;        /* subscriptions that go must stay linked */

    pid_t pid;             /* of the process that connected */
    atomic_size_t largest; /* message that the server takes; works ask, too */
    atomic_bool clogged;   /* items of works are refused until it is sent */

    char *inbox;             /* where answers come to, up to the last token */
    em__nats_sub *inbox_sub; /* NULL until there is something to answer */
    em__nats_sub *none_sub;  /* likewise; where nobody has listened */
    uint64_t last_number;    /* of a call */
    em__nats_table calls;    /* by their number */
    em__list asking;         /* calls, in the order they are asked after */
    em__list over;           /* calls whose after is still to be called */
    em_source *probe;        /* the timer that asks */
    bool probing;            /* it is armed */
    em__list services;
    em__nats_table jobs;    /* by where their answer goes */
    em_nats_buffer control; /* a subject; reused */
    em__nats_tasks *tasks;  /* durable calls; NULL: there were none */
};

/* --- connection --- */

int em__nats_options_new(em__nats_link *link, const em_nats_options *given,
                         natsOptions **ret);
int em__nats_errno(natsStatus status);
void em__nats_emit(em_nats *nats, const char *event);
void em__nats_error(em_nats *nats, int code, const char *what,
                    const char *subject);
void em__nats_end(em_nats *nats);

/* --- wire: bytes in and out --- */

void em__nats_watch(em_nats *nats, int fd);
void em__nats_unwatch(em_nats *nats);
void em__nats_want_flush(em_nats *nats);
void em__nats_flush(em_nats *nats);

/* --- publish --- */

int em__nats_send(em_nats *nats, const char *subject, const char *reply,
                  const void *data, size_t size);

/* The same past the bound on what is queued: what it answers was let in. */
int em__nats_answer(em_nats *nats, const char *subject, const char *reply,
                    const void *data, size_t size);
int em__nats_offer(em_nats *nats, natsMsg *message);
void em__nats_sent(em_nats *nats);
void em__nats_send_waiting(em_nats *nats);
void em__nats_drop_waiting(em_nats *nats);

/* --- subscriptions --- */

struct em__nats_sub {
    em__list link;
    em_nats *nats;
    natsSubscription *handle; /* NULL until there is a connection */
    char *subject, *group;
    void (*fn)(em__nats_sub *sub, natsMsg *message); /* owns neither; NULL: it
                                         is told by em__nats_link_take_none */
    void *data;
    bool gone;
    bool keeps; /* fn sets it: this message is its own now */
    void (*unheard)(em__nats_sub *sub); /* what was to be answered here reached
                                           nobody; libnats tells not what */
};

int em__nats_subscribe(em_nats *nats, const char *subject, const char *group,
                       void (*fn)(em__nats_sub *, natsMsg *), void *data,
                       em__nats_sub **ret);
void em__nats_unsubscribe(em__nats_sub *sub);
void em__nats_subscribe_all(em_nats *nats);
void em__nats_deliver(em_nats *nats);
void em__nats_drop_subs(em_nats *nats);

/* --- events --- */

void em__nats_drop_exports(em_nats *nats);
void em__nats_drop_imports(em_nats *nats);

/* What is being emitted because it came from elsewhere, on this thread; what is
 * emitted on must not go back by the subject that it came by. */
typedef struct em__nats_arrival {
    const char *subject;
    const char *event;
    const void *arg;
    struct em__nats_arrival *outer;
} em__nats_arrival;

void em__nats_arrive(em__nats_arrival *arrival);
void em__nats_depart(em__nats_arrival *arrival);
bool em__nats_arrived(const char *subject, const char *event, const void *arg);

extern const em_nats_codec em__nats_codec_bytes, em__nats_codec_error;

/* --- table: found by a key, without a search --- */

/* 0, or -ENOMEM, which is for the first one only. */
int em__nats_table_add(em__nats_table *table, em__nats_node *node,
                       uint64_t key);
void em__nats_table_remove(em__nats_table *table, em__nats_node *node);
em__nats_node *em__nats_table_first(const em__nats_table *table, uint64_t key);
em__nats_node *em__nats_table_next(const em__nats_node *node);
void em__nats_table_free(em__nats_table *table);

/* --- inbox --- */

/* Room for a subject of an inbox. */
enum { EM__NATS_INBOX = 80 };

/* Make sure that the connection has one.  0 or a negative errno. */
int em__nats_inbox_open(em_nats *nats);

/* What a call's messages carry as their reply subject, and the call's number
 * back; false if it is none. */
void em__nats_inbox_reply(const em_nats *nats, uint64_t number,
                          char subject[EM__NATS_INBOX]);
bool em__nats_inbox_number(const em_nats *nats, const char *subject,
                           uint64_t *ret);

/* Where the answer to such a message goes; false if the reply is none. */
bool em__nats_inbox_answer(const char *reply, char subject[EM__NATS_INBOX]);

/* The subject where callers ask after jobs. */
void em__nats_inbox_jobs(const em_nats *nats, char subject[EM__NATS_INBOX]);

/* --- durable ones; see durable.h --- */

/* A new service's queue.  0 or a negative errno. */
int em__nats_queue_new(em_nats_service *service,
                       const em_nats_serve_options *options);
void em__nats_queue_attached(em__nats_queue *queue);
bool em__nats_queue_is_idle(const em__nats_queue *queue);

/* Give back what is under way, and take nothing. */
void em__nats_queue_leave(em__nats_queue *queue);
void em__nats_queue_free(em__nats_queue *queue);

/* Submit a new call's job.  0 or a negative errno. */
int em__nats_task_new(em_nats_call *call, const em_nats_run_options *options);
void em__nats_task_free(em__nats_task *task);

/* What the end of its time is to say. */
int em__nats_task_lateness(const em__nats_task *task);

/* The call will end.  0 if the job never left, else -EBUSY. */
int em__nats_task_cancel(em__nats_task *task);

bool em__nats_is_stream(const char *name);
bool em__nats_is_id(const char *id);

/* There is a server, the same or another; there is none any more. */
void em__nats_durable_attached(em_nats *nats);
void em__nats_tasks_leave(em_nats *nats);
void em__nats_tasks_free(em_nats *nats);

/* --- subjects --- */

bool em__nats_is_subject(const char *subject, bool wildcards);
int em__nats_append_token(em_nats_buffer *buffer, const char *name);
int em__nats_read_token(const char *token, char *name);
bool em__nats_is_private(const char *name);

/* Where servers of the subject are asked after jobs; with its last 0. */
int em__nats_append_control(em_nats_buffer *buffer, const char *subject);

void em__nats_buffer_free(em_nats_buffer *buffer);

#endif
