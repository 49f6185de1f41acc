/* SPDX-License-Identifier: MIT */
/* Error: what an 'error' event carries, and the text of an error number. */

#ifndef EMITTER_ERROR_H
#define EMITTER_ERROR_H

#include <emitter/base.h>

/* The argument of an 'error' event; valid until the emit returns. */
typedef struct em_error {
    int code;            /* the caller's number, by convention -errno */
    const char *message; /* what went wrong, never NULL */
    const char *origin;  /* the emitter's name; NULL: it has none */
} em_error;

EM_BEGIN_DECLS

/* The text of a negative errno (a positive one is accepted too).  Any thread.
 * The string is static; it is never NULL. */
const char *em_strerror(int error);

EM_END_DECLS

#endif
