/* SPDX-License-Identifier: MIT */
/* Group: what group.c and its feeder share. */

#ifndef EM_BATON_GROUP_H
#define EM_BATON_GROUP_H

#include "baton/internal.h"

struct em_group {
    em__mail kick;
    em_loop *loop;
    em_next_fn *next;
    em_group_done_fn *done;
    void *data;
    void (*free_data)(void *data);
    em__list members; /* under way */
    em__list waiting; /* for the limit */
    em__list known;   /* in recall.c */
    em__guest guest;
    unsigned limit; /* 0: not known yet, with a feeder; else none */
    unsigned under_way;
    em_source *retry; /* set while a full queue is to be tried again */
    int status;
    bool stop_on_error, closed, cancelled;
    bool kicked;    /* the kick is on its way */
    bool advancing; /* advance is on the stack */
};

/* A result of a member, or of the feeder. */
void em__group_note(em_group *group, int status);

/* It never runs, but has its after. */
void em__group_turn_away(em_group *group, em__full *full, int status);

/* False if it has to wait once more. */
bool em__group_submit(em_group *group, em__full *full);

/* --- feeder.c --- */

/* Have the feeder give one baton, and start it. */
void em__group_feed(em_group *group);

#endif
