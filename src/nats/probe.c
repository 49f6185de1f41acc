/* SPDX-License-Identifier: MIT */
/* Probe: whether the servers of our calls are still there.
 *
 * NATS does not tell a caller that whoever took its message has gone.  So twice
 * a second each call that is old enough asks: at first all who serve its
 * subject, of whom its server answers and says where it is to be asked alone.
 * Once that is known the answer is certain, since nobody listens there after
 * the server's connection has ended, and the NATS server says so.  Before that
 * a server that died is silence, like one whose loop does not turn, hence the
 * many times.
 *
 * A bound to the calls that ask at once keeps thousands of them from being a
 * load; they take turns. */

#include <config.h>

#include <errno.h>

#include "nats/call.h"

enum { EVERY_MS = 500, AT_ONCE = 256, TIMES = 10 };

static void ask(em_nats_call *call)
{
    if (!call->known && call->asked >= TIMES)
        em__nats_call_end_later(call, -ECONNRESET);
    else if (em__nats_call_send(call, EM__NATS_ASK) == 0)
        call->asked++;
}

/* A call that came since the last time is not old enough. */
static void visit(em_nats_call *call)
{
    em__list_remove(&call->link);
    em__list_append(&call->nats->asking, &call->link);
    if (call->seen && call->sent)
        ask(call);
    call->seen = true;
}

static void set_timer(em_nats *nats, bool armed)
{
    (void)em_source_set_timer(nats->probe, armed ? EVERY_MS : UINT64_MAX,
                              armed ? EVERY_MS : 0);
    nats->probing = armed;
}

static void probe(em_source *timer, void *data)
{
    em_nats *nats = data;
    size_t i, count = nats->calls.count < AT_ONCE ? nats->calls.count : AT_ONCE;

    (void)timer;
    if (count == 0) {
        set_timer(nats, false);
        return;
    }
    if (!em_nats_is_connected(nats))
        return;
    (void)em_ref(&nats->emitter);
    for (i = 0; i < count; i++)
        visit(em__container(nats->asking.next, em_nats_call, link));
    em__nats_tell_calls(nats);
    em_unref(&nats->emitter);
}

static void forget(void *data)
{
    ((em_nats *)data)->probe = NULL;
}

int em__nats_probe_open(em_nats *nats)
{
    int r = nats->probe ? 0
                        : em_loop_add_timer(nats->loop, UINT64_MAX, 0, probe,
                                            nats, &nats->probe);

    if (r < 0)
        return r;
    em_source_set_free(nats->probe, forget);
    em_source_unref(nats->probe);
    if (!nats->probing)
        set_timer(nats, true);
    return 0;
}
