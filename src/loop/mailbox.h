/* SPDX-License-Identifier: MIT */
/* Mailbox: how other threads reach a loop.
 *
 * A mail is a node inside what is sent, so sending cannot fail for memory.  Any
 * thread puts mail in; each thread's own arrives in its order.  The owner takes
 * all there is at once and delivers it.
 *
 * One word, `head`, is the whole protocol: the last mail put in, each linked to
 * the one before it, and two flags.  A sender swaps its mail in, the owner
 * swaps all mail out; since it never takes part of it, no head can be mistaken
 * for an earlier one.  The owner sets ASLEEP only while there is no mail, and
 * the sender whose mail replaces that flag wakes it: mail and flag cannot miss
 * each other, being one word, and a loop that is awake is not woken.  CLOSED,
 * the owner's too, refuses mail that nobody would deliver.
 *
 * The waking itself, a system call, comes after the swap, and then the loop may
 * be on its way out already: a sender counts itself in `wakers` before, and the
 * loop does not go while there are any.
 *
 * Orphans are stacked the same way in a word of their own, whose flag says that
 * nobody is there any more to reap them.  Here a sender puts its orphan in and
 * then looks whether the owner sleeps, and the owner falls asleep and then
 * looks for orphans, in one order for all threads, so one of the two sees the
 * other.
 *
 * Otherwise the order of memory is release for who puts, acquire for who takes.
 */

#ifndef EM_LOOP_MAILBOX_H
#define EM_LOOP_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <emitter/loop.h>

#include "base/sys.h"

typedef struct em__mail em__mail;

/* What the loop is at when it delivers. */
typedef enum em__delivery {
    EM__RUNNING,
    EM__CLOSING, /* it is being freed */
    EM__FORKED   /* it was inherited over a fork: release, call nothing */
} em__delivery;

/* Called on the owner's thread; the mail is the receiver's from then on. */
typedef void em__deliver_fn(em_loop *loop, em__mail *mail, em__delivery how);

struct em__mail {
    em__mail *next;
    em__deliver_fn *deliver;
};

/* What an object links itself by when its last reference went on a foreign
 * thread: one word, whose lowest bit is set for as long as it is linked. */
typedef atomic_uintptr_t em__orphan;
typedef void em__reap_fn(em__orphan *orphan);

/* What senders write at any moment.  What the owner took and did not deliver
 * yet, which it looks at for each mail, is elsewhere in the loop, and a line of
 * the processor's cache away: `taken` below. */
typedef struct em__mailbox {
    uint16_t skips, skip_left; /* the owner's: of em__mailbox_linger */
    atomic_uint wakers;        /* senders on their way to wake the loop */
    atomic_uintptr_t head;     /* see above */
    atomic_uintptr_t orphans;  /* likewise */
    em__reap_fn *_Atomic reap; /* theirs */
} em__mailbox;

void em__mailbox_init(em__mailbox *box);

/* Put a mail in.  Any thread.  Returns 1 if the caller must now wake the loop
 * and call em__mailbox_woken, 0, or -ESHUTDOWN if it is closed and not
 * `even_so`. */
int em__mailbox_put(em__mailbox *box, em__mail *mail, bool even_so);
void em__mailbox_woken(em__mailbox *box);

/* Begin to wake the loop in any case, while it cannot go.  Any thread. */
void em__mailbox_waking(em__mailbox *box);

/* The same for an orphan; 1, 0, or -ESHUTDOWN if the mailbox is gone. */
int em__mailbox_put_orphan(em__mailbox *box, em__orphan *orphan,
                           em__reap_fn *reap);

/* The rest is the owner's. */

/* Go to sleep: true if there is nothing to take. */
bool em__mailbox_sleep(em__mailbox *box);
void em__mailbox_wake_up(em__mailbox *box);

/* Look for mail for a moment, about as long as being woken takes, without
 * sleeping: it pays while completions come fast and another processor sends
 * them.  Where it found nothing it is left out the next times, more and more of
 * them, so that it costs a loop with other things to do nothing. */
void em__mailbox_linger(em__mailbox *box, const atomic_bool *stop);

/* The owner slept for so long: if mail came almost at once, it does linger the
 * next time. */
void em__mailbox_was_woken(em__mailbox *box, uint64_t after_us);

/* Whether there is neither mail to take nor orphan. */
bool em__mailbox_empty(em__mailbox *box);

/* All that the senders put in, in order, or NULL. */
em__mail *em__mailbox_take(em__mailbox *box);

/* The next mail in order, inlined since it is one of a few steps that each job
 * takes on its loop's thread; NULL if there is none; a new batch is taken from
 * the senders only with `refill`. */
static inline em__mail *em__mailbox_next(em__mailbox *box, em__mail **taken,
                                         bool refill)
{
    em__mail *mail;

    if (!*taken && refill)
        *taken = em__mailbox_take(box);
    mail = *taken;
    if (mail)
        *taken = mail->next;
    return mail;
}

/* Reap what was abandoned; how many. */
unsigned em__mailbox_reap(em__mailbox *box);

/* Refuse further mail; then, when no more is expected, orphans, and wait until
 * every sender has left. */
void em__mailbox_close(em__mailbox *box);
void em__mailbox_leave(em__mailbox *box);

/* In a forked child, where no sender exists: make all mail ready for
 * em__mailbox_next without refilling. */
void em__mailbox_forget(em__mailbox *box, em__mail **taken);

#endif
