/* SPDX-License-Identifier: MIT */
/* Hold: what the layers above have under way, as a loop sees it. */

#include <config.h>

#include <errno.h>

#include "base/sys.h"
#include "loop/internal.h"

/* --- holds --- */

static void set_recall(em_loop *loop, void (*recall)(em_loop *loop))
{
    atomic_store_explicit(&loop->recall, recall, memory_order_relaxed);
}

/* In a run nobody else asks what the owner counts. */
int em__loop_hold_here(em_loop *loop, void (*recall)(em_loop *loop), bool alive)
{
    if (loop->closing)
        return -ESHUTDOWN;
    loop->own_holds += EM__ONE_HOLD;
    loop->own_alive_holds += alive;
    set_recall(loop, recall);
    return 0;
}

/* A host that does not know yet that the loop is alive is told in the turn for
 * which it is woken: nothing else may happen before the host would end. */
static int hold(em_loop *loop, bool alive)
{
    if (atomic_fetch_add(&loop->holds, EM__ONE_HOLD) & EM__HOLDS_CLOSED) {
        atomic_fetch_sub(&loop->holds, EM__ONE_HOLD);
        return -ESHUTDOWN;
    }
    if (!alive)
        return 0;
    atomic_fetch_add(&loop->alive_holds, 1);
    if (em__loop_is_owner(loop))
        em__host_alive_changed(loop);
    else if (atomic_load(&loop->hosted))
        em__poller_wake(&loop->poller);
    return 0;
}

int em__loop_hold(em_loop *loop, void (*recall)(em_loop *loop), bool alive)
{
    int r;

    if (em__loop_runs_here(loop))
        return em__loop_hold_here(loop, recall, alive);
    r = hold(loop, alive);
    if (r == 0)
        set_recall(loop, recall);
    return r;
}

void em__loop_unhold(em_loop *loop, bool alive)
{
    loop->own_alive_holds -= alive;
    loop->own_holds -= EM__ONE_HOLD;
}

/* A loop that is being freed may wait for this one alone. */
static void unhold_elsewhere(em_loop *loop, bool alive)
{
    em__mailbox_waking(&loop->mailbox);
    if (alive)
        atomic_fetch_sub(&loop->alive_holds, 1);
    atomic_fetch_sub(&loop->holds, EM__ONE_HOLD);
    em__loop_wake(loop);
}

void em__loop_unhold_early(em_loop *loop, bool alive)
{
    if (em__loop_runs_here(loop))
        em__loop_unhold(loop, alive);
    else
        unhold_elsewhere(loop, alive);
}

/* --- pocket --- */

em__pocket *em__loop_pocket(em_loop *loop)
{
    return em__loop_runs_here(loop) ? &loop->pocket : NULL;
}

void em__loop_empty_pocket(em_loop *loop)
{
    if (loop->pocket.first)
        loop->pocket.empty(&loop->pocket);
}

/* --- errand --- */

bool em__loop_is_virtual(const em_loop *loop)
{
    return loop->virtual_clock;
}

void em__loop_send_on(em_loop *loop, em__errand_fn *errand)
{
    atomic_store(&loop->errand, errand);
    atomic_store(&loop->errand_waits, true);
    if (!em__loop_runs_here(loop))
        em__poller_wake(&loop->poller);
}

/* Splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014. */
uint64_t em__loop_draw(em_loop *loop, uint64_t below)
{
    uint64_t z = loop->seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

/* More than one in a turn now and then: so what an errand does may come before
 * or after the mail that an earlier one sent. */
void em__loop_run_errand(em_loop *loop)
{
    em__errand_fn *errand = atomic_load(&loop->errand);
    bool more = false;

    if (!errand)
        return;
    atomic_store(&loop->errand_waits, false);
    do {
        if (em__loop_halted(loop)) {
            more = true;
            break;
        }
        more = errand(loop);
        em__loop_called(loop);
    } while (more && em__loop_draw(loop, 2) == 0);
    if (more)
        atomic_store(&loop->errand_waits, true);
}
