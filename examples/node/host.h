/* SPDX-License-Identifier: MIT */
/* Host: a loop of ours inside the one of a Node.js environment.
 *
 * An environment is the main thread or a worker; each that loads the add-on has
 * a host, a loop, and a thread that all of it runs on but the work. */

#ifndef EXAMPLES_NODE_HOST_H
#define EXAMPLES_NODE_HOST_H

#include <emitter.h>

#include "js.h"

struct host;

/* Make the environment's host, which lives as long; stop is called first when
 * it ends, to cancel whatever would be waited for.  NULL, and an exception
 * pending. */
struct host *host_new(napi_env env, void (*stop)(void *data), void *data);

em_loop *host_loop(struct host *host);

/* Whether the environment ends: no JavaScript may be called any more. */
bool host_ends(const struct host *host);

#endif
