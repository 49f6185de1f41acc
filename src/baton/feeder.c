/* SPDX-License-Identifier: MIT */
/* Feeder: the batons of a group that its user gives one by one, as it has room;
 * see group.c. */

#include <config.h>

#include <errno.h>
#include <limits.h>

#include "baton/group.h"

enum { EACH_THREAD = 4 };

/* The first baton that the feeder gives tells which pool it is about. */
static void find_limit(em_group *group, em_pool *pool)
{
    if (group->limit > 0 || !group->next)
        return;
    em__pool_lock(pool);
    group->limit =
        pool->max < UINT_MAX / EACH_THREAD ? pool->max * EACH_THREAD : UINT_MAX;
    em__pool_unlock(pool);
}

static int start_next(em_group *group, em_baton_options *next)
{
    em__full *full;
    int r = em__baton_check(group->loop, next);

    if (r < 0)
        return r;
    r = em__baton_make(group->loop, next, group, &full);
    if (r < 0) /* a loop that is being freed cancels its groups */
        return r == -ESHUTDOWN ? -ECANCELED : r;
    find_limit(group, next->pool);
    if (group->cancelled)
        em__group_turn_away(group, full, -ECANCELED); /* the feeder did */
    else
        (void)em__group_submit(group, full);
    return 0;
}

/* What could not be started was given nevertheless: it goes. */
void em__group_feed(em_group *group)
{
    em_baton_options next = { .size = sizeof(next) };
    int r;

    em__loop_calling(group->loop, (void (*)(void))group->next);
    r = group->next(group, &next, group->data);
    if (r > 0) {
        r = start_next(group, &next);
        if (r == 0)
            return;
        if (next.free_data)
            next.free_data(next.data);
    }
    group->closed = true;
    em__group_note(group, r);
}
