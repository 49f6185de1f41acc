/* SPDX-License-Identifier: MIT */
/* Coverage: the counters of processes that end without exit.
 *
 * They are written by exit, which neither _exit nor abort calls, and with which
 * the forked children of the tests end.  Only in a build that counts. */

#include <config.h>

#include <stdlib.h>
#include <unistd.h>

void __gcov_dump(void);
void __real__exit(int status) __attribute__((noreturn));
void __real_abort(void) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));

void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}

void __wrap_abort(void)
{
    __gcov_dump();
    __real_abort();
}
