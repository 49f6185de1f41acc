/* SPDX-License-Identifier: MIT */
/* Emission: what an emit hands to each listener. */

#ifndef EXAMPLES_NODE_EMITTER_EMISSION_H
#define EXAMPLES_NODE_EMITTER_EMISSION_H

#include "emitter.h"

struct emission {
    struct call *call;
    bool failed;          /* a listener has thrown: call no other */
    napi_value exception; /* what; NULL: it could not be had */
};

/* The one function that an em_emitter here ever calls; data is a place. */
em_listener_fn call_listener;

/* The function whose place that is; NULL: an exception is pending. */
napi_value place_function(napi_env env, napi_value object, const void *data);

#endif
