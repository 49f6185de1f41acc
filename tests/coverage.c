/* SPDX-License-Identifier: MIT */
/* Coverage: the counters of processes that end without exit.
 *
 * They are written by exit, which neither _exit nor abort calls, and with which
 * the forked children of the tests end.  Only in a build that counts. */

#include <config.h>

#include <stdlib.h>
#include <unistd.h>

#include "testing.h"

void __gcov_dump(void);
void __real__exit(int status) __attribute__((noreturn));
void __real_abort(void) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));

/* It opens files by the calls that tests make fail. */
static void write_counters(void)
{
    fail_no_call();
    __gcov_dump();
}

void __wrap__exit(int status)
{
    write_counters();
    __real__exit(status);
}

void __wrap_abort(void)
{
    write_counters();
    __real_abort();
}
