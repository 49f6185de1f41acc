/* SPDX-License-Identifier: MIT */
/* libemitter: events, off-thread work and the loop that owns both. */

#ifndef EMITTER_H
#define EMITTER_H

#include <emitter/baton.h>
#include <emitter/emitter.h>
#include <emitter/error.h>
#include <emitter/group.h>
#include <emitter/loop.h>
#include <emitter/name.h>
#include <emitter/pool.h>
#include <emitter/version.h>

#endif
