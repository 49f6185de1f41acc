/* SPDX-License-Identifier: MIT */
/* Checksum: examples/checksum against the commands that people use for it.
 *
 * Files are read from the page cache: what is compared is the work, not the
 * disk.  The large ones are made first and removed at the end. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

enum { MEBIBYTE = 1 << 20, LARGE = 256 };

/* --- the files: one/a, two/a, which is the same, two/b, and a link to a tree
 * of small ones --- */

static char directory[PATH_MAX];
static int dir_fd = -1;

static int fill(int fd, unsigned mebibytes)
{
    static char block[MEBIBYTE];
    unsigned i;

    for (i = 0; i < mebibytes; i++) {
        memset(block, (int)(i & 0xff), sizeof(block));
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            return errno ? -errno : -ENOSPC;
    }
    return 0;
}

static int make_file(const char *name)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    errno = 0;
    r = fill(fd, bench_is_smoke() ? 1 : LARGE);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

static int make_files(void)
{
    const char *parent = getenv("TMPDIR");
    int r;

    (void)snprintf(directory, sizeof(directory), "%s/bench-checksum-XXXXXX",
                   parent && *parent ? parent : "/tmp");
    if (!mkdtemp(directory))
        return -errno;
    dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 || mkdirat(dir_fd, "one", 0700) < 0 ||
        mkdirat(dir_fd, "two", 0700) < 0)
        return -errno;
    if ((r = make_file("one/a")) < 0 || (r = make_file("two/b")) < 0)
        return r;
    if (linkat(dir_fd, "one/a", dir_fd, "two/a", 0) < 0 ||
        symlinkat(bench_is_smoke() ? "two" : "/usr/include", dir_fd,
                  "usr-include") < 0 ||
        setenv("BENCH_FILES", directory, 1) < 0)
        return -errno;
    return 0;
}

/* Whatever of it there is. */
static void remove_files(void)
{
    if (dir_fd < 0)
        return;
    (void)unlinkat(dir_fd, "usr-include", 0);
    (void)unlinkat(dir_fd, "two/a", 0);
    (void)unlinkat(dir_fd, "two/b", 0);
    (void)unlinkat(dir_fd, "one/a", 0);
    (void)unlinkat(dir_fd, "two", AT_REMOVEDIR);
    (void)unlinkat(dir_fd, "one", AT_REMOVEDIR);
    (void)close(dir_fd);
    (void)rmdir(directory);
}

/* --- the subjects --- */

/* The slash at the end follows the link. */
#define FILES "\"$BENCH_FILES/$BENCH_PARAMETER/\""

static int warm_up(bench_run *run)
{
    bench_run command = *run;

    command.data = "find " FILES " -type f -print0 | xargs -0 cat >/dev/null";
    return bench_command(&command);
}

#define COMMAND(text) .setup = warm_up, .run = bench_command, .data = text
#define CHECKSUM      COMMAND("\"$BENCH_CHECKSUM\" " FILES)

static const bench_measure times[] = {
    { "ms", BENCH_WALL, 1e6 },
    { "cpu-ms", BENCH_CPU, 1e6 },
    { 0 },
};

static const bench_parameter large[] = {
    { .name = "two", .count = 1 },
    { .name = "one", .count = 1 },
    { 0 },
};

static const bench_parameter tree[] = {
    { .name = "usr-include", .count = 1 },
    { 0 },
};

static bench_implementation of_large[] = {
    { .name = "libemitter", .role = BENCH_OURS, CHECKSUM },
    { .name = "openssl",
      COMMAND("for f in " FILES "*; do openssl dgst -sha256 \"$f\"; done") },
    { 0 },
};

static bench_implementation of_tree[] = {
    { .name = "libemitter", .role = BENCH_OURS, CHECKSUM },
    { .name = "xargs",
      COMMAND("find " FILES " -type f -print0 | xargs -0 sha256sum") },
    { .name = "xargs-P2",
      COMMAND("find " FILES " -type f -print0 | xargs -0 -P2 sha256sum") },
    { 0 },
};

static const bench_subject subjects[] = {
    { "checksum", times, large, of_large },
    { "checksum-tree", times, tree, of_tree },
    { 0 },
};

/* What is not there is left out. */
static int look_around(void)
{
    const char *program = getenv("BENCH_CHECKSUM");

    if (!program)
        program = "examples/checksum";
    if (setenv("BENCH_CHECKSUM", program, 1) < 0)
        return -errno;
    if (access(program, X_OK) < 0)
        of_large[0].missing = of_tree[0].missing = program;
    if (system("command -v openssl >/dev/null") != 0)
        of_large[1].missing = "openssl";
    return 0;
}

int main(int argc, char **argv)
{
    int r = look_around(), status = EXIT_FAILURE;

    if (r >= 0)
        r = bench_begin();
    if (r >= 0)
        r = make_files();
    if (r >= 0)
        status = bench_main(subjects, argc, argv);
    else
        (void)fprintf(stderr, "bench: checksum: %s\n", strerror(-r));
    remove_files();
    return status;
}
