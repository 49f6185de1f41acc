/* SPDX-License-Identifier: MIT */
/* File: see file.h.
 *
 * No path leaves the directory: ".." is refused by name, and the kernel
 * resolves the rest beneath it (openat2(2)), symbolic links included.  A kernel
 * before 5.6 follows these out of it. */

#define _GNU_SOURCE /* O_PATH */

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "connection.h"
#include "file.h"

enum { DATE_SIZE = 32, AHEAD = 1 << 20 };

static const char index_name[] = "index.html";

/* The loop's until it is started, then the pool's until it is back. */
struct job {
    struct exchange *exchange; /* NULL: it ended meanwhile; the loop's alone */
    int root, fd;
    bool is_directory; /* without a / at its end */
    struct stat stat;
    char path[]; /* below the root, with room for the index's name */
};

int files_start(struct files *files, const char *root)
{
    files->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return files->root < 0 ? -errno : 0;
}

void files_free(struct files *files)
{
    if (files->root >= 0)
        (void)close(files->root);
}

/* --- the path --- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the length, or -EINVAL for an escape that is none or NUL. */
static int decode(struct span text, char *to)
{
    int size = 0, high, low;
    size_t i;

    for (i = 0; i < text.size; i++) {
        to[size] = text.at[i];
        if (text.at[i] == '%') {
            if (text.size - i < 3)
                return -EINVAL;
            high = hex(text.at[i + 1]);
            low = hex(text.at[i + 2]);
            if (high < 0 || low < 0 || high + low == 0)
                return -EINVAL;
            to[size] = (char)(high << 4 | low);
            i += 2;
        }
        size++;
    }
    to[size] = 0;
    return size;
}

/* After decoding, or an escaped one would pass. */
static bool climbs(const char *path)
{
    const char *at = path;
    size_t size;

    while (*at) {
        size = strcspn(at, "/");
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return true;
        at += size + strspn(at + size, "/");
    }
    return false;
}

/* --- on the pool --- */

static int open_beneath(int root, const char *path)
{
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                            .resolve =
                                RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

    if (fd < 0 && errno == ENOSYS)
        fd = openat(root, path, (int)how.flags);
    return fd < 0 ? -errno : (int)fd;
}

static int work(em_baton *baton, void *data)
{
    struct job *job = data;
    size_t size = strlen(job->path);

    (void)baton;
    if (size == 0 || job->path[size - 1] == '/')
        memcpy(job->path + size, index_name, sizeof(index_name));
    job->fd = open_beneath(job->root, job->path);
    if (job->fd < 0)
        return job->fd;
    if (fstat(job->fd, &job->stat) < 0)
        return -errno;
    job->is_directory = S_ISDIR(job->stat.st_mode);
    if (!S_ISREG(job->stat.st_mode))
        return -ENOENT;
    /* What sendfile will want on the loop's thread. */
    (void)readahead(job->fd, 0, AHEAD);
    return 0;
}

/* --- the answer --- */

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        { ".css", "text/css" },
        { ".gif", "image/gif" },
        { ".html", "text/html; charset=utf-8" },
        { ".jpg", "image/jpeg" },
        { ".js", "text/javascript" },
        { ".json", "application/json" },
        { ".png", "image/png" },
        { ".svg", "image/svg+xml" },
        { ".txt", "text/plain; charset=utf-8" },
        { ".webp", "image/webp" },
        { ".xml", "application/xml" },
    };
    const char *dot = strrchr(path, '.');
    size_t i;

    for (i = 0; dot && i < sizeof(types) / sizeof(*types); i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static unsigned status_of(int error)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
    case -EXDEV: /* a link out of the root */
    case -ELOOP:
        return HTTP_STATUS_FORBIDDEN;
    case -ENOENT:
    case -ENOTDIR:
        return HTTP_STATUS_NOT_FOUND;
    case -ENAMETOOLONG:
        return HTTP_STATUS_URI_TOO_LONG;
    default:
        return HTTP_STATUS_SERVICE_UNAVAILABLE;
    }
}

/* Compared as text: a client sends back what it was given. */
static void answer_found(struct job *job)
{
    struct exchange *exchange = job->exchange;
    const struct span *since = head_value(&exchange->head, "if-modified-since");
    char extra[DATE_SIZE + 16] = "Last-Modified: ";
    char *date = extra + strlen(extra);
    struct tm when;
    int fd = job->fd;

    job->fd = -1;
    (void)strftime(date, DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT",
                   gmtime_r(&job->stat.st_mtime, &when));
    if (since && span_is_exact(*since, date)) {
        (void)close(fd);
        answer_status(exchange, HTTP_STATUS_NOT_MODIFIED, extra);
        return;
    }
    answer_file(exchange, HTTP_STATUS_OK, type_of(job->path), extra, fd, 0,
                (uint64_t)job->stat.st_size);
}

/* Relative links of an index need the / at the end.  The path is what came,
 * which has no control characters. */
static void answer_moved(struct exchange *exchange)
{
    const struct span *path = &exchange->head.path;
    char extra[OUT_ROOM / 2];

    if (path->size + 16 > sizeof(extra) ||
        (path->size > 1 && path->at[1] == '/')) {
        answer_status(exchange, HTTP_STATUS_NOT_FOUND, NULL);
        return;
    }
    (void)snprintf(extra, sizeof(extra), "Location: %.*s/", (int)path->size,
                   path->at);
    answer_status(exchange, HTTP_STATUS_MOVED_PERMANENTLY, extra);
}

static void after(em_baton *baton, int status, void *data)
{
    struct job *job = data;
    struct exchange *exchange = job->exchange;

    (void)baton;
    if (exchange) {
        exchange->on_abort = NULL;
        if (status == 0)
            answer_found(job);
        else if (job->is_directory)
            answer_moved(exchange);
        else
            answer_status(exchange, status_of(status), NULL);
    }
    if (job->fd >= 0)
        (void)close(job->fd);
    free(job);
}

static void on_abort(struct exchange *exchange)
{
    struct job *job = exchange->by;

    job->exchange = NULL;
}

/* --- the request --- */

static int start(struct files *files, struct exchange *exchange,
                 struct job **ret)
{
    const struct span *path = &exchange->head.path;
    struct job *job;
    const char *from;

    job = calloc(1, sizeof(*job) + path->size + sizeof(index_name) + 1);
    if (!job)
        return HTTP_STATUS_SERVICE_UNAVAILABLE;
    *ret = job;
    job->root = files->root;
    job->fd = -1;
    if (decode(*path, job->path) < 0 || climbs(job->path))
        return HTTP_STATUS_BAD_REQUEST;
    from = job->path + strspn(job->path, "/");
    memmove(job->path, from, strlen(from) + 1);
    job->exchange = exchange;
    if (em_baton_run(exchange->connection->server->loop, work, after, job) < 0)
        return HTTP_STATUS_SERVICE_UNAVAILABLE;
    exchange->by = job;
    exchange->on_abort = on_abort;
    return 0;
}

void files_request(struct files *files, struct exchange *exchange)
{
    struct job *job = NULL;
    unsigned method = exchange->head.method;
    int status;

    if (method != HTTP_GET && method != HTTP_HEAD) {
        answer_status(exchange, HTTP_STATUS_METHOD_NOT_ALLOWED,
                      "Allow: GET, HEAD");
        return;
    }
    status = start(files, exchange, &job);
    if (status == 0)
        return;
    free(job);
    answer_status(exchange, (unsigned)status, NULL);
}
