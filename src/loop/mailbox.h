/* SPDX-License-Identifier: MIT */
/* Mailbox: how other threads reach a loop.
 *
 * A mail is a node inside what is sent, so sending cannot fail for memory.  Any
 * thread puts mail in, in any order of threads but each thread's own in its
 * order; the owner takes all of it at once and delivers it outside the lock.
 *
 * The loop sets `asleep` under the lock and only while the mailbox is empty; a
 * sender that finds it set clears it and wakes the loop.  Both happen under one
 * lock, so no wake-up is lost and a loop that is awake is never woken. */

#ifndef EM_LOOP_MAILBOX_H
#define EM_LOOP_MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <emitter/loop.h>

typedef struct em__mail em__mail;

/* Called on the owner's thread; the mail is the receiver's from then on.  With
 * `closing`, the loop is being freed. */
typedef void em__deliver_fn(em_loop *loop, em__mail *mail, bool closing);

struct em__mail {
    em__mail *next;
    em__deliver_fn *deliver;
};

/* What an object links itself by when its last reference went on a foreign
 * thread: one word, whose lowest bit is set for as long as it is linked. */
typedef uintptr_t em__orphan;
typedef void em__reap_fn(em__orphan *orphan);

typedef struct em__mailbox {
    pthread_mutex_t lock;
    em__mail *first, **last; /* locked; `first` may be read without to peek */
    em__orphan *orphans;     /* locked */
    em__reap_fn *reap;       /* locked */
    unsigned wakers;         /* locked: senders on their way to wake the loop */
    bool asleep;             /* locked */
    bool closed;             /* locked: no more mail but completions */
    em__mail *taken;         /* the owner's: not delivered yet */
} em__mailbox;

#endif
