/* SPDX-License-Identifier: MIT */
/* Poller: which one. */

#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "loop/poller.h"

static const struct {
    em_poller wish;
    const char *name;
    const em__poller_kind *kind;
} kinds[] = {
/* the first one is the default */
#ifdef WITH_EPOLL
    { EM_POLLER_EPOLL, "epoll", &em__poller_epoll },
#endif
#ifdef WITH_POLL
    { EM_POLLER_POLL, "poll", &em__poller_poll },
#endif
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* A name that means nothing here must not keep a program from starting. */
static const em__poller_kind *by_default(void)
{
    const char *name = getenv("EMITTER_POLLER");
    int i;

    for (i = 0; name && i < KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    }
    return kinds[0].kind;
}

int em__poller_open(em__poller *poller, em_poller wish)
{
    const em__poller_kind *kind = NULL;
    int i;

    if ((unsigned)wish > EM_POLLER_POLL)
        return -EINVAL;
    if (wish == EM_POLLER_DEFAULT)
        kind = by_default();
    for (i = 0; i < KINDS; i++) {
        if (kinds[i].wish == wish)
            kind = kinds[i].kind;
    }
    if (!kind)
        return -ENOTSUP;
    poller->kind = kind;
    return kind->open(poller);
}
