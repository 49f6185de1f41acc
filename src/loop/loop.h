/* SPDX-License-Identifier: MIT */
/* Loop: what the layers above need of it beyond the public header. */

#ifndef EM_LOOP_LOOP_H
#define EM_LOOP_LOOP_H

#include <emitter/loop.h>

#include "base/list.h"
#include "loop/mailbox.h"

/* Keep the loop's memory (not the loop) past em_loop_free.  Any thread. */
em_loop *em__loop_retain(em_loop *loop); /* NULL is fine */
void em__loop_release(em_loop *loop);    /* NULL is fine */

/* Whether the calling thread owns the loop.  Any thread. */
bool em__loop_is_owner(em_loop *loop);

/* Whether the calling thread is in a run of the loop.  Any thread. */
bool em__loop_runs_here(const em_loop *loop);

/* Whether the loop was inherited over a fork.  Any thread. */
bool em__loop_is_forked(const em_loop *loop);

/* Whether nothing more is to be called in this run: it was stopped, or the loop
 * is to be freed.  The owner's. */
bool em__loop_halted(const em_loop *loop);

/* Whether descriptors that were opened for the loop are still there to be
 * closed; not so in a worker that was forked. */
bool em__loop_owns_descriptors(const em_loop *loop);

/* Deliver a mail on the owner's thread, in order.  It keeps the loop alive
 * until then.  Any thread.  Returns 0, or -ESHUTDOWN once the loop is being
 * freed; then the mail is still the sender's. */
int em__loop_send(em_loop *loop, em__mail *mail);

/* The same for what holds the loop, which is accepted until it lets go. */
void em__loop_complete(em_loop *loop, em__mail *mail);

/* Deliver a mail before the loop waits again: em_loop_defer without memory, and
 * without its checks. */
void em__loop_defer(em_loop *loop, em__mail *mail);

/* Count something that is under way elsewhere and will end with a call of
 * em__loop_unhold on the owner's thread.  em_loop_free calls recall, which may
 * hurry it up, and then waits.  Any thread.  `alive`: it also keeps the loop
 * running.  Returns 0, or -ESHUTDOWN once the loop is being freed. */
int em__loop_hold(em_loop *loop, void (*recall)(em_loop *loop), bool alive);
int em__loop_hold_here(em_loop *loop, void (*recall)(em_loop *loop),
                       bool alive); /* the same while em__loop_runs_here */
void em__loop_unhold(em_loop *loop, bool alive);

/* The same for what did not come about after all.  Any thread. */
void em__loop_unhold_early(em_loop *loop, bool alive);

/* Have reap called with the orphan on the owner's thread.  Any thread.  False
 * if the loop is gone already; then nothing was done. */
bool em__loop_abandon(em_loop *loop, em__orphan *orphan, em__reap_fn *reap);

/* Whether the loop has a virtual clock, and so does all its work itself.  Any
 * thread. */
bool em__loop_is_virtual(const em_loop *loop);

/* Have the errand of a virtual loop called on the owner's thread, in each turn
 * from now on, after the mail; true: it did something, and may have more to do.
 * There is one errand, and time does not pass before it was called.  Any
 * thread.
 */
typedef bool em__errand_fn(em_loop *loop);
void em__loop_send_on(em_loop *loop, em__errand_fn *errand);

/* The next number below `below`, which is not 0, from the loop's seed.  On the
 * owner's thread. */
uint64_t em__loop_draw(em_loop *loop, uint64_t below);

/* What the layer above keeps at hand on the thread of a run; the loop empties
 * it, if there is anything, before it sleeps and when the run ends. */
typedef struct em__pocket {
    void *first, *last; /* NULL: there is nothing */
    void *of;
    void (*empty)(struct em__pocket *pocket);
    unsigned count;
} em__pocket;

/* NULL: the calling thread is in no run of the loop.  Any thread. */
em__pocket *em__loop_pocket(em_loop *loop);

/* What a higher layer has on the loop and must take away before sources go: a
 * member of it.  em_loop_free calls leave on the owner's thread when all mail
 * is delivered, of the guest that came first at first, until none is left; in a
 * forked child too.  leave must make it part.  The owner's. */
typedef struct em__guest {
    em__list node; /* in the ring of its loop's */
    em_loop *loop; /* NULL: it has parted */
    void (*leave)(struct em__guest *guest);
} em__guest;

void em__loop_join(em_loop *loop, em__guest *guest);
void em__loop_part(em__guest *guest); /* twice does no harm */

/* Each call into user code on the owner's thread is counted once, before it, by
 * one of these; the first also tells whom a stall would be blamed on. */
void em__loop_calling(em_loop *loop, void (*callback)(void));
void em__loop_count_call(em_loop *loop);

/* The time in microseconds, while em__loop_runs_here: after calls that took
 * less than one each, as it was a few calls ago. */
uint64_t em__loop_recent_us(em_loop *loop);

/* A posted task or event was delivered, on the owner's thread. */
void em__loop_count_post(em_loop *loop);

#endif
