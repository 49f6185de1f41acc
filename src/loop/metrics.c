/* SPDX-License-Identifier: MIT */
/* Metrics: what the loop did, and who held it too long.
 *
 * The clock costs as much as a short callback, so it is read once in sixteen of
 * them and between two turns; what is measured is then the sixteen together,
 * which for an outlier is as good as itself.  With a stall hook it is read
 * after each one, and the blame is exact. */

#include <config.h>

#include <errno.h>

#include "base/options.h"
#include "base/sys.h"
#include "loop/internal.h"

enum { CALLS_A_LOOK = 16 };

void em__loop_count_call(em_loop *loop)
{
    loop->counts.callbacks++;
}

void em__loop_count_post(em_loop *loop)
{
    loop->counts.posts++;
}

void em__loop_calling(em_loop *loop, void (*callback)(void))
{
    loop->counts.callbacks++;
    loop->callback = callback;
}

/* The time that the hook itself takes is nobody's. */
static void stalled(em_loop *loop, uint64_t held)
{
    loop->counts.callbacks++;
    loop->stall(loop, held, loop->callback, loop->stall_data);
    loop->looked = em__sys_now_us();
}

uint64_t em__loop_look(em_loop *loop)
{
    uint64_t now = em__sys_now_us();
    uint64_t held = now - loop->looked;
    bool unseen = loop->unseen > 0;

    if (unseen)
        loop->brisk = held <= loop->unseen;
    loop->looked = now;
    loop->unseen = 0;
    if (unseen && held > loop->counts.longest_us)
        loop->counts.longest_us = held;
    return held;
}

void em__loop_called(em_loop *loop)
{
    uint64_t held;

    if (++loop->unseen < CALLS_A_LOOK && !loop->stall)
        return;
    held = em__loop_look(loop);
    if (loop->stall && held > loop->stall_us)
        stalled(loop, held);
    loop->callback = NULL;
}

void em__loop_begin_looking(em_loop *loop)
{
    loop->looked = em__sys_now_us();
    loop->unseen = 0;
}

uint64_t em__loop_recent_us(em_loop *loop)
{
    return loop->brisk ? loop->looked : em__sys_now_us();
}

uint64_t em__loop_begin_group(em_loop *loop)
{
    if (loop->unseen > 0)
        (void)em__loop_look(loop);
    return loop->looked;
}

int em_loop_metrics(em_loop *loop, em_loop_counts *counts)
{
    if (!loop)
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    return em__options_write(counts, &loop->counts, sizeof(loop->counts));
}
