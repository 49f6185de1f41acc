/* SPDX-License-Identifier: MIT */
/* Starving: put before a program (LD_PRELOAD), it fails the Nth allocation of
 * each of its processes, N being in STARVE, and then writes to the file that
 * STARVED names.  Counted is what the program itself and this library ask for:
 * what libc or libcurl needs is granted, they have their own ways to fail. */

#define _GNU_SOURCE /* dl_iterate_phdr */

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's own, which need not be looked up: to look up a name allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

enum { RANGES = 8 };

/* Where our code is. */
static struct range {
    uintptr_t from, to;
} ranges[RANGES];
static int count;
static atomic_ulong left; /* until the one that fails; 0: none */
static const char *starved;

/* The program itself has no name here. */
static int add_ranges(struct dl_phdr_info *info, size_t size, void *data)
{
    const ElfW(Phdr) *part = info->dlpi_phdr;
    int i;

    (void)size, (void)data;
    if (info->dlpi_name[0] != '\0' && !strstr(info->dlpi_name, "libemitter"))
        return 0;
    for (i = 0; i < info->dlpi_phnum && count < RANGES; i++)
        if (part[i].p_type == PT_LOAD && (part[i].p_flags & PF_X)) {
            uintptr_t from = info->dlpi_addr + part[i].p_vaddr;

            ranges[count++] = (struct range){ from, from + part[i].p_memsz };
        }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *nth = getenv("STARVE");

    starved = getenv("STARVED");
    (void)dl_iterate_phdr(add_ranges, NULL);
    if (nth)
        atomic_store(&left, strtoul(nth, NULL, 10));
}

static bool is_ours(uintptr_t caller)
{
    int i;

    for (i = 0; i < count; i++)
        if (ranges[i].from <= caller && caller < ranges[i].to)
            return true;
    return false;
}

/* A worker may be nobody: the file is there, and whoever may write to it. */
static void tell(void)
{
    int fd = starved ? open(starved, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)!write(fd, "x", 1);
        (void)close(fd);
    }
}

static bool refused(const void *caller)
{
    unsigned long now = atomic_load(&left);

    if (now == 0 || !is_ours((uintptr_t)caller))
        return false;
    while (now != 0 && !atomic_compare_exchange_weak(&left, &now, now - 1))
        ;
    if (now != 1)
        return false;
    tell();
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count_of, size_t size)
{
    return refused(__builtin_return_address(0)) ? NULL
                                                : __libc_calloc(count_of, size);
}

void *realloc(void *old, size_t size)
{
    return refused(__builtin_return_address(0)) ? NULL
                                                : __libc_realloc(old, size);
}
