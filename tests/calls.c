/* SPDX-License-Identifier: MIT */
/* Calls into libc, made to fail: the linker's --wrap sends them here.
 *
 * The countdown is in memory that forked children share, so that a test can let
 * fail what its worker calls, and learns that it did. */

#include <config.h>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef WITH_EPOLL
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#endif

#include "testing.h"

static struct countdown {
    atomic_ulong left; /* until the call that fails; 0: none does */
    atomic_bool refused;
} * shared;

static const char *call_name, *every_call_name;
static int call_error, every_call_error;
static bool spared; /* this process */

ssize_t __real_write(int fd, const void *bytes, size_t size);

bool count_failure(bool failed, const char *kind)
{
    const char *path = failed ? getenv("EMITTER_TESTS_TALLY") : NULL;
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT, 0644) : -1;

    if (fd >= 0) {
        (void)!__real_write(fd, kind, 1);
        (void)close(fd);
    }
    return failed;
}

void fail_call(const char *function, unsigned long nth, int error)
{
    if (!shared)
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    call_name = function;
    call_error = error;
    atomic_store(&shared->refused, false);
    atomic_store(&shared->left, nth);
}

bool call_failed(void)
{
    atomic_store(&shared->left, 0);
    return count_failure(atomic_exchange(&shared->refused, false), "c");
}

void fail_no_call(void)
{
    spared = true;
}

void fail_every_call(const char *function, int error)
{
    every_call_name = function;
    every_call_error = error;
}

/* A sanitizer calls some of these before it is ready to watch anybody. */
#if defined(__has_attribute) && defined(__clang__)
#if __has_attribute(disable_sanitizer_instrumentation)
#define UNWATCHED __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef UNWATCHED
#define UNWATCHED
#endif

/* The error that this call must fail with, or 0. */
UNWATCHED static int injected(const char *function)
{
    if (spared)
        return 0;
    if (every_call_name && strcmp(every_call_name, function) == 0) {
        errno = every_call_error;
        return every_call_error;
    }
    if (!shared || atomic_load(&shared->left) == 0 ||
        strcmp(call_name, function) != 0 || !count_down(&shared->left))
        return 0;
    atomic_store(&shared->refused, true);
    errno = call_error;
    return call_error;
}

/* --- calls that return -1 --- */

#define WRAP_AS(type, function, parameters, arguments) \
    type __real_##function parameters;                 \
    type __wrap_##function parameters;                 \
    UNWATCHED type __wrap_##function parameters        \
    {                                                  \
        int error = injected(#function);               \
        if (error)                                     \
            return error == PRETEND ? 0 : -1;          \
        return __real_##function arguments;            \
    }                                                  \
    typedef int wrap_needs_a_semicolon_##function
#define WRAP(function, parameters, arguments) \
    WRAP_AS(int, function, parameters, arguments)

/* Where files are large and longs are not, glibc has these under other names.
 */
#if defined(__GLIBC__) && defined(_FILE_OFFSET_BITS) && !defined(__LP64__)
#define NAMED_64(function, parameters)                                  \
    int __real_##function parameters __asm__("__real_" #function "64"); \
    int __wrap_##function parameters __asm__("__wrap_" #function "64")
NAMED_64(open, (const char *path, int flags, mode_t mode));
NAMED_64(setrlimit, (int resource, const struct rlimit *limit));
#endif

#ifdef WITH_EPOLL
WRAP(epoll_create1, (int flags), (flags));
WRAP(epoll_ctl, (int epoll, int op, int fd, struct epoll_event *event),
     (epoll, op, fd, event));
WRAP(epoll_wait, (int epoll, struct epoll_event *events, int max, int timeout),
     (epoll, events, max, timeout));
WRAP(eventfd, (unsigned start, int flags), (start, flags));
WRAP(timerfd_create, (int clock, int flags), (clock, flags));
#endif
WRAP(accept4, (int fd, struct sockaddr *peer, socklen_t *size, int flags),
     (fd, peer, size, flags));
WRAP(bind, (int fd, const struct sockaddr *name, socklen_t size),
     (fd, name, size));
WRAP(chdir, (const char *path), (path));
#ifdef HAVE_CLOSE_RANGE
WRAP(close_range, (unsigned first, unsigned last, int flags),
     (first, last, flags));
#endif
WRAP(dup2, (int from, int to), (from, to));
WRAP(execve, (const char *path, char *const *argv, char *const *env),
     (path, argv, env));
WRAP_AS(pid_t, fork, (void), ());
WRAP(getgrouplist, (const char *user, gid_t gid, gid_t *groups, int *count),
     (user, gid, groups, count));
WRAP(getgroups, (int room, gid_t *groups), (room, groups));
#if defined(HAVE_GETRESUID) || defined(EM_PORTABLE)
WRAP(getresgid, (gid_t * real, gid_t *effective, gid_t *saved),
     (real, effective, saved));
WRAP(getresuid, (uid_t * real, uid_t *effective, uid_t *saved),
     (real, effective, saved));
#endif
WRAP(getsockname, (int fd, struct sockaddr *name, socklen_t *size),
     (fd, name, size));
WRAP(getsockopt, (int fd, int level, int option, void *value, socklen_t *size),
     (fd, level, option, value, size));
WRAP(nice, (int increment), (increment));
WRAP(open, (const char *path, int flags, mode_t mode), (path, flags, mode));
#ifdef HAVE_PIDFD_OPEN
WRAP(pidfd_open, (pid_t pid, unsigned flags), (pid, flags));
#endif
#if defined(HAVE_PIPE2) || defined(EM_PORTABLE) /* tests call it anyway */
WRAP(pipe2, (int *ends, int flags), (ends, flags));
#endif
WRAP(poll, (struct pollfd * entries, nfds_t count, int timeout),
     (entries, count, timeout));
#ifdef __linux__
WRAP(prctl, (int option, unsigned long argument), (option, argument));
#endif
WRAP_AS(ssize_t, recv, (int fd, void *bytes, size_t size, int flags),
        (fd, bytes, size, flags));
WRAP_AS(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
        (fd, message, flags));
#ifdef CPU_SET
WRAP(sched_setaffinity, (pid_t pid, size_t size, const cpu_set_t *set),
     (pid, size, set));
#endif
WRAP_AS(ssize_t, send, (int fd, const void *bytes, size_t size, int flags),
        (fd, bytes, size, flags));
WRAP_AS(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
        (fd, message, flags));
WRAP(setgid, (gid_t gid), (gid));
WRAP(setgroups, (size_t count, const gid_t *groups), (count, groups));
WRAP(setrlimit, (int resource, const struct rlimit *limit), (resource, limit));
WRAP(setsockopt,
     (int fd, int level, int option, const void *value, socklen_t size),
     (fd, level, option, value, size));
WRAP(setuid, (uid_t uid), (uid));
WRAP(sigaction,
     (int signo, const struct sigaction *action, struct sigaction *former),
     (signo, action, former));
WRAP(socketpair, (int domain, int type, int protocol, int *ends),
     (domain, type, protocol, ends));
WRAP(waitid, (idtype_t type, id_t id, siginfo_t *info, int options),
     (type, id, info, options));
WRAP_AS(pid_t, waitpid, (pid_t pid, int *status, int options),
        (pid, status, options));
WRAP_AS(ssize_t, write, (int fd, const void *bytes, size_t size),
        (fd, bytes, size));

/* --- what a portable build calls instead, under the names of the above --- */

#ifdef EM_PORTABLE
#define INJECTED(function) injected(function)
#else
#define INJECTED(function) 0
#endif

int __real_accept(int fd, struct sockaddr *peer, socklen_t *size);
int __wrap_accept(int fd, struct sockaddr *peer, socklen_t *size);
int __wrap_accept(int fd, struct sockaddr *peer, socklen_t *size)
{
    return INJECTED("accept4") ? -1 : __real_accept(fd, peer, size);
}

int __real_pipe(int *ends);
int __wrap_pipe(int *ends);
int __wrap_pipe(int *ends)
{
    return INJECTED("pipe2") ? -1 : __real_pipe(ends);
}

/* --- calls that return their error --- */

#define WRAP_TELLING(function, parameters, arguments)       \
    int __real_##function parameters;                       \
    int __wrap_##function parameters;                       \
    int __wrap_##function parameters                        \
    {                                                       \
        int error = injected(#function);                    \
        return error ? error : __real_##function arguments; \
    }                                                       \
    typedef int wrap_needs_a_semicolon_##function

WRAP_TELLING(getgrnam_r,
             (const char *name, struct group *entry, char *buffer, size_t size,
              struct group **found),
             (name, entry, buffer, size, found));
WRAP_TELLING(getpwnam_r,
             (const char *name, struct passwd *entry, char *buffer, size_t size,
              struct passwd **found),
             (name, entry, buffer, size, found));
WRAP_TELLING(pthread_create,
             (pthread_t * thread, const pthread_attr_t *attributes,
              void *(*start)(void *), void *data),
             (thread, attributes, start, data));
