/* SPDX-License-Identifier: MIT */
/* Silence: an emitter in a forked child, where its listeners are another
 * process's. */

#ifndef EM_EVENTS_SILENCE_H
#define EM_EVENTS_SILENCE_H

#include <emitter/emitter.h>

/* Take from its listeners what they would call when they are freed.  Those that
 * have a home are let go without a word to it. */
void em__emitter_silence(em_emitter *emitter);

#endif
