/* SPDX-License-Identifier: MIT */
/* Uncaught: the 'error' event that cannot be ignored. */

#ifndef EM_EVENTS_UNCAUGHT_H
#define EM_EVENTS_UNCAUGHT_H

#include <emitter/emitter.h>

/* Nobody listened to an 'error': call the hook. */
void em__uncaught(em_emitter *emitter, const em_error *error);

#endif
