/* SPDX-License-Identifier: MIT */
/* Nats: the same events on other machines, through NATS servers.
 *
 * A library of its own, libemitter-nats.  Functions are for the thread of the
 * connection's loop.  NULL or nonsense is -EINVAL, 0 or nothing. */

#ifndef EMITTER_NATS_H
#define EMITTER_NATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <emitter/base.h>
#include <emitter/emitter.h>
#include <emitter/loop.h>

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

/* --- codecs --- */

/* The codec for em_args; pointers and functions do not travel (-ENOTSUP).  The
 * form is told in em_nats(3). */
const em_nats_codec *em_nats_codec_args(void);

/* For encoders: add bytes.  Returns 0, -EINVAL or -ENOMEM. */
int em_nats_append(em_nats_buffer *buffer, const void *data, size_t size);

EM_END_DECLS

#endif
