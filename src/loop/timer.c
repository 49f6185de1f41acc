/* SPDX-License-Identifier: MIT */
/* Timer sources: deadlines in milliseconds on the loop's wheel.
 *
 * A deadline is rounded up and the loop's time down, so none is early; what the
 * clock said is rounded down too, so one more microsecond has begun. */

#include <config.h>

#include <errno.h>

#include "base/alloc.h"
#include "loop/internal.h"

/* One that is due at once joins those already due, for the next turn; so all
 * that came due before it, since the last one, must be there first.  A virtual
 * clock stands still meanwhile. */
static inline uint64_t deadline(em_loop *loop, uint64_t after_ms)
{
    bool still = loop->virtual_clock;
    uint64_t due;

    if (after_ms == 0) {
        em__wheel_advance(&loop->wheel,
                          still ? loop->now : em__sys_now_us() / 1000);
        return loop->wheel.now;
    }
    due = still ? loop->now : em__clock_ahead_ms(&loop->timing->clock);
    return after_ms < UINT64_MAX - 1 - due ? due + after_ms : UINT64_MAX - 1;
}

/* Whether it is active is set once in all, or a host would be told of a change
 * that is none. */
static void take_off(em__timer_source *mine)
{
    em_source *source = &mine->source;

    if (source->active)
        em__wheel_remove(&source->loop->wheel, &mine->timer);
    else
        em__list_remove(&source->node);
}

/* A host is not to be woken for it any more. */
static void rest(em__timer_source *mine)
{
    em_source *source = &mine->source;

    take_off(mine);
    em__list_append(&source->loop->sources, &source->node);
    em__source_set_active(source, false);
    em__loop_touch(source->loop);
}

static inline void arm(em__timer_source *mine, uint64_t due)
{
    em_source *source = &mine->source;
    em_loop *loop = source->loop;

    if (source->active) {
        em__wheel_change(&loop->wheel, &mine->timer, due);
    } else {
        em__list_remove(&source->node);
        mine->timer.due = due;
        em__wheel_add(&loop->wheel, &mine->timer);
        em__source_set_active(source, true);
    }
    em__loop_touch(loop);
}

static inline void set(em__timer_source *mine, uint64_t after_ms,
                       uint64_t every_ms)
{
    mine->every = every_ms == UINT64_MAX ? 0 : every_ms;
    mine->source.at_once = after_ms == 0;
    if (after_ms != UINT64_MAX)
        arm(mine, deadline(mine->source.loop, after_ms));
    else
        rest(mine);
}

void em__timer_stop(em_source *source)
{
    rest(em__container(source, em__timer_source, source));
}

static int begin_timing(em_loop *loop)
{
    if (loop->timing)
        return 0;
    loop->timing = em__malloc(sizeof(*loop->timing));
    if (!loop->timing)
        return -ENOMEM;
    em__slabs_init(&loop->timing->slabs, sizeof(em__timer_source));
    em__clock_init(&loop->timing->clock);
    return 0;
}

int em_loop_add_timer(em_loop *loop, uint64_t after_ms, uint64_t every_ms,
                      em_timer_fn *fn, void *data, em_source **ret)
{
    em_source *source;
    int r = em__loop_check(loop);

    if (r < 0)
        return r;
    if (!fn)
        return -EINVAL;
    r = begin_timing(loop);
    if (r < 0)
        return r;
    source = em__source_new(loop, EM__SOURCE_TIMER, (void (*)(void))fn, data);
    if (!source)
        return -ENOMEM;
    set(em__container(source, em__timer_source, source), after_ms, every_ms);
    em__source_hand_out(source, ret);
    return 0;
}

int em_source_set_timer(em_source *source, uint64_t after_ms, uint64_t every_ms)
{
    int r;

    if (!source || source->kind != EM__SOURCE_TIMER || source->removed)
        return -EINVAL;
    r = em__loop_check(source->loop);
    if (r < 0)
        return r;
    set(em__container(source, em__timer_source, source), after_ms, every_ms);
    return 0;
}

/* Where its grid begins: what is due at once was armed a moment after that. */
static uint64_t first_beat(const em__timer_source *mine)
{
    const em_source *source = &mine->source;
    bool rounded = source->at_once && !source->loop->virtual_clock;

    return mine->timer.due + (rounded ? 1 : 0);
}

/* On the grid of its period, past every beat that was missed. */
static uint64_t next_beat(const em__timer_source *mine, uint64_t now)
{
    uint64_t due = first_beat(mine);
    uint64_t missed = now > due ? (now - due) / mine->every : 0;

    if (mine->every >= UINT64_MAX - 1 - now)
        return UINT64_MAX - 1;
    return due + (missed + 1) * mine->every;
}

/* Armed again before the call, which may then change or remove it. */
static void fire(em__timer_source *mine)
{
    em_source *source = &mine->source;
    em_timer_fn *fn = (em_timer_fn *)source->callback;

    if (mine->every)
        arm(mine, next_beat(mine, source->loop->now));
    else
        rest(mine);
    source->at_once = false;
    em__source_enter(source);
    fn(source, source->data);
    em__source_leave(source);
}

/* The first of the loop's sources, if it is a timer to be fired; NULL: none. */
static em__timer_source *first_due(em_loop *loop)
{
    em_source *source = em__container(loop->sources.next, em_source, node);

    if (em__list_empty(&loop->sources) || source->kind != EM__SOURCE_TIMER ||
        !source->active)
        return NULL;
    return em__container(source, em__timer_source, source);
}

/* What is due goes in front of what waits for nothing. */
static void take_due(em_loop *loop)
{
    em__list_splice(&loop->wheel.due, &loop->sources);
    em__list_splice(&loop->sources, &loop->wheel.due);
}

/* The run ended: before those that became due meanwhile. */
static void give_back(em_loop *loop)
{
    em__timer_source *mine;
    em__list later;

    em__list_init(&later);
    em__list_splice(&later, &loop->wheel.due);
    while ((mine = first_due(loop))) {
        em__list_remove(&mine->source.node);
        em__list_append(&loop->wheel.due, &mine->source.node);
    }
    em__list_splice(&loop->wheel.due, &later);
}

/* Only those due now: what their callbacks arm for at once waits a turn.  They
 * are kept among the sources meanwhile, where a loop that ends finds them. */
void em__timer_dispatch(em_loop *loop)
{
    em__timer_source *mine;

    em__wheel_advance(&loop->wheel, loop->now);
    if (em__list_empty(&loop->wheel.due))
        return;
    take_due(loop);
    while ((mine = first_due(loop)) && !em__loop_halted(loop))
        fire(mine);
    give_back(loop);
}

void em__timer_release(em_loop *loop)
{
    em__wheel_end(&loop->wheel);
    em__list_splice(&loop->sources, &loop->wheel.due);
}

void em__timer_end(em_loop *loop)
{
    if (!loop->timing)
        return;
    em__slabs_free(&loop->timing->slabs);
    em__free(loop->timing);
}
