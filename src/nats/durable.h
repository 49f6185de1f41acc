/* SPDX-License-Identifier: MIT */
/* Durable: jobs that servers keep until they are done.
 *
 * A stream S of the user's naming is three of JetStream's:
 *
 *   S          S.job.<subject>                  a work queue
 *   S-results  S.result.<client>.<id>.<number>  what came out, for a while
 *   S-dead     S.dead.<subject>                 what was given up
 *
 * A job is stored, pulled, run, its result stored, and then acknowledged: in
 * that order, each step after the answer to the one before, so that whoever
 * dies leaves a job that comes again or a result that is there.  A result is
 * stored by publishing it, and so the client that listens to its own subject
 * hears it at once; what it missed it asks for.  Both may bring the same one:
 * a call ends once, and then its number is nobody's.
 *
 * The header by which JetStream stores a message once has the job's id; behind
 * a dot there may be more, so that it is stored once again.
 *
 * To store it is dear, though, and nobody else wants the result of a job whose
 * id is the call's own.  So that is handed to the caller first, by a subject of
 * no stream, and only stored if the caller does not say at once that it has it.
 */

#ifndef NATS_DURABLE_H
#define NATS_DURABLE_H

#include "nats/jetstream.h"
#include "nats/job.h"

/* A header of what JetStream is to store once. */
#define EM__NATS_ID "Nats-Msg-Id"

/* Room for a frame's head, a letter's strings and the header, which counts as a
 * message's. */
enum { EM__NATS_AROUND = 1024 };

/* --- letters: durable jobs as their stream has them --- */

typedef struct em__nats_letter {
    const char *result; /* the subject that its result is stored by, or "" */
    const char *hand;   /* by which it is handed to its caller, or "" */
    const char *id;     /* or "" */
    const void *data;
    size_t size;
} em__nats_letter;

/* 0 or -ENOMEM. */
int em__nats_letter_append(em_nats_buffer *buffer,
                           const em__nats_letter *letter);

/* 0 or -EBADMSG.  Everything stays where it is. */
int em__nats_letter_read(const void *bytes, size_t size, em__nats_letter *ret);

/* --- hands: results on their way to their callers --- */

typedef struct em__nats_hand {
    uint64_t call, delivery; /* their numbers, each of its side */
    const void *result;      /* a frame */
    size_t size;
} em__nats_hand;

/* 0 or -ENOMEM, and then nothing was appended. */
int em__nats_hand_append(em_nats_buffer *buffer, const em__nats_hand *hand);

/* Cut one off what is left; false if there is none. */
bool em__nats_hand_take(em_nats_bytes *rest, em__nats_hand *ret);

/* Send it to that subject before the loop waits; what cannot be sent is not. */
void em__nats_hand_over(em__nats_queue *queue, const char *to,
                        const em__nats_hand *hand);

/* A caller got some, or has said so. */
void em__nats_hands_taken(em_nats *nats, natsMsg *message);
void em__nats_hands_confirmed(em__nats_queue *queue, natsMsg *message);

/* --- tasks: the side of the caller --- */

/* Those of a connection. */
struct em__nats_tasks {
    em_nats *nats;
    char *inbox; /* "_INBOX." and the client */
    const char *client;
    em__nats_sub *answers;
    em_source *tick; /* NULL once the loop has gone */
    bool ticking;
    em__list list, mailboxes;
};

struct em__nats_task {
    em__list link; /* of tasks->list, in the order of submission */
    em__nats_tasks *tasks;
    em_nats_call *call;
    void (*accepted_fn)(em_nats_call *call, void *data);
    natsMsg *message;  /* the job, should it have to be submitted again */
    bool accepted;     /* by the stream, which still has it as far as we know */
    bool left;         /* it was submitted, if only once */
    bool told;         /* that it was accepted */
    unsigned missing;  /* looks in a row that found neither job nor result */
    uint64_t sequence; /* of the job in its stream; 0: not known */
    uint64_t asked_at, wait_ms;
    int refused; /* what JetStream said last, or 0 */
    const char *stream;
    char id[]; /* and the stream's name */
};

/* There are such; and they hear the results of a stream.  0 or a negative
 * errno. */
int em__nats_tasks_open(em_nats *nats);
int em__nats_tasks_listen(em__nats_tasks *tasks, const char *stream);

/* What their subscriptions and their timer call. */
void em__nats_task_answered(em__nats_sub *sub, natsMsg *message);
void em__nats_task_unheard(em__nats_sub *sub);
void em__nats_task_result(em__nats_sub *sub, natsMsg *message);
void em__nats_task_handed(em_nats *nats, const em__nats_hand *hand);
void em__nats_tasks_tick(em_source *timer, void *data);

/* Look for the result of what was accepted; then these were answered. */
void em__nats_look(em__nats_task *task);
void em__nats_looked_in_vain(em__nats_task *task, natsMsg *message);
void em__nats_looked_for_job(em__nats_task *task, natsMsg *message);
void em__nats_task_submit_again(em__nats_task *task);

/* A server that is the submitter as well does not hear what it publishes. */
void em__nats_tasks_hear(em_nats *nats, natsMsg *result);

/* Ask for results, and submit again: the connection is another one. */
void em__nats_tasks_attached(em_nats *nats);

/* --- queues: the side of a server --- */

typedef struct em__nats_pull {
    em__nats_queue *queue;
    em__nats_sub *sub; /* of its own: its messages have the jobs' subjects */
    char *inbox;
    unsigned wanted; /* of what it asked for, to come */
    uint64_t until;  /* when it is certainly over */
} em__nats_pull;

/* What makes a queue ready, in order. */
typedef enum em__nats_step {
    EM__NATS_STEP_JOBS,
    EM__NATS_STEP_RESULTS,
    EM__NATS_STEP_DEAD,
    EM__NATS_STEP_CONSUMER,
    EM__NATS_STEP_READY
} em__nats_step;

/* What a sweep has asked for last. */
typedef enum em__nats_sweep {
    EM__NATS_SWEEP_FLOOR, /* up to where all is acknowledged */
    EM__NATS_SWEEP_NEXT,  /* the next message in the queue */
    EM__NATS_SWEEP_DELETE
} em__nats_sweep;

struct em__nats_queue {
    em_nats *nats;
    em_nats_service *service; /* its owner */
    char *stream, *subject, *consumer;
    char *inbox; /* where answers come to, up to what they answer */
    em__nats_sub *answers, *hands; /* two, since libnats tells by which one
                                      nobody was heard, and not of what */
    em_source *tick;
    unsigned replicas, attempts, limit;
    uint64_t ack_ms, keep_ms, pull_ms;

    em__nats_step step;
    unsigned round;    /* of asking; answers to former ones are late */
    uint64_t asked_at; /* for this step */
    uint64_t unready;  /* since when, or 0 */
    int told;          /* the error that was told last */
    em__nats_pull pulls[2];

    bool own; /* its stream is as we make them */
    em__nats_sweep sweep;
    unsigned swept;       /* how often it was asked; other answers are late */
    uint64_t sweep_at;    /* when the next one begins */
    uint64_t floor, next; /* of the sweep: numbers of messages */

    em__list deliveries;
    unsigned count;
    em__nats_table table; /* of deliveries, by number in their stream */

    em_nats_buffer handing;     /* what is handed over next */
    char hand_to[EM__JS_INBOX]; /* by this subject */
    bool hand_deferred;

    unsigned inside; /* callbacks under way that will still use it */
    bool gone, freed;
};

/* Ask for the step that is due, and what came of it. */
void em__nats_queue_step(em__nats_queue *queue);
void em__nats_queue_stepped(em__nats_queue *queue, natsMsg *message);
void em__nats_queue_refused(em__nats_queue *queue, const em__js_answer *answer);

/* Pull as many as there is room for. */
void em__nats_queue_pull(em__nats_queue *queue);

/* Something of it is not there any more. */
void em__nats_queue_unready(em__nats_queue *queue);

/* Remove what is acknowledged and stays, if that is due; and an answer. */
void em__nats_queue_sweep(em__nats_queue *queue);
void em__nats_queue_swept(em__nats_queue *queue, uint64_t number,
                          natsMsg *message);

/* One of the callbacks inside has ended; the queue may go. */
void em__nats_queue_left(em__nats_queue *queue);

bool em__nats_queue_is_ending(const em__nats_queue *queue);

/* --- deliveries: a job at a server --- */

typedef struct em__nats_delivery {
    em__list link;
    em__nats_node node;
    em__nats_queue *queue;
    em__nats_job *job; /* NULL: not yet, or not any more */
    natsMsg *out;      /* a dead letter or a result, to be stored */
    natsMsg *letter;   /* the job, until it has become one or the other */
    unsigned times;    /* that it was delivered */
    bool dead, buried;
    uint64_t told_at;  /* that it goes on */
    uint64_t asked_at; /* to store what goes out */
    const char *ack;   /* where it is acknowledged; the letter's, or renewed */
    char *renewed;
    const char *result; /* where it is stored; NULL: nobody wants it */
    uint64_t call;      /* whose it is, a number of its caller's */
    const char *hand;   /* where it is handed to its caller; NULL: nowhere */
    bool handed;        /* and not stored yet */
    char id[];
} em__nats_delivery;

/* It is done, or given back; it goes. */
void em__nats_delivery_finish(em__nats_delivery *delivery, bool done);

/* What came out, which is then finished when somebody has it. */
void em__nats_delivery_result(em__nats_delivery *delivery, int status,
                              const em_nats_bytes *bytes);
void em__nats_delivery_bury(em__nats_delivery *delivery);

/* Send what goes out again, if that is due or `again`. */
void em__nats_delivery_remind(em__nats_delivery *delivery, bool again);

void em__nats_deliver_job(em__nats_queue *queue, em__nats_sub *sub,
                          natsMsg *message);
void em__nats_delivery_answered(em__nats_queue *queue, uint64_t number,
                                natsMsg *message);
void em__nats_delivery_confirmed(em__nats_queue *queue, uint64_t number);

/* Somebody who was handed a result is not there: store them. */
void em__nats_deliveries_unheard(em__nats_queue *queue);
void em__nats_deliveries_tick(em__nats_queue *queue, bool again);

/* Give them back: others may have them at once.  What runs is on its own. */
void em__nats_deliveries_leave(em__nats_queue *queue);

#endif
