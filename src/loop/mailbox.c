/* SPDX-License-Identifier: MIT */
/* Mailbox: how other threads reach a loop. */

#include <config.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/sys.h"
#include "loop/mailbox.h"

enum {
    LINGER_US = 50,    /* what it takes to wake a thread on another processor */
    LINGER_CLOCK = 16, /* looks between two at the clock */
    MOST_SKIPS = 64
};

/* In the head, besides a mail. */
enum { ASLEEP = 1, CLOSED = 2, FLAGS = ASLEEP | CLOSED };

/* Beside an orphan, in its own word: that it is linked.  In the mailbox's: that
 * the last was reaped. */
enum { LINKED = 1, GONE = 1 };

void em__mailbox_init(em__mailbox *box)
{
    memset(box, 0, sizeof(*box));
}

static em__mail *mail_in(uintptr_t head)
{
    return (em__mail *)(head & ~(uintptr_t)FLAGS);
}

static uintptr_t look(em__mailbox *box)
{
    return atomic_load_explicit(&box->head, memory_order_relaxed);
}

void em__mailbox_waking(em__mailbox *box)
{
    atomic_fetch_add_explicit(&box->wakers, 1, memory_order_relaxed);
}

void em__mailbox_woken(em__mailbox *box)
{
    atomic_fetch_sub_explicit(&box->wakers, 1, memory_order_release);
}

/* Replace what the head was seen to be; who replaces ASLEEP is to wake the loop
 * and is counted before it, for the loop may be gone afterwards. */
static bool swap(em__mailbox *box, uintptr_t *head, uintptr_t after)
{
    bool wakes = (*head & ASLEEP) != 0;

    if (wakes)
        em__mailbox_waking(box);
    if (atomic_compare_exchange_strong_explicit(&box->head, head, after,
                                                memory_order_release,
                                                memory_order_relaxed))
        return true;
    if (wakes)
        em__mailbox_woken(box);
    return false;
}

int em__mailbox_put(em__mailbox *box, em__mail *mail, bool even_so)
{
    uintptr_t head = look(box);
    uintptr_t before;

    do {
        before = head;
        if ((head & CLOSED) && !even_so)
            return -ESHUTDOWN;
        mail->next = mail_in(head);
    } while (!swap(box, &head, (uintptr_t)mail | (head & CLOSED)));
    return (before & ASLEEP) != 0;
}

static em__orphan *orphan_in(uintptr_t link)
{
    return (em__orphan *)(link & ~(uintptr_t)LINKED);
}

static void link_orphan(em__orphan *orphan, em__orphan *next)
{
    atomic_store_explicit(orphan, (uintptr_t)next | LINKED,
                          memory_order_relaxed);
}

static em__orphan *next_orphan(em__orphan *orphan)
{
    return orphan_in(atomic_load_explicit(orphan, memory_order_relaxed));
}

/* Whether the caller is to wake the loop, though there is no mail. */
static int rouse(em__mailbox *box)
{
    uintptr_t head = atomic_load(&box->head);

    do {
        if (!(head & ASLEEP))
            return 0;
    } while (!swap(box, &head, head & ~(uintptr_t)ASLEEP));
    return 1;
}

static bool stack_orphan(em__mailbox *box, em__orphan *orphan)
{
    uintptr_t first = atomic_load(&box->orphans);
    uintptr_t unlinked = atomic_load(orphan);

    do {
        if (first & GONE) {
            atomic_store(orphan, unlinked);
            return false;
        }
        link_orphan(orphan, orphan_in(first));
    } while (!atomic_compare_exchange_weak(&box->orphans, &first,
                                           (uintptr_t)orphan));
    return true;
}

/* Once it is stacked, the loop may reap it and go: what keeps it is that this
 * thread counts as a waker from before. */
int em__mailbox_put_orphan(em__mailbox *box, em__orphan *orphan,
                           em__reap_fn *reap)
{
    int r = -ESHUTDOWN;

    em__mailbox_waking(box);
    atomic_store_explicit(&box->reap, reap, memory_order_relaxed);
    if (stack_orphan(box, orphan))
        r = rouse(box);
    em__mailbox_woken(box);
    return r;
}

static bool has_orphans(em__mailbox *box)
{
    return orphan_in(atomic_load(&box->orphans)) != NULL;
}

bool em__mailbox_empty(em__mailbox *box)
{
    return !mail_in(look(box)) && !has_orphans(box);
}

bool em__mailbox_sleep(em__mailbox *box)
{
    uintptr_t head = look(box);

    do {
        if (mail_in(head))
            return false;
    } while (!atomic_compare_exchange_strong(&box->head, &head, head | ASLEEP));
    if (!has_orphans(box))
        return true;
    em__mailbox_wake_up(box);
    return false;
}

void em__mailbox_wake_up(em__mailbox *box)
{
    if (look(box) & ASLEEP)
        atomic_fetch_and_explicit(&box->head, ~(uintptr_t)ASLEEP,
                                  memory_order_relaxed);
}

/* Whether mail came. */
static bool look_for_a_moment(em__mailbox *box, const atomic_bool *stop)
{
    uint64_t until = em__sys_now_us() + LINGER_US;
    int looks = 0;

    while (em__mailbox_empty(box)) {
        em__sys_pause();
        if (++looks % LINGER_CLOCK)
            continue;
        (void)sched_yield();
        if (atomic_load_explicit(stop, memory_order_relaxed) ||
            em__sys_now_us() >= until)
            return false;
    }
    return true;
}

void em__mailbox_linger(em__mailbox *box, const atomic_bool *stop)
{
    if (box->skip_left > 0) {
        box->skip_left--;
        return;
    }
    if (look_for_a_moment(box, stop))
        box->skips = 0;
    else if (box->skips < MOST_SKIPS)
        box->skips = (uint16_t)(2 * box->skips + 1);
    box->skip_left = box->skips;
}

void em__mailbox_was_woken(em__mailbox *box, uint64_t after_us)
{
    if (after_us < 2 * LINGER_US && !em__mailbox_empty(box))
        box->skips = box->skip_left = 0;
}

/* Each was linked to the one before it; what came first goes first. */
static em__mail *in_order(em__mail *mail)
{
    em__mail *before = NULL;
    em__mail *next;

    for (; mail; mail = next) {
        next = mail->next;
        mail->next = before;
        before = mail;
    }
    return before;
}

em__mail *em__mailbox_take(em__mailbox *box)
{
    uintptr_t head = look(box);

    if (!mail_in(head))
        return NULL;
    head = atomic_exchange_explicit(&box->head, head & CLOSED,
                                    memory_order_acquire);
    return in_order(mail_in(head));
}

/* They were stacked; those that came first go first. */
static em__orphan *reversed(em__orphan *orphan)
{
    em__orphan *before = NULL;
    em__orphan *next;

    while (orphan) {
        next = next_orphan(orphan);
        link_orphan(orphan, before);
        before = orphan;
        orphan = next;
    }
    return before;
}

unsigned em__mailbox_reap(em__mailbox *box)
{
    em__orphan *orphan, *next;
    em__reap_fn *reap;
    unsigned count = 0;

    if (!has_orphans(box))
        return 0;
    orphan = orphan_in(atomic_fetch_and(&box->orphans, GONE));
    reap = atomic_load_explicit(&box->reap, memory_order_relaxed);
    for (orphan = reversed(orphan); orphan; orphan = next) {
        next = next_orphan(orphan);
        reap(orphan);
        count++;
    }
    return count;
}

void em__mailbox_close(em__mailbox *box)
{
    atomic_fetch_or_explicit(&box->head, CLOSED, memory_order_relaxed);
}

/* A sender that counted itself is between two steps of its own, so this waits
 * for no more than a system call. */
void em__mailbox_leave(em__mailbox *box)
{
    atomic_fetch_or(&box->orphans, GONE);
    while (atomic_load_explicit(&box->wakers, memory_order_acquire) > 0)
        (void)sched_yield();
}

void em__mailbox_forget(em__mailbox *box, em__mail **taken)
{
    em__mail **end = taken;

    while (*end)
        end = &(*end)->next;
    *end = in_order(mail_in(look(box)));
    atomic_store(&box->head, 0);
}
