/* SPDX-License-Identifier: MIT */
/* Worker: a process, or a thread with a loop of its own, and the channel to it.
 *
 * The same handle stands at both ends: for the one who spawned a worker, and in
 * the worker for its parent.  A handle belongs to its loop's owner, who alone
 * may call these functions; it lives until em_worker_free or until its loop is
 * freed.  NULL or nonsense is -EINVAL, NULL or nothing; in a forked child that
 * inherited the handle, -ECHILD. */

#ifndef EMITTER_WORKER_H
#define EMITTER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <emitter/base.h>
#include <emitter/emitter.h>
#include <emitter/loop.h>

typedef struct em_worker em_worker;

/* What a worker does: run the loop, which is new and empty but for the channel,
 * and return the exit status.  loop and parent are the library's to free;
 * em_worker_free(parent) before the end only closes the channel.  In a process
 * stdout and stderr are then flushed, and it ends as by _exit. */
typedef int em_worker_main_fn(em_loop *loop, em_worker *parent, void *data);

/* What setrlimit(2) is told; UINT64_MAX is RLIM_INFINITY. */
typedef struct em_limit {
    int resource;
    uint64_t soft, hard;
} em_limit;

/* NULL options mean the defaults, and so does zero in a field. */
typedef struct em_worker_options {
    size_t size;             /* of this struct; EM_OPTIONS sets it */
    em_worker_main_fn *main; /* fork and call this; not with path or argv */
    const char *path;        /* execute this; not looked for in PATH */
    char *const *argv;       /* NULL: path alone, or this program's own */
    char *const *env;        /* NULL: inherited */
    void *data;              /* given to main; stays the caller's */
    const char *user;        /* the name of who the worker is to be; for root */
    const char *group;       /* NULL: the user's own */
    const char *cwd;
    int nice;      /* added, as nice(2) does */
    uint64_t cpus; /* bit n: may run on processor n; 0: on any as before */
    const em_limit *limits;
    size_t limit_count;
    const int *keep_fds; /* that stay open under their numbers */
    size_t keep_count;
    int stdio[3]; /* what is to be 0, 1 and 2: a descriptor + 1; 0: inherited */
    bool thread;  /* main on a thread of this process */
    size_t queue_limit; /* bytes that wait to be sent, each way; 0: 64 MiB */
} em_worker_options;

/* The argument of 'message', valid until the emit returns.  A listener that
 * keeps fd sets it to -1; else it is closed then. */
typedef struct em_message {
    const void *data; /* aligned for any type */
    size_t size;
    int fd; /* -1: none */
    int slot;
} em_message;

/* The argument of 'connection', valid until the emit returns; fd likewise. */
typedef struct em_connection {
    int fd;           /* non-blocking */
    const void *data; /* what was already read from it; never NULL */
    size_t size;
    struct sockaddr_storage peer;
    socklen_t peer_len;
} em_connection;

/* The argument of 'exit', valid until the emit returns. */
typedef struct em_exit {
    pid_t pid;
    int code;   /* the exit status; -1 if a signal ended it, or if somebody else
                   reaped it, which 'error' -ECHILD tells before */
    int signal; /* 0: none */
    bool wanted; /* em_worker_terminate was called */
    int slot;
} em_exit;

EM_BEGIN_DECLS

/* Start a worker: without main and path this program again, which finds its end
 * of the channel with em_worker_parent.  All descriptors but 0, 1, 2 (if not
 * close-on-exec), keep_fds and the channel are closed in a process, signals are
 * at their defaults and none is blocked.  With main, stdout and stderr are
 * flushed first.
 *
 * Returns when everything asked for was done and user code is next, or with
 * what went wrong, and then there is no worker, no event and no zombie: -EINVAL
 * (also for what a thread has not: .path .argv .env .user .group .cwd .nice
 * .limits .keep_fds .stdio), -E2BIG, -ENOMEM, -ESHUTDOWN while the loop is
 * freed, -EBADF for a descriptor that is not open, -ESRCH for no such user or
 * group, -EPERM for a user or group asked for by who is not root, or that could
 * be left again, and for a nice or limit that is refused; of path and cwd
 * -ENOENT, -EACCES, -ENOTDIR, -ELOOP, -ENAMETOOLONG, -ENOEXEC and what else
 * execve(2) and chdir(2) say; -EAGAIN, -EMFILE or -ENFILE from the system;
 * -ENOTSUP for .cpus where it has no such choice.
 *
 * The loop stays alive until the worker has ended. */
int em_worker_spawn(em_loop *loop, const em_worker_options *options,
                    em_worker **ret);

/* Emits, at the spawner's end:
 *   'online'   the worker has its end of the channel
 *   'ready'    it called em_worker_ready
 *   'message'  em_message
 *   'drain'    there is room again after an -EAGAIN
 *   'error'    em_error with origin "worker PID": -ENOMEM, -EMFILE a message
 *              or its descriptor could not be received and is lost, -EBADF it
 *              was closed after the post, and the message is lost; -EPROTO,
 *              -EMSGSIZE, -ECONNRESET nonsense, too much, or the beginning of a
 *              message came, and nothing comes after it; -ECHILD; -ETIMEDOUT
 *   'exit'     em_exit, once and last, after all that it had sent
 * and in the worker 'message', 'drain', 'error' and
 *   'connection'  em_connection; without a listener it is closed
 *   'stop'        the parent called em_worker_terminate, no further connection
 *                 is accepted; without a listener the loop stops
 *   'disconnect'  once and last: the channel is closed, as when the parent has
 *                 ended; without a listener the loop stops
 * NULL is answered by NULL. */
em_emitter *em_worker_emitter(em_worker *worker);

/* Send a message, copied, and with it a descriptor (-1: none): at the end of
 * the loop's turn, or outside a run at once, unless very many are posted there.
 * On success fd is the receiver's, and no longer open here.  Returns 0; or,
 * with fd still the caller's, -EAGAIN if the queue is full ('drain' follows),
 * -EPIPE if the other end is gone, -EMSGSIZE if it is more than queue_limit,
 * -EBADF, -EINVAL or -ENOMEM. */
int em_worker_post(em_worker *worker, const void *data, size_t size, int fd);

/* Ask the worker to end: 'stop' at its end.  After grace_ms a process is killed
 * (0: at once; UINT64_MAX: never), and of a thread that does not end 'error'
 * -ETIMEDOUT tells, once.  Again: the grace may become shorter.  Returns 0,
 * -ESRCH if it has ended, -EINVAL at the parent end, -ENOMEM. */
int em_worker_terminate(em_worker *worker, uint64_t grace_ms);

/* Let go of a worker, with no further event: a live process is killed and
 * reaped, a thread is asked to stop and waited for.  At the parent end: wait
 * until all that was posted went out, or the parent is gone, and close the
 * channel.  A worker of a cluster is terminated without grace instead, and the
 * cluster frees it.  Legal inside every listener.  NULL is ignored.
 * em_loop_free does it to all workers of the loop, their emitters may be held
 * longer. */
void em_worker_free(em_worker *worker);

/* The process that the worker is or runs in, also at the parent end and after
 * its end.  -EINVAL for NULL. */
pid_t em_worker_pid(em_worker *worker);

/* Its place in a cluster, also at the parent end; -1: of no cluster.  -EINVAL
 * for NULL. */
int em_worker_slot(em_worker *worker);

/* In a worker: its end of the channel, which keeps the loop alive until it is
 * closed; asked for again with the same loop, the same.  The library owns it
 * where main was called, else it is to be freed.  Returns 0, -ENOENT if this
 * process is no worker, or its end was freed, -EBUSY if it is on another loop,
 * -ESHUTDOWN, -ENOMEM, -EMFILE, -ENFILE or -ENOSPC. */
int em_worker_parent(em_loop *loop, em_worker **ret);

/* Tell the parent that this worker is ready: 'ready', and in a cluster
 * connections come.  Returns 0, -EPIPE, -EINVAL if it is not a parent end,
 * -ENOMEM. */
int em_worker_ready(em_worker *parent);

/* Tell that one connection handed to this worker has ended, which
 * EM_ROUTE_LEAST_BUSY counts.  Returns what em_worker_ready does. */
int em_worker_done(em_worker *parent);

EM_END_DECLS

#endif
