/* SPDX-License-Identifier: MIT */
/* Group: many batons with one end, and with a limit to how many are under way.
 *
 * A group belongs to its loop's owner, who alone may call these functions; it
 * keeps the loop alive until it has ended, and is gone then.  NULL or nonsense
 * is -EINVAL; in a forked child that inherited it, -ECHILD. */

#ifndef EMITTER_GROUP_H
#define EMITTER_GROUP_H

#include <stdbool.h>

#include <emitter/base.h>
#include <emitter/baton.h>
#include <emitter/loop.h>

typedef struct em_group em_group;

/* The feeder: fill in next, which is zeroed but for its size, and return 1 to
 * have it started, 0 if there is no more, which closes the group, or a negative
 * errno, which closes it too and counts as a result; so does an error of what
 * cannot be accepted, whose free_data is called. */
typedef int em_next_fn(em_group *group, em_baton_options *next, void *data);

/* Comes once, after all afters of a closed group, with the first negative
 * result, or 0; -ECANCELED if it was cancelled, or the loop freed, before there
 * was one.  The group frees itself when it returned. */
typedef void em_group_done_fn(em_group *group, int status, void *data);

typedef struct em_group_options {
    size_t size;      /* of this struct; EM_OPTIONS sets it */
    unsigned limit;   /* batons under way at a time; 0: four for each thread of
                         the pool with a feeder, else as many as are added */
    em_next_fn *next; /* asked whenever there is room; NULL: em_group_add */
    em_group_done_fn *done;
    void *data;                    /* given to both */
    void (*free_data)(void *data); /* after done */
    bool stop_on_error;            /* the first negative result cancels */
} em_group_options;

EM_BEGIN_DECLS

/* Make an open group; next is never called in here.  Returns 0, -EINVAL,
 * -E2BIG, -ENOMEM, -ECHILD, or -ESHUTDOWN while the loop is freed. */
int em_group_new(em_loop *loop, const em_group_options *options,
                 em_group **ret);

/* Start a baton of the group, at once or when the limit lets it, and then the
 * queue of its pool too.  Returns what em_baton_start would, or -ESHUTDOWN if
 * the group is closed.  What waited and could not be started has that error as
 * its status. */
int em_group_add(em_group *group, const em_baton_options *options);

/* No more is to come: done follows the last after, from the loop.  Returns 0,
 * also if it is closed. */
int em_group_close(em_group *group);

/* Close it, and cancel all that is under way or waits.  Returns 0. */
int em_group_cancel(em_group *group);

EM_END_DECLS

#endif
