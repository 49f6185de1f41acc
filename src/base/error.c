/* SPDX-License-Identifier: MIT */
/* Error: the text of an error number. */

#include <config.h>

#include <limits.h>
#include <string.h>

#include <emitter/error.h>

/* strerror may write into a buffer that all threads share; glibc's
 * strerrordesc_np never does. */
static const char *describe(int error)
{
#ifdef HAVE_STRERRORDESC_NP
    return strerrordesc_np(error);
#else
    return strerror(error);
#endif
}

const char *em_strerror(int error)
{
    const char *text;

    if (error == INT_MIN)
        return "Unknown error";
    text = describe(error < 0 ? -error : error);
    return text ? text : "Unknown error";
}
