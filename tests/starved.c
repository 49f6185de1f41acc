/* SPDX-License-Identifier: MIT */
/* Starved: an example, whose main is example_main here, with its first, second,
 * third ... allocation failing until none is left to fail.
 *
 * Each time it is a process of its own, which must end by itself: well, or with
 * EXIT_FAILURE and a word on stderr; never by a signal.  If main returns, no
 * block of the library's memory may be left.  (One that calls exit leaves its
 * memory to the system.)  The countdown goes on in the workers it forks. */

#include <config.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <emitter/base.h>

#include "baton/internal.h"

#undef main

/* The example's. */
#ifdef STARVED_PLAIN
int example_main(void);
#define EXAMPLE_MAIN(argc, argv) ((void)(argc), (void)(argv), example_main())
#else
int example_main(int argc, char **argv);
#define EXAMPLE_MAIN(argc, argv) example_main(argc, argv)
#endif

enum { LEAKED = 99, ONE_BY_ONE = 100, LIMIT_S = 60 };

static atomic_size_t blocks;
static atomic_ulong left; /* until the allocation that fails; 0: none */
static atomic_bool *failed;

/* --- memory --- */

static bool refused(void)
{
    unsigned long now = atomic_load(&left);

    while (now != 0 && !atomic_compare_exchange_weak(&left, &now, now - 1))
        ;
    if (now == 1)
        atomic_store(failed, true);
    return now == 1;
}

static void *take(size_t size)
{
    void *block = refused() ? NULL : malloc(size);

    if (block)
        atomic_fetch_add(&blocks, 1);
    return block;
}

static void *resize(void *old, size_t size)
{
    void *block = refused() ? NULL : realloc(old, size);

    if (block && !old)
        atomic_fetch_add(&blocks, 1);
    return block;
}

static void give_back(void *block)
{
    if (block)
        atomic_fetch_sub(&blocks, 1);
    free(block);
}

/* The last of a pool's memory goes with its last thread. */
static bool all_is_free(void)
{
    time_t give_up = time(NULL) + 10;

    em__default_end();
    while (atomic_load(&blocks) > 0 && time(NULL) < give_up)
        (void)sched_yield();
    return atomic_load(&blocks) == 0;
}

/* --- a run --- */

static FILE *errors;

static int run_example(unsigned long nth, int argc, char **argv)
{
    int status;

    (void)alarm(LIMIT_S);
    if (!freopen("/dev/null", "w", stdout) ||
        dup2(fileno(errors), STDERR_FILENO) < 0)
        return LEAKED;
    atomic_store(&left, nth);
    (void)em_set_allocator(take, resize, give_back);
    status = EXAMPLE_MAIN(argc, argv);
    return all_is_free() ? status : LEAKED;
}

static bool said_something(void)
{
    rewind(errors);
    return fgetc(errors) != EOF;
}

/* Whether it ended as it may. */
static bool is_fine(unsigned long nth, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE &&
        atomic_load(failed) && said_something())
        return true;
    printf("allocation %lu: %s %d\n", nth,
           WIFEXITED(status) ? "status" : "signal",
           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return false;
}

static bool starve(unsigned long nth, int argc, char **argv)
{
    bool fine = false;
    int status;
    pid_t child;

    atomic_store(failed, false);
    errors = tmpfile();
    (void)fflush(stdout);
    child = errors ? fork() : -1;
    if (child == 0)
        exit(run_example(nth, argc, argv));
    if (child > 0 && waitpid(child, &status, 0) == child)
        fine = is_fine(nth, status);
    if (errors)
        (void)fclose(errors);
    return fine;
}

/* Past the first ones in growing steps: an example may make thousands. */
int main(int argc, char **argv)
{
    unsigned long nth = 1, count = 0;
    bool fine = true;

    failed = mmap(NULL, sizeof(*failed), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (failed == MAP_FAILED)
        return EXIT_FAILURE;
    for (;; nth += nth < ONE_BY_ONE ? 1 : nth / 8) {
        fine = starve(nth, argc, argv) && fine;
        if (!atomic_load(failed))
            break;
        count++;
    }
    printf("%s: %lu allocations failed\n", argv[0], count);
    return fine && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
