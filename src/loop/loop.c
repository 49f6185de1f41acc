/* SPDX-License-Identifier: MIT */
/* Loop: its turns, and what keeps it running.
 *
 * A turn waits, then calls what is due: timers, descriptors, mail (posts and
 * completions) within a budget, defers.  Between two calls it looks whether the
 * loop was stopped or freed; what was not called yet stays due.
 *
 * Inside a host the loop is asleep whenever it is not in a turn: senders wake
 * it, and whatever the owner does outside of a turn that makes something due
 * goes through em__loop_touch, so that the host's poll returns. */

#include <config.h>

#include <errno.h>
#include <limits.h>

#include "base/sys.h"
#include "loop/internal.h"

enum {
    READY_MAX = 256, /* descriptors a turn, */
    ALWAYS_MAX = 64, /* and those that need no polling */
    BUSY_TURNS = 8,  /* with something ready, in a row */
    BUSY_US = 2      /* a wait that did not sleep, which takes longer */
};

/* --- what others ask --- */

bool em__loop_is_owner(em_loop *loop)
{
    return atomic_load_explicit(&loop->owner, memory_order_relaxed) ==
           em__sys_thread();
}

bool em__loop_runs_here(const em_loop *loop)
{
    return atomic_load_explicit(&loop->runner, memory_order_relaxed) ==
           em__sys_thread();
}

bool em__loop_is_forked(const em_loop *loop)
{
    return loop->forks != em__sys_forks();
}

bool em__loop_owns_descriptors(const em_loop *loop)
{
    return em__sys_owns_descriptors(loop->forks);
}

/* So is one whose callback forked, in the child: what it found ready is its
 * parent's. */
bool em__loop_halted(const em_loop *loop)
{
    return loop->running &&
           (loop->closing ||
            atomic_load_explicit(&loop->stop, memory_order_relaxed) ||
            em__loop_is_forked(loop));
}

uint64_t em_loop_now(em_loop *loop)
{
    if (!loop)
        return 0;
    if (!loop->running && !loop->virtual_clock)
        loop->now = em__sys_now_us() / 1000;
    return loop->now;
}

static bool has_mail(em_loop *loop)
{
    return loop->taken || !em__mailbox_empty(&loop->mailbox);
}

static bool is_alive(em_loop *loop)
{
    return loop->active > 0 || loop->refs > 0 || loop->defers ||
           has_mail(loop) || em__loop_alive_holds(loop) > 0;
}

bool em_loop_alive(em_loop *loop)
{
    return loop && !em__loop_is_forked(loop) && is_alive(loop);
}

void em_loop_ref(em_loop *loop)
{
    if (!loop)
        return;
    loop->refs++;
    em__host_alive_changed(loop);
}

void em_loop_unref(em_loop *loop)
{
    if (!loop || loop->refs == 0)
        return;
    loop->refs--;
    em__host_alive_changed(loop);
}

/* --- mail --- */

/* One batch of the mailbox, as far as the budget goes; the rest stays for the
 * next turn, so that mail which begets mail cannot keep timers waiting. */
static void deliver_mail(em_loop *loop)
{
    unsigned left = loop->budget_count;
    em__mail *mail;
    uint64_t until = 0;

    if (!has_mail(loop))
        return;
    loop->counts.callbacks += em__mailbox_reap(&loop->mailbox);
    while (left > 0 && !em__loop_halted(loop)) {
        mail = em__mailbox_next(&loop->mailbox, &loop->taken,
                                left == loop->budget_count);
        if (!mail)
            return;
        if (left == loop->budget_count)
            until = em__loop_begin_group(loop) + loop->budget_us;
        mail->deliver(loop, mail, EM__RUNNING);
        em__loop_called(loop);
        if (loop->looked >= until)
            return;
        left--;
    }
}

/* --- turns --- */

/* Milliseconds until something is due without anybody's doing. */
static int time_left(em_loop *loop)
{
    uint64_t next = em__wheel_next(&loop->wheel);
    uint64_t now = loop->looked / 1000; /* a moment ago */

    if (next == UINT64_MAX)
        return -1;
    if (next <= now || loop->virtual_clock)
        return 0;
    return next - now < INT_MAX ? (int)(next - now) : INT_MAX;
}

/* Whether the owner has something to do at once. */
static bool has_due(const em_loop *loop)
{
    return loop->taken || loop->defers || loop->always_count > 0 ||
           !em__list_empty(&loop->wheel.due) || em__notify_is_due(loop) ||
           atomic_load_explicit(&loop->errand_waits, memory_order_relaxed);
}

static int time_to_wait(em_loop *loop)
{
    if (loop->lingers && !has_due(loop) && em__loop_holds(loop) > 0)
        em__mailbox_linger(&loop->mailbox, &loop->stop);
    if (!has_mail(loop))
        em__loop_empty_pocket(loop);
    if (has_due(loop) || !em__mailbox_sleep(&loop->mailbox))
        return 0;
    return time_left(loop);
}

/* Whether something was ready each time, lately. */
static bool is_busy(const em_loop *loop)
{
    return loop->busy >= BUSY_TURNS && !loop->pocket.first;
}

static void begin_turn(em_loop *loop)
{
    if (!loop->virtual_clock)
        loop->now = loop->looked / 1000;
}

/* A busy loop first looks what is ready without falling asleep.  It needs not
 * look at the clock before that, which would only tell how long it slept, nor
 * tell senders to wake it.  What this costs, when nothing is ready after all,
 * is a system call more before a sleep, which takes several times as long. */
static int glance(em_loop *loop, em__ready *ready)
{
    int count = em__poller_wait(&loop->poller, ready, READY_MAX, 0);

    if (count <= 0) {
        loop->busy = 0;
        return count;
    }
    (void)em__loop_look(loop);
    begin_turn(loop);
    return count;
}

/* A wait this short was none. */
static void note_wait(em_loop *loop, uint64_t took_us, int count)
{
    if (count <= 0 || took_us > BUSY_US)
        loop->busy = 0;
    else if (loop->busy < BUSY_TURNS)
        loop->busy++;
    loop->counts.idle_us += took_us;
    em__mailbox_was_woken(&loop->mailbox, took_us);
}

/* The clock was read a moment ago. */
static int wait(em_loop *loop, em__ready *ready, int timeout)
{
    uint64_t began = loop->looked;
    int count = em__poller_wait(&loop->poller, ready, READY_MAX, timeout);

    em__mailbox_wake_up(&loop->mailbox);
    em__loop_begin_looking(loop);
    begin_turn(loop);
    if (timeout != 0)
        note_wait(loop, loop->looked - began, count);
    return count;
}

/* Where a loop on the system's clock would have slept. */
static void jump(em_loop *loop)
{
    uint64_t next = em__wheel_next(&loop->wheel);

    if (next != UINT64_MAX && next > loop->now && !has_due(loop) &&
        em__mailbox_empty(&loop->mailbox))
        loop->now = next;
}

/* Look what is ready, or wait for it. */
static int await(em_loop *loop, em__ready *ready)
{
    int count = is_busy(loop) ? glance(loop, ready) : 0;

    if (count != 0)
        return count;
    (void)em__loop_look(loop);
    return wait(loop, ready, time_to_wait(loop));
}

/* What a turn is for is mostly a descriptor, so all else that has nothing to do
 * is not even called: the calls would take as long as looking at the clock. */
static int turn(em_loop *loop, em__ready *ready, bool may_wait)
{
    int count = may_wait ? await(loop, ready) : wait(loop, ready, 0);

    if (count < 0)
        return count;
    loop->counts.turns++;
    if (loop->virtual_clock && may_wait && count == 0)
        jump(loop);
    if (loop->always_count > 0)
        count += em__fd_harvest_always(loop, ready + count, ALWAYS_MAX);
    if (em__timer_may_be_due(loop))
        em__timer_dispatch(loop);
    if (em__notify_is_due(loop))
        em__notify_dispatch(loop);
    em__fd_dispatch(loop, ready, count);
    deliver_mail(loop);
    if (loop->virtual_clock)
        em__loop_run_errand(loop);
    if (loop->defers)
        em__task_run_defers(loop);
    return 0;
}

/* The turns are called from one place only, so that a compiler takes them in: a
 * system that empties the processor's stack of return addresses when it is
 * called makes each return after that a slow one. */
static int take_turns(em_loop *loop, em_run_mode mode)
{
    uint64_t calls = loop->counts.callbacks;
    bool may_wait = mode != EM_RUN_NOWAIT;
    em__ready ready[READY_MAX + ALWAYS_MAX];
    int r = 0;

    while (r == 0 && !em__loop_halted(loop) && (!may_wait || is_alive(loop))) {
        r = turn(loop, ready, may_wait);
        if (!may_wait ||
            (mode == EM_RUN_ONCE && loop->counts.callbacks != calls))
            break;
    }
    (void)em__loop_look(loop);
    return r;
}

/* For a host: be woken for what is due, now or later. */
static void settle(em_loop *loop)
{
    uint64_t next;

    if (has_due(loop) || !em__mailbox_sleep(&loop->mailbox))
        em__poller_wake(&loop->poller);
    next = em__wheel_next(&loop->wheel);
    if (next == loop->alarm)
        return;
    loop->alarm = next;
    em__poller_alarm(&loop->poller, next);
}

void em__loop_tell_host(em_loop *loop)
{
    if (!loop->running && !loop->closing)
        settle(loop);
}

static void end_run(em_loop *loop)
{
    loop->running = false;
    atomic_store_explicit(&loop->runner, NULL, memory_order_relaxed);
}

/* A child that was forked in a callback touches nothing on its way out: what it
 * would set is its parent's too. */
int em__loop_run(em_loop *loop, em_run_mode mode)
{
    int r;

    if (em__loop_is_forked(loop))
        return -ECHILD;
    if (em__loop_end_doomed(loop))
        return 0;
    if (loop->running || loop->closing)
        return -EBUSY;
    atomic_store_explicit(&loop->owner, em__sys_thread(), memory_order_relaxed);
    atomic_store_explicit(&loop->runner, em__sys_thread(),
                          memory_order_relaxed);
    loop->running = true;
    r = take_turns(loop, mode);
    if (em__loop_is_forked(loop)) {
        end_run(loop);
        return -ECHILD;
    }
    em__loop_empty_pocket(loop);
    end_run(loop);
    atomic_store(&loop->stop, false);
    if (loop->closing) {
        em__loop_destroy(loop);
        return 0;
    }
    em__loop_touch(loop);
    em__host_alive_changed(loop);
    if (em__loop_end_doomed(loop))
        return 0;
    return r < 0 ? r : is_alive(loop);
}

int em_loop_run(em_loop *loop, em_run_mode mode)
{
    if (!loop || (unsigned)mode > EM_RUN_NOWAIT)
        return -EINVAL;
    if (em__host_is_attached(loop) && !em__loop_is_forked(loop))
        return -EBUSY;
    return em__loop_run(loop, mode);
}

void em_loop_stop(em_loop *loop)
{
    if (!loop || em__loop_is_forked(loop))
        return;
    atomic_store(&loop->stop, true);
    em__poller_wake(&loop->poller);
}

int em_loop_fd(em_loop *loop)
{
    int r = em__loop_check(loop);

    if (r < 0)
        return r;
    if (loop->virtual_clock)
        return -ENOTSUP;
    r = em__poller_fd(&loop->poller);
    if (r < 0)
        return r;
    loop->hosted = true;
    em__loop_touch(loop);
    return r;
}
