/* SPDX-License-Identifier: MIT */
/* Options: those of a connection, in libnats' own form; and its errors. */

#include <config.h>

#include <errno.h>
#include <limits.h>

#include "nats/link.h"

/* What one call into the system reads, at most, and one turn delivers. */
enum { READ_SIZE = 128 * 1024 };

static const struct {
    natsStatus status;
    int error;
} errors[] = {
    { NATS_OK, 0 },
    { NATS_IO_ERROR, -EIO },
    { NATS_PROTOCOL_ERROR, -EPROTO },
    { NATS_CONNECTION_CLOSED, -ESHUTDOWN },
    { NATS_NO_SERVER, -ECONNREFUSED },
    { NATS_STALE_CONNECTION, -ETIMEDOUT },
    { NATS_CONNECTION_DISCONNECTED, -ECONNRESET },
    { NATS_CONNECTION_AUTH_FAILED, -EACCES },
    { NATS_NOT_PERMITTED, -EPERM },
    { NATS_NOT_FOUND, -ENOENT },
    { NATS_INVALID_SUBJECT, -EINVAL },
    { NATS_INVALID_ARG, -EINVAL },
    { NATS_ADDRESS_MISSING, -EINVAL },
    { NATS_SLOW_CONSUMER, -ENOBUFS },
    { NATS_MAX_PAYLOAD, -EMSGSIZE },
    { NATS_INSUFFICIENT_BUFFER, -EAGAIN },
    { NATS_NO_MEMORY, -ENOMEM },
    { NATS_TIMEOUT, -ETIMEDOUT },
    { NATS_SSL_ERROR, -EPROTO },
    { NATS_SECURE_CONNECTION_WANTED, -EPROTO },
    { NATS_SECURE_CONNECTION_REQUIRED, -EPROTO },
};

int em__nats_errno(natsStatus status)
{
    size_t i;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].status == status)
            return errors[i].error;
    }
    return -EIO;
}

static uint64_t or_default(uint64_t value, uint64_t usual)
{
    uint64_t most = INT_MAX;

    if (value == 0)
        value = usual;
    return value < most ? value : most;
}

static natsStatus set_servers(natsOptions *options, const em_nats_options *o)
{
    static const char *usual = "nats://127.0.0.1:4222";
    size_t count = o->servers ? o->server_count : 1;
    uint64_t each = or_default(o->connect_ms, 2000) / (count ? count : 1);
    natsStatus s;

    if (count == 0 || count > 1000)
        return NATS_INVALID_ARG;
    s = natsOptions_SetServers(
        options, o->servers ? (const char **)o->servers : &usual, (int)count);
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(options, (int64_t)(each ? each : 1));
    return s;
}

static natsStatus set_identity(natsOptions *options, const em_nats_options *o)
{
    natsStatus s = NATS_OK;

    if (o->name)
        s = natsOptions_SetName(options, o->name);
    if (s == NATS_OK && o->user)
        s = natsOptions_SetUserInfo(options, o->user,
                                    o->password ? o->password : "");
    if (s == NATS_OK && o->token)
        s = natsOptions_SetToken(options, o->token);
    if (s == NATS_OK && o->credentials)
        s = natsOptions_SetUserCredentialsFromFiles(options, o->credentials,
                                                    NULL);
    return s;
}

static natsStatus set_tls(natsOptions *options, const em_nats_options *o)
{
    natsStatus s = NATS_OK;

    if (o->tls)
        s = natsOptions_SetSecure(options, true);
    if (s == NATS_OK && o->tls_ca)
        s = natsOptions_LoadCATrustedCertificates(options, o->tls_ca);
    if (s == NATS_OK && o->tls_cert)
        s = natsOptions_LoadCertificatesChain(options, o->tls_cert, o->tls_key);
    if (s == NATS_OK && o->tls_host)
        s = natsOptions_SetExpectedHostname(options, o->tls_host);
    return s;
}

/* SendAsap: libnats' own flusher thread would add a millisecond, and it is the
 * loop that collects what one turn publishes.  Its buffer for a broken
 * connection stays empty but for what the loop was about to write. */
static natsStatus set_behaviour(natsOptions *options, const em_nats_options *o)
{
    int64_t wait = (int64_t)or_default(o->reconnect_ms, 250);
    natsStatus s = natsOptions_SetSendAsap(options, true);

    if (s == NATS_OK)
        s = natsOptions_SetIOBufSize(options, READ_SIZE);
    if (s == NATS_OK)
        s = natsOptions_SetNoEcho(options, true);
    if (s == NATS_OK) /* one thread for all connections, and that seldom */
        s = natsOptions_UseGlobalMessageDelivery(options, true);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectWait(options, wait);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectJitter(options, wait / 4, wait / 4);
    if (s == NATS_OK && o->reconnects > INT_MAX)
        s = NATS_INVALID_ARG;
    if (s == NATS_OK)
        s = natsOptions_SetMaxReconnect(
            options, o->reconnects ? (int)o->reconnects : -1);
    if (s == NATS_OK)
        s = natsOptions_SetPingInterval(options,
                                        (int64_t)or_default(o->ping_ms, 20000));
    return s;
}

/* A file that does not open is libnats' NATS_SSL_ERROR, or nothing better. */
static int file_errno(natsStatus status)
{
    return status == NATS_OK || status == NATS_NO_MEMORY ||
                   status == NATS_INVALID_ARG
               ? em__nats_errno(status)
               : -ENOENT;
}

int em__nats_options_new(em__nats_link *link, const em_nats_options *given,
                         natsOptions **ret)
{
    natsOptions *options;
    natsStatus s;
    int r;

    if ((given->tls_cert == NULL) != (given->tls_key == NULL) ||
        (given->password && !given->user))
        return -EINVAL;
    s = natsOptions_Create(&options);
    if (s != NATS_OK)
        return -ENOMEM;
    s = set_servers(options, given);
    if (s == NATS_OK)
        s = set_behaviour(options, given);
    r = em__nats_errno(s);
    if (r == 0)
        r = file_errno(set_identity(options, given));
    if (r == 0)
        r = file_errno(set_tls(options, given));
    if (r == 0)
        r = em__nats_errno(em__nats_link_use(link, options));
    if (r == 0)
        *ret = options;
    else
        natsOptions_Destroy(options);
    return r;
}
