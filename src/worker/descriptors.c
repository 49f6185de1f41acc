/* SPDX-License-Identifier: MIT */
/* Descriptors: what a child inherits, and what of that it keeps. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>
#if defined(__linux__) && !defined(EM_PORTABLE)
#include <sys/syscall.h>
#endif

#include "worker/descriptors.h"

int em__descriptors_check(const int *fds, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (fcntl(fds[i], F_GETFD) < 0)
            return -EBADF;
    }
    return 0;
}

static int duplicate(int from, int to)
{
    int r;

    do
        r = dup2(from, to);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

/* Out of the way first: they may be 0, 1 and 2 in another order. */
int em__descriptors_redirect(const int stdio[3])
{
    int sources[3];
    int i, r = 0;

    for (i = 0; i < 3; i++) {
        if (!stdio[i])
            continue;
        sources[i] = fcntl(stdio[i] - 1, F_DUPFD_CLOEXEC, 3);
        if (sources[i] < 0)
            return -errno;
    }
    for (i = 0; i < 3 && r == 0; i++) {
        if (stdio[i])
            r = duplicate(sources[i], i);
    }
    return r;
}

void em__descriptors_hand_down(const int *kept, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        int flags = fcntl(kept[i], F_GETFD);

        if (flags >= 0)
            (void)fcntl(kept[i], F_SETFD, flags & ~FD_CLOEXEC);
    }
}

int em__descriptors_lift(int *fd)
{
    int lifted;

    if (*fd > STDERR_FILENO)
        return 0;
    lifted = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (lifted < 0)
        return -errno;
    (void)close(*fd);
    *fd = lifted;
    return 0;
}

/* --- closing --- */

static bool is_kept(const int *kept, size_t count, int fd)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (kept[i] == fd)
            return true;
    }
    return false;
}

/* The kernel's way: one call for each gap. */
static bool close_ranges(const int *kept, size_t count)
{
#ifdef HAVE_CLOSE_RANGE
    unsigned first = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if ((unsigned)kept[i] > first &&
            close_range(first, (unsigned)kept[i] - 1, 0) < 0)
            return false;
        first = (unsigned)kept[i] + 1;
    }
    return close_range(first, UINT_MAX, 0) == 0;
#else
    (void)kept, (void)count;
    return false;
#endif
}

#if defined(__linux__) && defined(SYS_getdents64) && !defined(EM_PORTABLE)

/* What getdents64(2) fills in; libc's own reader of directories allocates. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[];
};

/* -1: not a number. */
static int number_of(const char *name)
{
    int number = 0;

    if (*name < '0' || *name > '9')
        return -1;
    for (; *name >= '0' && *name <= '9'; name++)
        number = 10 * number + (*name - '0');
    return number;
}

static void close_entries(const char *entries, long size, int directory,
                          const int *kept, size_t count)
{
    long at = 0;

    while (at < size) {
        const struct entry *entry = (const void *)(entries + at);
        int fd = number_of(entry->name);

        if (fd >= 0 && fd != directory && !is_kept(kept, count, fd))
            (void)close(fd);
        at += entry->size;
    }
}

/* Those that are there.  The kernel lists them by number and goes on from the
 * last one it told, so closing those skips none. */
static bool close_listed(const int *kept, size_t count)
{
    _Alignas(struct entry) char entries[4096];
    int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long size;

    if (directory < 0)
        return false;
    while ((size = syscall(SYS_getdents64, directory, entries,
                           sizeof(entries))) > 0)
        close_entries(entries, size, directory, kept, count);
    (void)close(directory);
    return size == 0;
}

#else

static bool close_listed(const int *kept, size_t count)
{
    (void)kept, (void)count;
    return false;
}

#endif

static void close_each(const int *kept, size_t count)
{
    long end = sysconf(_SC_OPEN_MAX);
    int fd;

    for (fd = 0; fd < end && fd < INT_MAX; fd++) {
        if (!is_kept(kept, count, fd))
            (void)close(fd);
    }
}

void em__descriptors_close_others(const int *kept, size_t count)
{
    if (!close_ranges(kept, count) && !close_listed(kept, count))
        close_each(kept, count);
}
