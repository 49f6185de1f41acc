/* SPDX-License-Identifier: MIT */
/* Walk: the regular files at and below some paths, handed out one at a time.
 *
 * Any thread may ask for the next file at any time, so the reader pulls the
 * directory tree behind it, and neither can run ahead of the other.  Every step
 * is relative to an open directory: no path is too long, and no symbolic link
 * below a named path is followed.  A directory stays open as long as a file
 * that was handed out of it waits to be opened. */

#ifndef CHECKSUM_WALK_H
#define CHECKSUM_WALK_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct walk_directory;

/* What comes out of a walk: a file to open, or what could not be walked. */
struct walk_file {
    char *path;         /* the receiver's, from malloc */
    int error;          /* a negative errno: there is nothing to open */
    const char *reason; /* static text of that error */
    uint64_t size;      /* known once it is open */
    const char *name;   /* within path, relative to directory */
    struct walk_directory *directory;
};

struct walk {
    pthread_mutex_t lock; /* for everything below */
    char *const *roots;
    struct walk_directory *top; /* the innermost one being read */
    char *path;                 /* of the entry under consideration */
    size_t capacity;
};

/* Begin at the paths of a NULL-terminated array, which is borrowed. */
void walk_init(struct walk *walk, char *const *roots);

/* Every file handed out must have been opened before. */
void walk_end(struct walk *walk);

/* Hand out the next file.  Any thread.  Returns 1, 0 at the end, -ENOMEM. */
int walk_next(struct walk *walk, struct walk_file *file);

/* Open a file that was handed out, once, for reading.  Any thread.  Never waits
 * for a FIFO and never starts a device.  Returns a descriptor, or a negative
 * errno, which is then also in file->error. */
int walk_open(struct walk_file *file);

/* Note an error and its text. */
void walk_fail(struct walk_file *file, int error);

#endif
