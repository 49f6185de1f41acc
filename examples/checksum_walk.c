/* SPDX-License-Identifier: MIT */
/* Walk: the regular files at and below some paths.
 *
 * The directories being read form a stack, innermost on top; path holds the
 * path of the topmost one and, behind its length, the name of an entry. */

#define _FILE_OFFSET_BITS 64

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <emitter/error.h>

#include "checksum_walk.h"

struct walk_directory {
    struct walk_directory *parent;
    DIR *stream;
    size_t length;    /* of its path, with the slash that ends it */
    atomic_uint refs; /* the stack's, and one a file waiting to be opened */
};

static void let_go(struct walk_directory *directory)
{
    if (!directory || atomic_fetch_sub(&directory->refs, 1) > 1)
        return;
    closedir(directory->stream);
    free(directory);
}

void walk_init(struct walk *walk, char *const *roots)
{
    *walk = (struct walk){ .roots = roots };
    pthread_mutex_init(&walk->lock, NULL);
}

static void leave(struct walk *walk)
{
    struct walk_directory *directory = walk->top;

    walk->top = directory->parent;
    let_go(directory);
}

void walk_end(struct walk *walk)
{
    while (walk->top)
        leave(walk);
    free(walk->path);
    pthread_mutex_destroy(&walk->lock);
}

void walk_fail(struct walk_file *file, int error)
{
    file->error = error;
    file->reason = em_strerror(error);
}

static void refuse(struct walk_file *file)
{
    file->error = -EINVAL;
    file->reason = "not a regular file";
}

/* Make name the last component of walk->path. */
static int set_name(struct walk *walk, const char *name)
{
    size_t start = walk->top ? walk->top->length : 0;
    size_t size = strlen(name) + 1;
    char *path;

    if (walk->capacity < start + size + 1) { /* 1: a slash may follow */
        path = realloc(walk->path, 2 * (start + size + 1));
        if (!path)
            return -ENOMEM;
        walk->path = path;
        walk->capacity = 2 * (start + size + 1);
    }
    memcpy(walk->path + start, name, size);
    return 0;
}

/* Hand out walk->path, as an error if there is one. */
static int hand_out(struct walk *walk, struct walk_file *file, int error)
{
    *file = (struct walk_file){ .path = strdup(walk->path) };
    if (!file->path)
        return -ENOMEM;
    if (error) {
        walk_fail(file, error);
        return 1;
    }
    file->name = file->path;
    if (walk->top) {
        file->name += walk->top->length;
        file->directory = walk->top;
        atomic_fetch_add(&walk->top->refs, 1);
    }
    return 1;
}

static int walk_at(const struct walk_directory *directory)
{
    return directory ? dirfd(directory->stream) : AT_FDCWD;
}

/* Go on with the entries of the directory at walk->path, or hand out what is
 * wrong with it. */
static int enter(struct walk *walk, struct walk_file *file)
{
    struct walk_directory *directory, *parent = walk->top;
    const char *name = walk->path + (parent ? parent->length : 0);
    int fd, r;

    directory = malloc(sizeof(*directory));
    if (!directory)
        return -ENOMEM;
    fd = openat(walk_at(parent), name,
                O_RDONLY | O_DIRECTORY | O_CLOEXEC | (parent ? O_NOFOLLOW : 0));
    if (fd < 0)
        goto fail;
    directory->stream = fdopendir(fd);
    if (!directory->stream)
        goto fail;
    directory->parent = parent;
    directory->length = strlen(walk->path);
    if (walk->path[directory->length - 1] != '/')
        walk->path[directory->length++] = '/';
    atomic_init(&directory->refs, 1);
    walk->top = directory;
    return 0;
fail:
    r = -errno;
    if (fd >= 0)
        close(fd);
    free(directory);
    return hand_out(walk, file, r);
}

static int next_root(struct walk *walk, struct walk_file *file)
{
    const char *root = *walk->roots++;
    struct stat status;
    int r;

    r = set_name(walk, root);
    if (r < 0)
        return r;
    if (stat(root, &status) < 0)
        return hand_out(walk, file, -errno);
    if (S_ISDIR(status.st_mode))
        return enter(walk, file);
    r = hand_out(walk, file, 0);
    if (r > 0 && !S_ISREG(status.st_mode))
        refuse(file);
    return r;
}

static int next_entry(struct walk *walk, struct walk_file *file)
{
    struct walk_directory *directory = walk->top;
    const struct dirent *entry;
    struct stat status;
    int r, type;

    errno = 0;
    entry = readdir(directory->stream);
    if (!entry) {
        r = -errno;
        walk->path[directory->length] = '\0';
        leave(walk);
        return r < 0 ? hand_out(walk, file, r) : 0;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    r = set_name(walk, entry->d_name);
    if (r < 0)
        return r;
    type = entry->d_type;
    if (type == DT_UNKNOWN) { /* the file system does not say */
        if (fstatat(dirfd(directory->stream), entry->d_name, &status,
                    AT_SYMLINK_NOFOLLOW) < 0)
            return hand_out(walk, file, -errno);
        type = S_ISDIR(status.st_mode)   ? DT_DIR
               : S_ISREG(status.st_mode) ? DT_REG
                                         : DT_UNKNOWN;
    }
    if (type == DT_DIR)
        return enter(walk, file);
    return type == DT_REG ? hand_out(walk, file, 0) : 0;
}

int walk_next(struct walk *walk, struct walk_file *file)
{
    int r = 0;

    pthread_mutex_lock(&walk->lock);
    while (r == 0 && (walk->top || *walk->roots))
        r = walk->top ? next_entry(walk, file) : next_root(walk, file);
    pthread_mutex_unlock(&walk->lock);
    return r;
}

int walk_open(struct walk_file *file)
{
    /* It was a regular file when it was handed out and may be a FIFO now. */
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat status;
    int fd;

    if (file->error)
        return file->error; /* it has no directory either */
    if (file->directory)
        flags |= O_NOFOLLOW;
    fd = openat(walk_at(file->directory), file->name, flags);
    if (fd < 0)
        walk_fail(file, -errno);
    else if (fstat(fd, &status) < 0)
        walk_fail(file, -errno);
    else if (!S_ISREG(status.st_mode))
        refuse(file);
    else
        file->size = (uint64_t)status.st_size;
    let_go(file->directory);
    file->directory = NULL;
    if (file->error && fd >= 0)
        close(fd);
    return file->error ? file->error : fd;
}
