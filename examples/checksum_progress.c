/* SPDX-License-Identifier: MIT */
/* Progress: a bar on standard error while a job runs, if that is a terminal. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "checksum_progress.h"

enum {
    INTERVAL_MS = 100,
    WIDTH = 20,
    FILE_COST = 16 << 10 /* opening one takes as long as reading this much */
};

static int count_files(em_baton *baton, void *data)
{
    struct progress *progress = data;
    struct walk_file file;
    int fd, r = 0;

    while (!em_baton_cancelled(baton)) {
        r = walk_next(&progress->walk, &file);
        if (r <= 0)
            break;
        fd = walk_open(&file);
        progress->total_files++;
        if (fd >= 0) {
            progress->total_bytes += file.size;
            close(fd);
        }
        free(file.path);
    }
    return r;
}

static void after_count(em_baton *baton, int status, void *data)
{
    struct progress *progress = data;

    progress->counted = status == 0;
    progress->count = NULL;
    walk_end(&progress->walk);
    em_baton_unref(baton);
}

static const char *bytes_text(double bytes, char *text, size_t size)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t i = 0;

    while (bytes >= 999.5 && i < sizeof(units) / sizeof(units[0]) - 1) {
        bytes /= 1000;
        i++;
    }
    snprintf(text, size, "%.*f %s", bytes < 9.95 && i > 0 ? 1 : 0, bytes,
             units[i]);
    return text;
}

static void draw_bar(const struct progress *progress, double bytes,
                     double seconds)
{
    double files = (double)progress->job->files;
    double done = bytes + files * FILE_COST;
    double total = (double)progress->total_bytes +
                   (double)progress->total_files * FILE_COST;
    double part = done < total ? done / total : 1;
    unsigned long left = (unsigned long)(seconds / part * (1 - part) + 0.5);
    int filled = (int)(part * WIDTH);

    fprintf(stderr, "[%.*s%.*s] %3d%%, %lu:%02lu left, ", filled,
            "####################", WIDTH - filled, "--------------------",
            (int)(part * 100), left / 60, left % 60);
}

static void draw(em_source *timer, void *data)
{
    struct progress *progress = data;
    struct job *job = progress->job;
    uint64_t now = em_loop_now(em_source_loop(timer));
    double seconds = (double)(now - progress->started_ms) / 1000;
    double bytes = (double)atomic_load(&job->bytes);
    char amount[16], rate[16];

    progress_clear(progress);
    progress->drawn = true;
    if (progress->counted && (bytes > 0 || job->files > 0))
        draw_bar(progress, bytes, seconds);
    fprintf(stderr, "%llu files, %s, %s/s", (unsigned long long)job->files,
            bytes_text(bytes, amount, sizeof(amount)),
            bytes_text(bytes / seconds, rate, sizeof(rate)));
}

int progress_start(struct progress *progress, struct job *job,
                   char *const *paths)
{
    int r;

    *progress = (struct progress){ .job = job };
    if (!isatty(STDERR_FILENO))
        return 0;
    progress->started_ms = em_loop_now(job->loop);
    r = em_loop_add_timer(job->loop, INTERVAL_MS, INTERVAL_MS, draw, progress,
                          &progress->timer);
    if (r < 0)
        return r;
    walk_init(&progress->walk, paths);
    r = em_baton_start(job->loop,
                       EM_OPTIONS(em_baton_options, .work = count_files,
                                  .after = after_count, .data = progress),
                       &progress->count);
    if (r < 0)
        walk_end(&progress->walk);
    return r;
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}

void progress_stop(struct progress *progress)
{
    progress_clear(progress);
    em_source_remove(progress->timer);
    progress->timer = NULL;
    if (progress->count)
        em_baton_cancel(progress->count);
}
