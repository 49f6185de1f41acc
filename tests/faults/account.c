/* SPDX-License-Identifier: MIT */
/* Account: what was taken, and what of it is left. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <emitter/base.h>
#include <emitter/error.h>

#include "account.h"

enum { MOST = 64 };

static atomic_size_t blocks;
static const char *refused[MOST];
static int errors[MOST];
static int refusals;
static int fds, threads;
static bool fine = true;

/* --- memory, counted --- */

static void *take(size_t size)
{
    void *block = malloc(size);

    if (block)
        atomic_fetch_add(&blocks, 1);
    return block;
}

static void *resize(void *old, size_t size)
{
    void *block = realloc(old, size);

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

/* --- what is asked and comes back --- */

bool ask(const char *call, int r)
{
    if (r >= 0)
        return true;
    if (refusals < MOST) {
        refused[refusals] = call;
        errors[refusals++] = r;
    }
    return false;
}

void account_settle(const char *what, int accepted, int came_back)
{
    if (accepted == came_back)
        return;
    printf("LOST: %d of %d %s\n", accepted - came_back, accepted, what);
    fine = false;
}

/* --- from the beginning to the end --- */

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;

    while (directory && readdir(directory))
        count++;
    if (directory)
        (void)closedir(directory);
    return count;
}

void account_begin(void)
{
    (void)em_set_allocator(take, resize, give_back);
    fds = count_entries("/proc/self/fd");
    threads = count_entries("/proc/self/task");
    (void)!write(-1, "begin", 5);
}

static void wait_for_threads(void)
{
    time_t give_up = time(NULL) + 10;

    while ((count_entries("/proc/self/task") > threads ||
            atomic_load(&blocks) > 0) &&
           time(NULL) < give_up)
        (void)sched_yield();
}

static void leak(bool there_is, const char *what)
{
    if (!there_is)
        return;
    printf("LEAK: %s\n", what);
    fine = false;
}

void account_stop(void)
{
    (void)!write(-1, "end", 3);
}

int account_end(int closed)
{
    int i;

    wait_for_threads();
    leak(count_entries("/proc/self/task") > threads, "threads");
    leak(atomic_load(&blocks) > 0, "memory");
    leak(count_entries("/proc/self/fd") != fds - closed, "descriptors");
    leak(waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD, "processes");
    for (i = 0; i < refusals; i++)
        printf("refused: %.*s %s\n", (int)strcspn(refused[i], "("), refused[i],
               em_strerror(errors[i]));
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
