/* SPDX-License-Identifier: MIT */
/* Version: of the library that is running. */

#include <config.h>

#include <emitter/version.h>

const char *em_version(void)
{
    return EM_VERSION;
}
