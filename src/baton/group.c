/* SPDX-License-Identifier: MIT */
/* Group: many batons with one end.
 *
 * All of it belongs to the loop's owner.  A member is under way (submitted, and
 * its after did not return) or waits for the limit.  advance() is what makes a
 * group go on: it is called when a member left and by the kick, a mail that the
 * group sends itself so that nothing of it is called inside the user's call.
 * It does nothing while it is on the stack already; it looks again before it
 * returns.  The group ends in advance() only, and not while a kick is under
 * way, which would find it gone. */

#include <config.h>

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/options.h"
#include "baton/group.h"

enum { RETRY_MS = 1 };

/* --- results --- */

static void cancel_members(em_group *group);

void em__group_note(em_group *group, int status)
{
    if (status >= 0)
        return;
    if (group->status == 0)
        group->status = status;
    if (group->stop_on_error)
        cancel_members(group);
}

static void join(em_group *group, em__full *full)
{
    em__list_append(&group->members, &full->member);
    group->under_way++;
}

void em__group_turn_away(em_group *group, em__full *full, int status)
{
    join(group, full);
    em__deliver_result(&full->baton, status);
}

static void cancel_members(em_group *group)
{
    em__list *node, *after;
    em__full *full;

    if (group->cancelled)
        return;
    group->closed = group->cancelled = true;
    em_source_remove(group->retry);
    group->retry = NULL;
    em__list_each_safe(&group->members, node, after)
        (void)em_baton_cancel(&em__container(node, em__full, member)->baton);
    while (!em__list_empty(&group->waiting)) {
        full = em__container(group->waiting.next, em__full, member);
        em__list_remove(&full->member);
        em__group_turn_away(group, full, -ECANCELED);
    }
}

/* --- going on --- */

static bool has_room(const em_group *group)
{
    if (group->limit == 0)
        return !group->next || group->under_way == 0;
    return group->under_way < group->limit;
}

static void advance(em_group *group);

static void try_again(em_source *timer, void *data)
{
    em_group *group = data;

    group->retry = NULL;
    em_source_remove(timer);
    advance(group);
}

/* Whether a member that the pool refused has another chance: when another one
 * left or, if others filled the queue, after a while, for nobody tells when it
 * has room again. */
static bool may_wait(em_group *group, int refused)
{
    if (refused != -EAGAIN && refused != -ENOBUFS)
        return false;
    return group->under_way > 1 || group->retry ||
           (refused == -ENOBUFS &&
            em_loop_add_timer(group->loop, RETRY_MS, 0, try_again, group,
                              &group->retry) == 0);
}

bool em__group_submit(em_group *group, em__full *full)
{
    int r;

    join(group, full);
    r = em__baton_submit(&full->baton);
    if (r < 0 && may_wait(group, r)) {
        em__list_remove(&full->member);
        group->under_way--;
        em__list_append(group->waiting.next, &full->member);
        return false;
    }
    if (r < 0)
        em__deliver_result(&full->baton, r == -ENOBUFS ? -EAGAIN : r);
    return true;
}

static bool submit_waiting(em_group *group)
{
    em__full *full;

    while (!em__list_empty(&group->waiting) && has_room(group)) {
        full = em__container(group->waiting.next, em__full, member);
        em__list_remove(&full->member);
        if (!em__group_submit(group, full))
            return false;
    }
    return em__list_empty(&group->waiting);
}

static void end(em_group *group)
{
    em_loop *loop = group->loop;

    group->closed = group->cancelled = group->kicked = true; /* for good */
    em__recall_forget(&group->known);
    em__loop_part(&group->guest);
    if (group->done) {
        em__loop_calling(loop, (void (*)(void))group->done);
        group->done(group, group->status, group->data);
    }
    if (group->free_data) {
        em__loop_calling(loop, (void (*)(void))group->free_data);
        group->free_data(group->data);
    }
    em__free(group);
    em__loop_unhold(loop, true);
}

/* Nothing waits for the limit when nothing is under way, but with a retry. */
static void advance(em_group *group)
{
    if (group->advancing)
        return;
    group->advancing = true;
    while (submit_waiting(group) && group->next && !group->closed &&
           has_room(group))
        em__group_feed(group);
    group->advancing = false;
    if (group->closed && group->under_way == 0 && !group->retry &&
        !group->kicked)
        end(group);
}

static void be_kicked(em_loop *loop, em__mail *mail, em__delivery how)
{
    em_group *group = em__container(mail, em_group, kick);

    (void)loop;
    group->kicked = false;
    if (how == EM__FORKED)
        em__free(group);
    else
        advance(group);
}

/* In a forked child, for a loop that is freed elsewhere has ended its groups by
 * now.  What was submitted goes with its pool, a kick with the mail. */
static void leave_loop(em__guest *guest)
{
    em_group *group = em__container(guest, em_group, guest);
    em__list *node, *after;

    em__loop_part(guest);
    em__list_each_safe(&group->waiting, node, after)
        em_baton_unref(&em__container(node, em__full, member)->baton);
    if (!group->kicked)
        em__free(group);
}

static void kick(em_group *group)
{
    if (group->kicked)
        return;
    group->kicked = true;
    em__loop_complete(group->loop, &group->kick);
}

void em__group_left(em_baton *baton, int status)
{
    em__full *full = em__baton_full(baton);
    em_group *group;

    assert(full); /* as every member is */
    group = full->group;
    em__list_remove(&full->member);
    group->under_way--;
    em__group_note(group, status);
    advance(group);
}

/* --- what users call --- */

static em_group *new_group(em_loop *loop, const em_group_options *options)
{
    em_group *group = em__calloc(1, sizeof(*group));

    if (!group)
        return NULL;
    group->kick.deliver = be_kicked;
    group->guest.leave = leave_loop;
    group->loop = loop;
    group->next = options->next;
    group->done = options->done;
    group->data = options->data;
    group->free_data = options->free_data;
    group->limit = options->limit;
    group->stop_on_error = options->stop_on_error;
    em__list_init(&group->members);
    em__list_init(&group->waiting);
    return group;
}

int em_group_new(em_loop *loop, const em_group_options *options, em_group **ret)
{
    em_group_options given;
    em_group *group;
    int r = em__options_read(options, &given, sizeof(given));

    if (r < 0)
        return r;
    if (!loop || !ret)
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    group = new_group(loop, &given);
    if (!group)
        return -ENOMEM;
    r = em__loop_hold(loop, em__recall, true);
    if (r < 0) {
        em__free(group);
        return r;
    }
    r = em__recall_watch_group(&group->known);
    if (r < 0) {
        em__loop_unhold_early(loop, true);
        em__free(group);
        return r;
    }
    em__loop_join(loop, &group->guest);
    if (group->next)
        kick(group);
    *ret = group;
    return 0;
}

static int check(const em_group *group)
{
    if (!group)
        return -EINVAL;
    return em__loop_is_forked(group->loop) ? -ECHILD : 0;
}

static int add(em_group *group, const em_baton_options *options)
{
    em__full *full;
    int r = em__baton_make(group->loop, options, group, &full);

    if (r < 0)
        return r;
    if (!em__list_empty(&group->waiting) || !has_room(group)) {
        em__list_append(&group->waiting, &full->member);
        return 0;
    }
    r = em__baton_submit(&full->baton);
    if (r < 0)
        em__baton_unmake(&full->baton);
    else
        join(group, full);
    return r == -ENOBUFS ? -EAGAIN : r;
}

int em_group_add(em_group *group, const em_baton_options *options)
{
    em_baton_options given;
    int r = check(group);

    if (r < 0)
        return r;
    r = em__options_read(options, &given, sizeof(given));
    if (r < 0)
        return r;
    if (group->closed)
        return -ESHUTDOWN;
    r = em__baton_check(group->loop, &given);
    return r < 0 ? r : add(group, &given);
}

int em_group_close(em_group *group)
{
    int r = check(group);

    if (r < 0)
        return r;
    group->closed = true;
    kick(group);
    return 0;
}

static void cancel(em_group *group)
{
    if (group->status == 0)
        group->status = -ECANCELED;
    cancel_members(group);
    kick(group);
}

int em_group_cancel(em_group *group)
{
    int r = check(group);

    if (r < 0)
        return r;
    cancel(group);
    return 0;
}

/* --- the loop is freed --- */

static bool is_open(em__list *known, const em_loop *loop)
{
    const em_group *group = em__container(known, const em_group, known);

    return group->loop == loop && !group->cancelled;
}

void em__group_recall(em_loop *loop)
{
    em__list *known;

    while ((known = em__recall_find_group(is_open, loop)))
        cancel(em__container(known, em_group, known));
}
