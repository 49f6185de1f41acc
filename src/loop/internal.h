/* SPDX-License-Identifier: MIT */
/* Internal: the loop and its sources, for the files of this layer. */

#ifndef EM_LOOP_INTERNAL_H
#define EM_LOOP_INTERNAL_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/slab.h"
#include "base/sys.h"
#include "base/wheel.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "loop/poller.h"

typedef enum em__source_kind {
    EM__SOURCE_CHILD,
    EM__SOURCE_FD,
    EM__SOURCE_NOTIFY,
    EM__SOURCE_SIGNAL,
    EM__SOURCE_TIMER
} em__source_kind;

/* What all kinds of sources begin with.  The callback is cast back to its own
 * type by the file of its kind, which alone calls it.
 *
 * A source is linked once: an armed timer in the wheel, all else among the
 * loop's sources.  A second pair of links would make a million timers a fifth
 * larger, and what they cost is the memory that they touch.  The links come
 * last, where a timer goes on with what the wheel needs. */
struct em_source {
    em_loop *loop;
    uint8_t kind;
    bool active : 1;     /* it may still call */
    bool referenced : 1; /* and keeps the loop alive while it is active */
    bool own : 1;        /* nobody holds it: it goes after its last call */
    bool running : 1;    /* its callback is on the stack, */
    bool removed : 1;    /* and then frees it */
    bool fresh : 1;      /* added while its descriptor's are called */
    bool at_once : 1;    /* a timer's first call was to wait for nothing */
    uint8_t events;      /* of a descriptor: what it waits for */
    atomic_bool pending; /* any thread's: notified, not called yet */
    union {
        int fd;          /* what it watches, or -1 */
        uint32_t number; /* of a timer: in its slab */
    };
    void (*callback)(void);
    void *data;
    void (*free_data)(void *data);
    em__list node;
};

typedef struct em__fd_source {
    em_source source;
    struct em__fd_source *next; /* on the same descriptor */
} em__fd_source;

typedef struct em__child_source {
    em__fd_source watch; /* of its pidfd; without one the descriptor is -1, */
    struct em__child_source *next; /* and it is in the loop's list */
    pid_t pid;
} em__child_source;

typedef struct em__notify_source {
    em_source source;
    struct em__notify_source *next; /* among those notified */
} em__notify_source;

typedef struct em__signal_source {
    em__notify_source notify;
    struct em__signal_source *_Atomic next; /* of the same signal */
    int signo;
} em__signal_source;

typedef union em__timer_source {
    em_source source;
    struct {
        unsigned char common[offsetof(em_source, node)];
        em__timer timer; /* whose node is the source's */
        uint64_t every;  /* 0: once */
    };
} em__timer_source;

/* What only a loop with timers has. */
typedef struct em__timing {
    em__slabs slabs; /* of em__timer_source */
    em__clock clock;
} em__timing;

/* What is watched on one descriptor number.  The generation counts how often
 * the number was taken into use, so that an event harvested for a descriptor
 * that was closed since is told from one for its successor. */
typedef struct em__watch {
    em__fd_source *first;
    uint32_t generation;
    uint8_t events; /* those of all its sources */
    bool always;    /* cannot be polled, because it is always ready */
} em__watch;

/* Who runs the loop, and who wants to know whether it is alive. */
typedef struct em__host {
    em_alive_fn *alive, *hook;
    void (*detach)(em_loop *loop, void *data); /* NULL: no host has the loop */
    void *data, *hook_data;
    unsigned telling; /* depth of calls into either */
    bool told;        /* what both know */
} em__host;

struct em_loop {
    /* The owner's. */
    em__wheel wheel;
    em__timing *timing; /* NULL: there was no timer yet */
    em__list sources;   /* but for the timers in the wheel */
    em__guest *guests;  /* the one that came first, of a ring; or NULL */
    em__mail *taken;    /* from the mailbox, and not delivered yet */
    em__mail *defers, *last_defer;
    em__poller poller;
    em__watch *watches; /* by descriptor number */
    unsigned watch_count, always_count, always_room, always_next;
    em__notify_source *notices; /* the pending ones, to be called */
    em__fd_source *walk; /* the next one to call on the current descriptor */
    unsigned active;     /* sources that keep the loop alive */
    unsigned refs;       /* em_loop_ref */
    uint64_t now;        /* milliseconds */
    em_loop_counts counts;
    uint64_t looked;        /* microseconds: the last look at the clock */
    void (*callback)(void); /* the last one called, if it is known */
    uint64_t stall_us;
    uint64_t alarm;                      /* what the poller's alarm is set to */
    unsigned own_holds, own_alive_holds; /* see below */
    em__pocket pocket;
    uint64_t budget_us;
    unsigned budget_count;
    unsigned forks; /* em__sys_forks when it was made */
    em__host *host; /* who wants to know whether we are alive; or NULL */
    uint8_t unseen; /* calls since the last look */
    uint8_t busy;   /* waits in a row that found something ready */
    bool running, closing;
    bool doomed; /* freed by whom it told of its life: it ends with a turn */
    bool virtual_clock;
    bool brisk;   /* its calls took less than a microsecond each, lately */
    bool lingers; /* it has several processors to itself and those it awaits */
    /* Any thread's. */
    const void *_Atomic owner;
    atomic_bool stop;
    atomic_bool hosted;       /* somebody has our descriptor */
    atomic_bool errand_waits; /* it has something to do */
    atomic_uint memory_refs;
    const void *_Atomic runner; /* the owner while it is in a run, or NULL */
    atomic_uint holds;          /* EM__ONE_HOLD each; see there */
    atomic_uint alive_holds;
    em__notify_source *_Atomic notified; /* the pending ones, stacked */
    atomic_uint notifiers;         /* on their way through the loop's memory */
    em__errand_fn *_Atomic errand; /* with a virtual clock, or NULL */
    void (*_Atomic recall)(em_loop *loop); /* set with each hold, mostly here */
    /* The owner's again, seldom of use: a line's worth of them keeps what is
     * above away from what senders write. */
    int *always;                  /* the descriptors that are always ready */
    em__child_source *children;   /* those without a pidfd */
    em__child_source *child_walk; /* the next one to ask after */
    em_source *sigchld;           /* while there are any */
    em_stall_fn *stall;
    void *stall_data;
    uint64_t seed;
    em__mailbox mailbox;
};

/* What loop->holds counts by, and the bit in it that refuses more of them.
 *
 * What takes a hold and lets it go inside a run, on its thread, counts in
 * own_holds instead, at no cost.  A hold may come in one and go in the other,
 * so that either may pass below 0 and only their sum, modulo the word, means
 * anything. */
enum { EM__HOLDS_CLOSED = 1, EM__ONE_HOLD = 2 };

/* The owner's view of that sum. */
static inline unsigned em__loop_holds(em_loop *loop)
{
    return atomic_load(&loop->holds) + loop->own_holds;
}

static inline unsigned em__loop_alive_holds(em_loop *loop)
{
    return atomic_load(&loop->alive_holds) + loop->own_alive_holds;
}

/* life.c */
void em__loop_destroy(em_loop *loop);
bool em__loop_end_doomed(em_loop *loop); /* whether it did */

/* loop.c */
int em__loop_run(em_loop *loop, em_run_mode mode); /* attached or not */

/* What is due, or when, changed outside of a turn: let a host know. */
void em__loop_tell_host(em_loop *loop);
static inline void em__loop_touch(em_loop *loop)
{
    if (loop->hosted)
        em__loop_tell_host(loop);
}

/* 0, -EINVAL, -ECHILD or -ESHUTDOWN: may the owner add to the loop? */
static inline int em__loop_check(const em_loop *loop)
{
    if (!loop)
        return -EINVAL;
    if (loop->forks != em__sys_forks())
        return -ECHILD;
    return loop->closing ? -ESHUTDOWN : 0;
}

/* Wake it, of whom em__mailbox_put said so. */
void em__loop_wake(em_loop *loop);

/* hold.c */
void em__loop_empty_pocket(em_loop *loop);
void em__loop_run_errand(em_loop *loop);

/* metrics.c.  After each call into user code that is timed; looking at the
 * clock ends what was measured so far, and tells how long it was. */
void em__loop_called(em_loop *loop);
uint64_t em__loop_look(em_loop *loop);
uint64_t em__loop_begin_group(em_loop *loop); /* when: microseconds */
void em__loop_begin_looking(em_loop *loop);   /* without looking back */

/* host.c: tell who wants to know, if the loop came alive or stopped being so.
 */
void em__host_alive_changed(em_loop *loop);
bool em__host_is_attached(const em_loop *loop);
bool em__host_is_told(const em_loop *loop); /* is in a call of ours */
void em__host_call_back(em_loop *loop);     /* for one more turn */
void em__host_end(em_loop *loop);           /* the loop is about to go */

/* source.c.  A new source is inactive and on its loop's list; its callback and
 * data are set, and so is *ret unless ret is NULL. */
em_source *em__source_new(em_loop *loop, em__source_kind kind,
                          void (*callback)(void), void *data);
void em__source_free(em_source *source); /* without free_data */
void em__source_hand_out(em_source *source, em_source **ret);
void em__source_set_active(em_source *source, bool active);
void em__source_enter(em_source *source); /* around each call */
void em__source_leave(em_source *source);

/* child.c */
void em__child_stop(em_source *source);
void em__child_close(em_source *source);
void em__child_check(em_source *source); /* call it if the child has ended */
void em__child_check_all(em_loop *loop);

/* fd.c.  A source of either kind begins to watch and is active. */
int em__fd_watch(em__fd_source *source, int fd, unsigned events);
void em__fd_stop(em_source *source);
void em__fd_dispatch(em_loop *loop, const em__ready *ready, int count);

/* Add the descriptors that are always ready to those found ready. */
int em__fd_harvest_always(em_loop *loop, em__ready *ready, int max);

/* notify.c */
void em__notify_raise(em__notify_source *mine); /* any thread, signal-safe */
static inline bool em__notify_is_due(const em_loop *loop)
{
    return loop->notices || atomic_load(&loop->notified);
}
void em__notify_stop(em_source *source);
void em__notify_dispatch(em_loop *loop);
void em__notify_leave(em_loop *loop); /* wait until every notifier has left */

/* signal.c */
int em__signal_add(em_loop *loop, int signo, em_signal_fn *fn, void *data,
                   em_source **ret);
void em__signal_stop(em_source *source);
void em__signal_call(em_source *source);

/* timer.c */
void em__timer_stop(em_source *source);
void em__timer_dispatch(em_loop *loop);
static inline bool em__timer_may_be_due(const em_loop *loop)
{
    return loop->wheel.now < loop->now || !em__list_empty(&loop->wheel.due);
}
void em__timer_release(em_loop *loop); /* at its end, all to its sources */
void em__timer_end(em_loop *loop);     /* when they are gone */

/* task.c */
void em__task_run_defers(em_loop *loop);

#endif
