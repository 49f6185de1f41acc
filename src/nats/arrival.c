/* SPDX-License-Identifier: MIT */
/* Arrival: what is being emitted because it came from elsewhere.
 *
 * An emitter may export and import one subject, on this connection or on two:
 * what came must not go back, or two programs would play it for ever.  But a
 * listener may answer with the same event, and a bridge may send on by another
 * subject; so an arrival is known by its argument as well, which exists as long
 * as its emit. */

#include <config.h>

#include <string.h>

#include "nats/internal.h"

static _Thread_local em__nats_arrival *innermost;

void em__nats_arrive(em__nats_arrival *arrival)
{
    arrival->outer = innermost;
    innermost = arrival;
}

void em__nats_depart(em__nats_arrival *arrival)
{
    innermost = arrival->outer;
}

bool em__nats_arrived(const char *subject, const char *event, const void *arg)
{
    const em__nats_arrival *a;

    for (a = innermost; a; a = a->outer) {
        if (a->arg == arg && strcmp(a->event, event) == 0 &&
            strcmp(a->subject, subject) == 0)
            return true;
    }
    return false;
}
