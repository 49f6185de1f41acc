/* SPDX-License-Identifier: MIT */
/* Loop: the one thread that user code of a program's part runs on.
 *
 * The owner of a loop is the thread that made it until a run begins, then the
 * thread that runs it.  Functions are for the owner unless they say "any
 * thread"; NULL or nonsense is -EINVAL, false or nothing; a loop that a forked
 * child inherited answers -ECHILD, and one that is being freed -ESHUTDOWN. */

#ifndef EMITTER_LOOP_H
#define EMITTER_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <emitter/base.h>

typedef struct em_loop em_loop;
typedef struct em_source em_source;

/* What a descriptor source waits for; a callback may also see the last two. */
enum { EM_READABLE = 1, EM_WRITABLE = 2, EM_HANGUP = 4, EM_ERROR = 8 };

typedef enum {
    EM_RUN_DEFAULT, /* until nothing is alive */
    EM_RUN_ONCE,    /* until a turn called something, or nothing is alive */
    EM_RUN_NOWAIT   /* one turn, never waiting */
} em_run_mode;

/* How it waits.  The default is the best of those built in, or what the
 * environment variable EMITTER_POLLER (epoll, poll) says to em_loop_new. */
typedef enum {
    EM_POLLER_DEFAULT,
    EM_POLLER_EPOLL,
    EM_POLLER_POLL /* plain POSIX; without em_loop_fd, and so without hosts */
} em_poller;

typedef void em_task_fn(em_loop *loop, void *data);
typedef void em_fd_fn(em_source *source, int fd, unsigned events, void *data);
typedef void em_timer_fn(em_source *source, void *data);
typedef void em_signal_fn(em_source *source, int signo, void *data);
typedef void em_child_fn(em_source *source, pid_t pid, int wait_status,
                         void *data);
typedef void em_notify_fn(em_source *source, void *data);

/* Called after a callback that held the loop for more than stall_ms; callback
 * is the function of yours that did, NULL if it is not known. */
typedef void em_stall_fn(em_loop *loop, uint64_t held_us,
                         void (*callback)(void), void *data);

/* Called when the loop comes alive (em_loop_alive) and when it stops being so,
 * at the latest when it is freed. */
typedef void em_alive_fn(em_loop *loop, bool alive, void *data);

/* NULL options mean the defaults, and so does zero in a field. */
typedef struct em_loop_options {
    size_t size;           /* of this struct; EM_OPTIONS sets it */
    unsigned budget_count; /* posts and completions a turn; 0: 1024 */
    uint64_t budget_us;    /* and how long they may take; 0: 10 000 us */
    uint64_t stall_ms;     /* 0: 100; costs a look at the clock a callback */
    em_stall_fn *stall;
    void *stall_data;
    em_poller poller;
    uint64_t seed;      /* with virtual_clock: of the order of its batons */
    bool virtual_clock; /* from 0; jumps to the next timer rather than wait, and
                           the loop runs its batons itself */
} em_loop_options;

typedef struct em_loop_counts {
    size_t size; /* of this struct; to be set before em_loop_metrics */
    uint64_t turns;
    uint64_t callbacks;  /* calls into user code; a posted event is one */
    uint64_t posts;      /* tasks and posted events delivered */
    uint64_t idle_us;    /* waited */
    uint64_t longest_us; /* the longest callback (or 16 short ones) */
} em_loop_counts;

EM_BEGIN_DECLS

/* Make a loop owned by the calling thread.  Returns 0, -EINVAL, -E2BIG,
 * -ENOMEM, -ENOTSUP for a poller that is not built in, or what the system said
 * when it refused a descriptor (-EMFILE, -ENFILE). */
int em_loop_new(const em_loop_options *options, em_loop **ret);

/* The process's own loop, made at first use and again after it was freed.  Any
 * thread; its owner is the one that made it.  NULL if that failed. */
em_loop *em_loop_default(void);

/* End a loop with whatever is on it.  Posts that remain are called in order,
 * queued batons complete with -ECANCELED and running ones are waited for,
 * workers are freed, sources go, their free_data run.  Inside a callback the
 * run ends and frees.  NULL is ignored. */
void em_loop_free(em_loop *loop);

/* Take turns, in the given mode.  Returns 1 if something is still alive, else
 * 0; -EBUSY inside a run; -EINVAL for an unknown mode; -ECHILD, also in a child
 * that a callback forked; or the error of a poller that the system broke. */
int em_loop_run(em_loop *loop, em_run_mode mode);

/* End the run after the callback under way, or the next run at once if none is.
 * Any thread, signal-safe. */
void em_loop_stop(em_loop *loop);

/* Whether anything keeps the loop running: referenced active sources,
 * em_loop_ref, pending posts, defers and batons, live workers. */
bool em_loop_alive(em_loop *loop);

/* A count that keeps the loop alive; it never falls below 0. */
void em_loop_ref(em_loop *loop);
void em_loop_unref(em_loop *loop);

/* A descriptor that is readable whenever a turn would find something to do:
 * ready descriptors, due timers, posts, completions.  Poll it, then run the
 * loop with EM_RUN_NOWAIT.  The loop owns it.  Or the error of creating it, or
 * -ENOTSUP on EM_POLLER_POLL and with a virtual clock. */
int em_loop_fd(em_loop *loop);

/* Milliseconds of the monotonic clock, or of the virtual one, as they were at
 * the start of the turn. */
uint64_t em_loop_now(em_loop *loop);

/* Fill counts with what the loop did since it was made.  Returns 0, -EINVAL if
 * counts->size cannot be, or -ECHILD. */
int em_loop_metrics(em_loop *loop, em_loop_counts *counts);

/* Call fn on the loop's thread.  Any thread.  Every call is delivered, in
 * posting order.  Returns 0, -ENOMEM, or -ESHUTDOWN from em_loop_free on. */
int em_loop_post(em_loop *loop, em_task_fn *fn, void *data);

/* Call fn before the loop waits again; inside a defer, in the same turn.
 * Returns 0, -ENOMEM, or -ESHUTDOWN from em_loop_free on. */
int em_loop_defer(em_loop *loop, em_task_fn *fn, void *data);

/* Watch a descriptor, which stays the caller's, for EM_READABLE, EM_WRITABLE or
 * both; several sources on one are all called, in the order they were added.
 * Regular files are always ready.  Returns 0, -EBADF if it is not open,
 * -EINVAL, -ENOMEM, -ENOSPC.
 *
 * This and the other em_loop_add functions hand the source out through ret; it
 * lives until em_source_remove or em_loop_free.  With ret NULL it goes by
 * itself after its last call. */
int em_loop_add_fd(em_loop *loop, int fd, unsigned events, em_fd_fn *fn,
                   void *data, em_source **ret);

/* Call fn after_ms from now, never early, and then every every_ms (0 or
 * UINT64_MAX: once).  after_ms UINT64_MAX: not armed, and not alive.  Overdue
 * repeats merge into one call.  Returns 0, -EINVAL or -ENOMEM. */
int em_loop_add_timer(em_loop *loop, uint64_t after_ms, uint64_t every_ms,
                      em_timer_fn *fn, void *data, em_source **ret);

/* Call fn when the process gets a signal; those that come before the call merge
 * into one.  All sources of a signal are called, on each loop in the order they
 * were added.  The first one in the process installs a handler, and the last
 * one to go puts the former action back; a forked child begins with the former
 * action.  Returns 0, -ENOMEM, or -EINVAL, also for a signal that cannot be
 * caught or that a handler must not return from (SIGBUS, SIGFPE, SIGILL,
 * SIGSEGV). */
int em_loop_add_signal(em_loop *loop, int signo, em_signal_fn *fn, void *data,
                       em_source **ret);

/* Reap a child when it ends, then call fn, once, with what waitpid said of it
 * (-ECHILD if somebody else has reaped it); the source is then inactive.  One
 * source a child.  It watches a pidfd where the system has them, else SIGCHLD.
 * Returns 0, -ECHILD if it is no child of this process, -EINVAL, -ENOMEM,
 * -EMFILE or -ENFILE. */
int em_loop_add_child(em_loop *loop, pid_t pid, em_child_fn *fn, void *data,
                      em_source **ret);

/* Call fn after em_source_notify.  Returns 0, -EINVAL, also for ret NULL, since
 * nobody could notify it, or -ENOMEM. */
int em_loop_add_notify(em_loop *loop, em_notify_fn *fn, void *data,
                       em_source **ret);

/* Have a notify source called.  Any thread, signal-safe; the source must not be
 * removed meanwhile.  Calls that come before the callback merge into one; to
 * have every call delivered, post.  Returns 0, -EINVAL or -ECHILD. */
int em_source_notify(em_source *source);

/* Take the source off at once, also inside its own callback and in a turn that
 * already saw it ready; the pointer is dead.  NULL is ignored. */
void em_source_remove(em_source *source);

/* Whether the source keeps its loop alive; it does at first.  Idempotent. */
void em_source_ref(em_source *source);
void em_source_unref(em_source *source);

/* Change what a descriptor source waits for; 0 pauses it, and then it does not
 * keep the loop alive.  Returns 0, -EINVAL, or what the system said (-EBADF).
 */
int em_source_set_events(em_source *source, unsigned events);

/* Arm a timer source anew, also one that fired.  Returns 0 or -EINVAL. */
int em_source_set_timer(em_source *source, uint64_t after_ms,
                        uint64_t every_ms);

/* Have free_data called with the source's data, once, on the owner's thread,
 * after the last call into the callback returned. */
void em_source_set_free(em_source *source, void (*free_data)(void *data));

em_loop *em_source_loop(em_source *source);

/* Tell fn, on the owner's thread and outside of turns, of each change of
 * em_loop_alive; fn NULL: nobody.  For hosts that run until they are told not
 * to, and for those without an adapter.  A loop that fn frees ends with the
 * turn that led to the call, and with the next one if it was none.  Returns 0,
 * -EINVAL, -ENOMEM or -ECHILD. */
int em_loop_set_alive_hook(em_loop *loop, em_alive_fn *fn, void *data);

/* Take the loop out of the host that an adapter put it in (em_attach_uv and so
 * on; see <emitter/adapters/...>); nothing if there is none.  em_loop_free does
 * it too. */
void em_detach(em_loop *loop);

/* For adapters: what a host is told.  alive, at once and then on each change,
 * may be NULL; detach undoes what the adapter did, and is called once. */
typedef struct em_host {
    size_t size;
    em_alive_fn *alive;
    void (*detach)(em_loop *loop, void *data);
} em_host;

/* For adapters: from now on the host takes the turns, and em_loop_run is
 * -EBUSY.  Returns 0, -EBUSY if a host has it or inside a run, -EINVAL, -E2BIG
 * or what em_loop_fd says. */
int em_loop_attach(em_loop *loop, const em_host *host, void *data);

/* Whether a host has the loop. */
bool em_loop_is_attached(em_loop *loop);

/* For adapters: one turn that does not wait, to be taken when em_loop_fd is
 * readable; the loop may be gone afterwards.  Returns what em_loop_run does, or
 * -EINVAL if no host has the loop. */
int em_loop_turn(em_loop *loop);

EM_END_DECLS

#endif
