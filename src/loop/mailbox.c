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

/* The bit of an orphan that says that it is linked. */
enum { LINKED = 1 };

int em__mailbox_init(em__mailbox *box)
{
    memset(box, 0, sizeof(*box));
    return -pthread_mutex_init(&box->lock, NULL);
}

void em__mailbox_destroy(em__mailbox *box)
{
    (void)pthread_mutex_destroy(&box->lock);
}

/* Under the lock: whether the caller is the one to wake the loop. */
static int claim_waking(em__mailbox *box)
{
    if (!box->asleep)
        return 0;
    box->asleep = false;
    box->wakers++;
    return 1;
}

static void append(em__mailbox *box, em__mail *mail)
{
    mail->next = NULL;
    if (atomic_load_explicit(&box->first, memory_order_relaxed))
        box->last->next = mail;
    else
        atomic_store_explicit(&box->first, mail, memory_order_relaxed);
    box->last = mail;
}

int em__mailbox_put(em__mailbox *box, em__mail *mail, bool even_so)
{
    int r = -ESHUTDOWN;

    em__sys_lock(&box->lock);
    if (!box->closed || even_so) {
        append(box, mail);
        r = claim_waking(box);
    }
    (void)pthread_mutex_unlock(&box->lock);
    return r;
}

void em__mailbox_woken(em__mailbox *box)
{
    em__sys_lock(&box->lock);
    box->wakers--;
    (void)pthread_mutex_unlock(&box->lock);
}

static void link_orphan(em__orphan *orphan, em__orphan *next)
{
    atomic_store_explicit(orphan, (uintptr_t)next | LINKED,
                          memory_order_relaxed);
}

static em__orphan *next_orphan(em__orphan *orphan)
{
    uintptr_t link = atomic_load_explicit(orphan, memory_order_relaxed);

    return (em__orphan *)(link & ~(uintptr_t)LINKED);
}

int em__mailbox_put_orphan(em__mailbox *box, em__orphan *orphan,
                           em__reap_fn *reap)
{
    int r = -ESHUTDOWN;

    em__sys_lock(&box->lock);
    if (!box->gone) {
        link_orphan(orphan,
                    atomic_load_explicit(&box->orphans, memory_order_relaxed));
        atomic_store_explicit(&box->orphans, orphan, memory_order_relaxed);
        box->reap = reap;
        r = claim_waking(box);
    }
    (void)pthread_mutex_unlock(&box->lock);
    return r;
}

bool em__mailbox_empty(em__mailbox *box)
{
    return !box->taken &&
           !atomic_load_explicit(&box->first, memory_order_relaxed) &&
           !atomic_load_explicit(&box->orphans, memory_order_relaxed);
}

bool em__mailbox_sleep(em__mailbox *box)
{
    bool empty;

    em__sys_lock(&box->lock);
    empty = em__mailbox_empty(box);
    box->asleep = empty;
    (void)pthread_mutex_unlock(&box->lock);
    return empty;
}

void em__mailbox_wake_up(em__mailbox *box)
{
    em__sys_lock(&box->lock);
    box->asleep = false;
    (void)pthread_mutex_unlock(&box->lock);
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
        box->skips = 2 * box->skips + 1;
    box->skip_left = box->skips;
}

void em__mailbox_was_woken(em__mailbox *box, uint64_t after_us)
{
    if (after_us < 2 * LINGER_US && !em__mailbox_empty(box))
        box->skips = box->skip_left = 0;
}

static em__mail *take_all(em__mailbox *box)
{
    em__mail *all;

    if (!atomic_load_explicit(&box->first, memory_order_relaxed))
        return NULL;
    em__sys_lock(&box->lock);
    all = atomic_load_explicit(&box->first, memory_order_relaxed);
    atomic_store_explicit(&box->first, NULL, memory_order_relaxed);
    (void)pthread_mutex_unlock(&box->lock);
    return all;
}

em__mail *em__mailbox_next(em__mailbox *box, bool refill)
{
    em__mail *mail;

    if (!box->taken && refill)
        box->taken = take_all(box);
    mail = box->taken;
    if (mail)
        box->taken = mail->next;
    return mail;
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

    if (!atomic_load_explicit(&box->orphans, memory_order_relaxed))
        return 0;
    em__sys_lock(&box->lock);
    orphan = atomic_load_explicit(&box->orphans, memory_order_relaxed);
    atomic_store_explicit(&box->orphans, NULL, memory_order_relaxed);
    reap = box->reap;
    (void)pthread_mutex_unlock(&box->lock);
    for (orphan = reversed(orphan); orphan; orphan = next) {
        next = next_orphan(orphan);
        reap(orphan);
        count++;
    }
    return count;
}

void em__mailbox_close(em__mailbox *box)
{
    em__sys_lock(&box->lock);
    box->closed = true;
    (void)pthread_mutex_unlock(&box->lock);
}

/* A sender that claimed the waking is between two steps of its own, so this
 * waits for no more than a system call. */
void em__mailbox_leave(em__mailbox *box)
{
    em__sys_lock(&box->lock);
    box->gone = true;
    while (box->wakers > 0) {
        (void)pthread_mutex_unlock(&box->lock);
        (void)sched_yield();
        em__sys_lock(&box->lock);
    }
    (void)pthread_mutex_unlock(&box->lock);
}

void em__mailbox_forget(em__mailbox *box)
{
    em__mail *first = atomic_load(&box->first);
    em__mail **end = &box->taken;

    while (*end)
        end = &(*end)->next;
    *end = first;
    (void)pthread_mutex_init(&box->lock, NULL);
}
