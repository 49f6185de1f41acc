/* SPDX-License-Identifier: MIT */
/* Nats connect: what the implementations with libemitter begin with. */

#include <config.h>

#include <emitter.h>
#include <emitter/nats.h>

#include "nats.h"

static void stop(em_emitter *emitter, void *arg, void *data)
{
    int *error = data;

    if (arg)
        *error = ((em_error *)arg)->code;
    em_loop_stop(em_emitter_loop(emitter));
}

int nats_connect(em_loop *loop, const char *url, int *error, em_nats **ret)
{
    int r = em_nats_connect(
        loop, EM_OPTIONS(em_nats_options, .servers = &url, .server_count = 1),
        ret);

    if (r == 0)
        r = em_on(em_nats_emitter(*ret), "connect", stop, error);
    if (r == 0)
        r = em_on(em_nats_emitter(*ret), "error", stop, error);
    if (r == 0)
        (void)em_loop_run(loop, EM_RUN_DEFAULT);
    return r < 0 ? r : *error;
}
