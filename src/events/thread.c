/* SPDX-License-Identifier: MIT */
/* Thread: a debug build finds calls from a thread that is not the owner.
 *
 * Who owns a loop is known by an address only, so each owner leaves its name
 * here when it passes a check, newest first.  A loop that is not among the last
 * few belongs to a thread without a name. */

#include <config.h>

#ifdef EM_DEBUG

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/lock.h"
#include "events/thread.h"

enum { NAME_SIZE = 16, OWNERS = 32 };

struct owner {
    const em_loop *loop;
    char name[NAME_SIZE];
};

static struct owner owners[OWNERS];
static _Thread_local struct owner last; /* that this thread left */

static void name_here(char *name)
{
    if (pthread_getname_np(pthread_self(), name, NAME_SIZE) != 0)
        strcpy(name, "?");
}

static void leave_name(const em_loop *loop)
{
    struct owner here = { .loop = loop };
    int i = 0;

    name_here(here.name);
    if (last.loop == loop && strcmp(last.name, here.name) == 0)
        return;
    last = here;
    em__lock();
    while (i < OWNERS - 1 && owners[i].loop != loop)
        i++;
    memmove(&owners[1], &owners[0], (size_t)i * sizeof(owners[0]));
    owners[0] = here;
    em__unlock();
}

static void find_name(const em_loop *loop, char *name)
{
    int i;

    strcpy(name, "?");
    em__lock();
    for (i = 0; i < OWNERS; i++) {
        if (owners[i].loop == loop) {
            strcpy(name, owners[i].name);
            break;
        }
    }
    em__unlock();
}

static void nothing(em_loop *loop, void *data)
{
    (void)loop, (void)data;
}

void em__thread_check(em_emitter *emitter, const char *function)
{
    em_loop *loop = em__private(emitter)->loop;
    char here[NAME_SIZE], owner[NAME_SIZE];

    if (!loop || em__loop_is_forked(loop))
        return;
    if (em__loop_is_owner(loop)) {
        leave_name(loop);
        return;
    }
    if (em_loop_post(loop, nothing, NULL) < 0)
        return; /* the loop is gone: the emitter belongs to whoever uses it */
    name_here(here);
    find_name(loop, owner);
    (void)fprintf(stderr,
                  "emitter: %s called by thread '%s' on an emitter of thread "
                  "'%s'\n",
                  function, here, owner);
    abort();
}

#else

typedef int em__thread_is_for_debug_builds;

#endif
