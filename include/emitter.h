/* SPDX-License-Identifier: MIT */
/* libemitter: events, off-thread work, workers, and the loop that owns all. */

#ifndef EMITTER_H
#define EMITTER_H

#include <emitter/baton.h>
#include <emitter/cluster.h>
#include <emitter/emitter.h>
#include <emitter/error.h>
#include <emitter/group.h>
#include <emitter/loop.h>
#include <emitter/name.h>
#include <emitter/pool.h>
#include <emitter/version.h>
#include <emitter/worker.h>

#endif
