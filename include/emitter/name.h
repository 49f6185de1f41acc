/* SPDX-License-Identifier: MIT */
/* Name: event names that are known by their address.
 *
 * Every verb takes an ordinary string.  One that comes from em_intern needs no
 * hashing and no comparing when it is emitted; a literal that was used before
 * needs one comparison. */

#ifndef EMITTER_NAME_H
#define EMITTER_NAME_H

#include <emitter/base.h>

EM_BEGIN_DECLS

/* The one address of that name, to be given back with em_name_unref.  Any
 * thread.  NULL: no memory. */
const char *em_intern(const char *name);

/* A new name, unlike any other, for events of which only those know who were
 * given it.  It is the description, a byte 0x01 and a serial number; nothing
 * else is special.  To be given back likewise.  Any thread.  NULL: no memory.
 */
const char *em_symbol(const char *description);

/* What the symbol was made with, valid as long as it is; NULL: not a symbol.
 * Any thread. */
const char *em_symbol_description(const char *name);

/* Give back what em_intern or em_symbol gave; anything else is ignored.
 * Emitters hold their own.  Any thread. */
void em_name_unref(const char *name);

/* Symbols to listen for.  Listeners of EM_ERROR_MONITOR see every 'error'
 * first; those of EM_ANY come next and see what users emit, and 'error'.  They
 * do not count as handling an 'error' nor for what em_emit returns. */
extern const char EM_ERROR_MONITOR[];
extern const char EM_ANY[];

EM_END_DECLS

#endif
