/* SPDX-License-Identifier: MIT */
/* Nats stream: a pair whose server keeps streams, and what is in one. */

#include <config.h>

#include <nats/nats.h>

#include "nats_server.h"
#include "nats_stream.h"
#include "testing.h"

void begin_durable(void)
{
    assert_ok(em_loop_new(NULL, &loop));
    server_start("-js", NULL);
    a = connected();
    b = connected();
}

static jsCtx *open_jetstream(natsConnection **ret)
{
    jsCtx *js;

    ck_assert_int_eq(natsConnection_ConnectTo(ret, server_url()), NATS_OK);
    ck_assert_int_eq(natsConnection_JetStream(&js, *ret, NULL), NATS_OK);
    return js;
}

uint64_t messages_in(const char *stream)
{
    natsConnection *nc;
    jsCtx *js = open_jetstream(&nc);
    jsStreamInfo *info;
    uint64_t count;

    ck_assert_int_eq(js_GetStreamInfo(&info, js, stream, NULL, NULL), NATS_OK);
    count = info->State.Msgs;
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    return count;
}

void lose_messages_of(const char *stream)
{
    natsConnection *nc;
    jsCtx *js = open_jetstream(&nc);

    ck_assert_int_eq(js_PurgeStream(js, stream, NULL, NULL), NATS_OK);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
}

/* A message that is acknowledged goes soon. */
void run_until_empty(const char *stream)
{
    while (messages_in(stream) > 0)
        (void)em_loop_run(loop, EM_RUN_NOWAIT);
}
