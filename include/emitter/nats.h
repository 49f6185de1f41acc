/* SPDX-License-Identifier: MIT */
/* Nats: the same events and batons on other machines, through NATS servers.
 *
 * A library of its own, libemitter-nats.  Functions are for the thread of the
 * connection's loop.  NULL or nonsense is -EINVAL, 0 or nothing. */

#ifndef EMITTER_NATS_H
#define EMITTER_NATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <emitter/base.h>
#include <emitter/baton.h>
#include <emitter/emitter.h>
#include <emitter/loop.h>
#include <emitter/pool.h>

typedef struct em_nats em_nats;

/* Zero in a field means its default.  Strings are copied. */
typedef struct em_nats_options {
    size_t size;                /* of this struct; EM_OPTIONS sets it */
    const char *const *servers; /* NULL: "nats://127.0.0.1:4222" */
    size_t server_count;
    const char *name; /* of this connection, shown by the server */
    const char *user, *password;
    const char *token;
    const char *credentials;        /* a file with a JWT and its seed */
    bool tls;                       /* also wherever a URL is tls:// */
    const char *tls_ca;             /* a file of certificates to trust */
    const char *tls_cert, *tls_key; /* files; both or neither */
    const char *tls_host;           /* the name in the certificate */
    uint64_t connect_ms;            /* for all servers; 0: 2000 ms */
    uint64_t reconnect_ms;          /* between two attempts; 0: 250 ms */
    unsigned reconnects;            /* attempts a server; 0: for ever */
    uint64_t ping_ms;               /* how often to ask; 0: 20 000 ms */
    size_t queue_limit;             /* bytes to be sent; 0: 8 MiB */
    bool unref;                     /* does not keep the loop alive */
} em_nats_options;

/* What travels, and without a codec the argument of an event. */
typedef struct em_nats_bytes {
    const void *data;
    size_t size;
    const char *subject; /* it came by; NULL in what is sent */
} em_nats_bytes;

/* Where an encoder writes. */
typedef struct em_nats_buffer em_nats_buffer;

/* How arguments become bytes and back.  The object must outlive its use. */
typedef struct em_nats_codec {
    /* Append arg to the buffer.  0, or a negative errno: it is not sent. */
    int (*encode)(em_nats_buffer *buffer, const char *event, const void *arg);
    /* Make an argument of bytes that anybody may have sent; they stay valid
     * until free_arg returned.  0, or a negative errno such as -EBADMSG. */
    int (*decode)(const em_nats_bytes *bytes, const char *event, void **ret);
    /* After the event was emitted.  May be NULL. */
    void (*free_arg)(void *arg);
} em_nats_codec;

/* What a served work gets as its data; all of it is valid until the work has
 * returned, and is the work's alone. */
typedef struct em_nats_job {
    const void *data; /* what the caller sent */
    size_t size;
    const char *subject;    /* it came by */
    const char *id;         /* NULL: it has none */
    unsigned attempt;       /* from 1 on */
    em_nats_buffer *result; /* em_nats_append what the caller is to get */
    void *user;             /* .data of the service */
} em_nats_job;

/* A subject that is served.  Lives until em_nats_unserve, or until its
 * connection has said 'close' or was given to em_nats_free. */
typedef struct em_nats_service em_nats_service;

/* Zero in a field means its default.  Strings are copied. */
typedef struct em_nats_serve_options {
    size_t size;         /* of this struct; EM_OPTIONS sets it */
    const char *subject; /* required; may have wildcards */
    const char *group;   /* each job goes to one member; NULL: "em" */
    em_work_fn *work;    /* required; its data is an em_nats_job */
    void *data;
    void (*free_data)(void *data); /* on the loop's thread, after the last */
    em_pool *pool;                 /* NULL: the default one */
    int priority;                  /* -4 ... 4, 4 first */
    unsigned limit; /* jobs here, queued or running; more are answered -EAGAIN.
                       0: as many as the pool takes, or 64 durable ones */
    const char *stream; /* jobs are durable, and kept there: letters, digits,
                           '-' and '_', at most 64; made if it is missing */
    unsigned replicas;  /* of what is made; 0: 1 */
    unsigned attempts;  /* deliveries of a job until it is given up; 0: 5 */
    uint64_t ack_ms;    /* without a sign of life, then it is delivered again;
                           0: 10 000 ms */
    uint64_t keep_ms;   /* results, for callers that are away; 0: 600 000 ms */
} em_nats_serve_options;

/* A baton that runs elsewhere.  Valid until its after has returned. */
typedef struct em_nats_call em_nats_call;

/* On the loop's thread, exactly once for every call accepted.  status is what
 * the work returned, or -ECANCELED if it never ran; or
 *   -EHOSTUNREACH  nobody serves the subject,
 *   -EAGAIN        its server has as many jobs as it takes,
 *   -ETIMEDOUT     .timeout_ms passed,
 *   -ECONNRESET    the connection broke, or the server went away: it may have
 *                  run, or may be running,
 *   -EMSGSIZE      the result is more than NATS takes,
 *   -EBADMSG       what came back is no answer,
 *   -ESHUTDOWN     this connection was closed, or the server's pool,
 *   -ECONNABORTED  a durable job was given up after .attempts,
 * or another error of starting the job there.  result is never NULL, and empty
 * unless the work ran; it is valid until this returned. */
typedef void em_nats_after_fn(em_nats_call *call, int status,
                              const em_nats_bytes *result, void *data);

/* On the loop's thread for each item of em_nats_progress, in order, none
 * missing, and always before after. */
typedef void em_nats_item_fn(em_nats_call *call, const em_nats_bytes *item,
                             void *data);

/* On the loop's thread, at most once and before after: a durable job is stored,
 * and will be done even if this process ends. */
typedef void em_nats_accepted_fn(em_nats_call *call, void *data);

/* Zero in a field means its default.  Strings and the payload are copied. */
typedef struct em_nats_run_options {
    size_t size;         /* of this struct; EM_OPTIONS sets it */
    const char *subject; /* required; without wildcards */
    const void *payload; /* what the job gets as its data */
    size_t payload_size;
    em_nats_after_fn *after;
    em_nats_item_fn *progress;
    void *data;                    /* given to both */
    void (*free_data)(void *data); /* on the loop's thread, after after */
    em_emitter *owner;   /* of this loop; a reference is held until after */
    bool error_to_owner; /* a negative status also emits 'error' there */
    bool unref;          /* does not keep the loop alive */
    uint64_t timeout_ms; /* from now until the answer; 0: none */
    const char *stream;  /* the job is durable, and kept there */
    const char *id;      /* one token, of which there is one job; NULL: new */
    em_nats_accepted_fn *accepted; /* of a durable job */
} em_nats_run_options;

EM_BEGIN_DECLS

/* --- connection --- */

/* Begin to connect; does not wait.  The emitter tells how it went, and the loop
 * stays alive until the connection is closed.  Returns 0, -EINVAL, -E2BIG,
 * -ENOMEM, -ECHILD, -ESHUTDOWN, or -ENOENT for a file that cannot be used. */
int em_nats_connect(em_loop *loop, const em_nats_options *options,
                    em_nats **ret);

/* Its emitter, which lives as long as it: 'connect', 'disconnect', 'reconnect',
 * 'lameduck' (the server asks its clients to leave), 'drain', 'error', and
 * 'close', the last one.  A connection that could not be made is an 'error',
 * then 'close'; one that broke makes itself again. */
em_emitter *em_nats_emitter(em_nats *nats);

/* Whether a server has it now. */
bool em_nats_is_connected(em_nats *nats);

/* End it after what was published was handed to the system, or after half a
 * second; 'close' follows. */
void em_nats_close(em_nats *nats);

/* The same without an event, and let it go; legal inside its listeners. */
void em_nats_free(em_nats *nats);

/* --- messages --- */

/* Send bytes, which are copied.  While the connection is broken they wait for
 * the next.  Returns 0, -EAGAIN if as much waits as may ('drain' follows),
 * -ENOTCONN before 'connect', -ESHUTDOWN after the end, -EMSGSIZE if it is more
 * than the server takes, -EINVAL (a subject has no spaces, wildcards or empty
 * tokens) or -ENOMEM. */
int em_nats_publish(em_nats *nats, const char *subject, const void *data,
                    size_t size);

/* Bytes that were published and not yet handed to the system. */
size_t em_nats_queued(em_nats *nats);

/* --- events --- */

/* Publish whatever `from` emits of this event; EM_ANY: every one, to the
 * subject, a dot and its name.  codec NULL: arguments are em_nats_bytes or
 * NULL.  'error' is thereby handled, and keeps its code, message and origin.
 * What cannot be sent is an 'error' of the connection.  Undone when either
 * goes.  Returns 0, -EINVAL, also for another loop's emitter, -ENOMEM or
 * -ESHUTDOWN. */
int em_nats_export(em_nats *nats, em_emitter *from, const char *event,
                   const char *subject, const em_nats_codec *codec);

/* 0, or -ENOENT. */
int em_nats_unexport(em_nats *nats, em_emitter *from, const char *event,
                     const char *subject);

/* Emit on `to` what comes by the subject, which may have wildcards; event NULL:
 * under the name that is the subject's last token, as EM_ANY exports it.  What
 * this connection published does not come back.  What cannot be decoded is an
 * 'error' of the connection, -EBADMSG.  Legal before 'connect'.  Undone when
 * either goes.  Returns as em_nats_export. */
int em_nats_import(em_nats *nats, const char *subject, em_emitter *to,
                   const char *event, const em_nats_codec *codec);

/* 0, or -ENOENT. */
int em_nats_unimport(em_nats *nats, const char *subject, em_emitter *to,
                     const char *event);

/* --- batons --- */

/* Run a work for whoever calls em_nats_run with this subject, each job as a
 * baton of the pool.  Of those who serve a subject, all in one group, one gets
 * it; a connection does not get what it calls itself.  Legal before 'connect'.
 * Bytes that are no job are an 'error' of the connection, -EBADMSG.  ret may be
 * NULL.  With .stream they share the durable jobs instead, without groups, and
 * each runs once or, if its server dies or is cut off, more often; one that is
 * given up is an 'error', -ECONNABORTED.  Returns 0, -EINVAL, -E2BIG, -ENOMEM,
 * -ECHILD or -ESHUTDOWN; then nothing of the options was taken. */
int em_nats_serve(em_nats *nats, const em_nats_serve_options *options,
                  em_nats_service **ret);

/* Take no more jobs; those here go on and are answered.  The end of the
 * connection ends them: queued ones never run, running ones see
 * em_baton_cancelled, callers get -ECONNRESET.  NULL is ignored. */
void em_nats_unserve(em_nats_service *service);

/* Send an item from a served work to its caller; the bytes are copied.  On the
 * thread that runs the work, else -EINVAL.  Returns 0, -EAGAIN while 1024 items
 * or .queue_limit bytes are on the way, -ENOTSUP for a durable job, -EMSGSIZE
 * or -ENOMEM. */
int em_nats_progress(em_baton *baton, const void *data, size_t size);

/* Have a baton run by one of those who serve the subject, at most once, or with
 * .stream at least once, though after comes once in either case.  The loop
 * stays alive until after returned, which is never inside this call.  ret may
 * be NULL.  Returns 0, -EINVAL, -E2BIG, -ENOMEM, -ECHILD, or as em_nats_publish
 * -EAGAIN, -ENOTCONN, -ESHUTDOWN and -EMSGSIZE; then nothing of the options was
 * taken. */
int em_nats_run(em_nats *nats, const em_nats_run_options *options,
                em_nats_call **ret);

/* Withdraw a call.  Returns 0 if its job has not left and never will, -EBUSY if
 * the request travels: a job that is queued there never runs, one that runs can
 * see it.  A durable job that was accepted and has not begun never runs, one
 * that has is done all the same.  -EALREADY if it was cancelled before or is
 * over.  after comes in every case, never from inside this call. */
int em_nats_cancel(em_nats_call *call);

/* --- codecs --- */

/* The codec for em_args; pointers and functions do not travel (-ENOTSUP).  The
 * form is told in em_nats(3). */
const em_nats_codec *em_nats_codec_args(void);

/* For encoders and works: add bytes.  Returns 0, -EINVAL or -ENOMEM. */
int em_nats_append(em_nats_buffer *buffer, const void *data, size_t size);

EM_END_DECLS

#endif
