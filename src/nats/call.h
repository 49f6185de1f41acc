/* SPDX-License-Identifier: MIT */
/* Call: a baton that runs elsewhere, at its caller. */

#ifndef NATS_CALL_H
#define NATS_CALL_H

#include "nats/frame.h"

struct em_nats_call {
    em__list link; /* of nats->asking or, once it has ended, nats->over */
    em__nats_node node;
    em_nats *nats;
    em_nats_after_fn *after;
    em_nats_item_fn *progress;
    void *data;
    void (*free_data)(void *data);
    em_emitter *owner;
    em_source *timer; /* NULL: none */
    bool sent;        /* to the connection of that epoch */
    unsigned epoch;
    uint32_t items; /* that came */
    unsigned asked; /* how often since we heard of it */
    int status;     /* once it has ended */
    bool error_to_owner, unref, cancelled, ended;
    bool seen;           /* by the probe */
    bool known;          /* its server has told where it is asked */
    char *holder;        /* that subject; NULL: all servers are asked */
    em__nats_task *task; /* NULL: it is not durable */
    char subject[];
};

void em__nats_call_answer(em_nats *nats, uint64_t number, natsMsg *message);

/* What a frame without a reply does. */
void em__nats_call_frame(em_nats_call *call, const void *bytes, size_t size);
void em__nats_call_unheard(em_nats *nats, uint64_t number);
int em__nats_call_send(em_nats_call *call, em__nats_kind kind);

/* A request that waited is sent now; false: its call has ended. */
bool em__nats_call_leaves(em_nats *nats, const char *reply);

/* Its after is called at once, or by em__nats_tell_calls. */
void em__nats_call_end(em_nats_call *call, int status, const void *data,
                       size_t size);
void em__nats_call_end_later(em_nats_call *call, int status);
void em__nats_tell_calls(em_nats *nats);

void em__nats_lose_calls(em_nats *nats); /* with a connection */
void em__nats_drop_calls(em_nats *nats); /* all of them */

/* There is a timer that asks after calls.  0 or a negative errno. */
int em__nats_probe_open(em_nats *nats);

#endif
