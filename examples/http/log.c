/* SPDX-License-Identifier: MIT */
/* Log: see log.h. */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "log.h"

enum { LINE_MAX_SIZE = 1024, TARGET_MAX = 512 };

static void on_time(em_source *source, void *data)
{
    struct log *log = data;

    (void)source;
    log->armed = false;
    log_flush(log);
}

int log_open(struct log *log, em_loop *loop, int fd, struct figures *figures)
{
    int r;

    *log = (struct log){ .fd = fd, .loop = loop, .figures = figures };
    if (fd < 0)
        return 0;
    log->lines = malloc(LOG_SIZE);
    log->write_lines = malloc(LOG_SIZE);
    r = log->lines && log->write_lines ? 0 : -ENOMEM;
    if (r == 0)
        r = em_loop_add_timer(loop, UINT64_MAX, 0, on_time, log, &log->timer);
    if (r < 0)
        log_free(log);
    return r;
}

/* A pool thread. */
static int write_lines(em_baton *baton, void *data)
{
    struct log *log = data;
    size_t done = 0;
    ssize_t n;

    (void)baton;
    while (done < log->write_size) {
        n = write(log->fd, log->write_lines + done, log->write_size - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static uint64_t count_lines(const char *lines, size_t size)
{
    uint64_t count = 0;
    size_t i;

    for (i = 0; i < size; i++)
        count += lines[i] == '\n';
    return count;
}

static void written(em_baton *baton, int status, void *data)
{
    struct log *log = data;

    (void)baton;
    if (status < 0)
        figure_add(&log->figures->log_lost,
                   count_lines(log->write_lines, log->write_size));
    log->writing = false;
    if (log->size >= LOG_FLUSH || (log->size > 0 && !log->armed))
        log_flush(log);
}

void log_flush(struct log *log)
{
    char *lines = log->lines;

    if (log->writing || log->size == 0)
        return;
    log->lines = log->write_lines;
    log->write_lines = lines;
    log->write_size = log->size;
    log->size = 0;
    log->writing = true;
    if (em_baton_run(log->loop, write_lines, written, log) < 0)
        written(NULL, -ENOMEM, log);
}

/* What a client sent must not end a line or a quotation. */
static size_t put_quoted(char *to, struct span text)
{
    size_t size = text.size < TARGET_MAX ? text.size : TARGET_MAX, i;

    for (i = 0; i < size; i++)
        to[i] = text.at[i] >= ' ' && text.at[i] < 127 && text.at[i] != '"' &&
                        text.at[i] != '\\'
                    ? text.at[i]
                    : '?';
    return size;
}

static size_t put_time(char *to)
{
    time_t now = time(NULL);
    struct tm when;

    return strftime(to, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &when));
}

/* PEER TIME "METHOD TARGET" STATUS BYTES NUMBER */
static size_t format(char *line, const struct connection *connection)
{
    const struct exchange *exchange = connection->exchange;
    bool parsed = exchange->head.target.size > 0;
    char peer[INET6_ADDRSTRLEN];
    size_t n;

    n = (size_t)sprintf(line, "%s ", peer_text(&connection->peer, peer));
    n += put_time(line + n);
    n += (size_t)sprintf(
        line + n, " \"%s ",
        parsed ? http_method_str((enum http_method)exchange->head.method)
               : "-");
    if (parsed)
        n += put_quoted(line + n, exchange->head.target);
    n += (size_t)sprintf(line + n, "\" %u %llu %llu\n", exchange->status,
                         (unsigned long long)exchange->sent,
                         (unsigned long long)exchange->number);
    return n;
}

void log_request(struct log *log, const struct connection *connection)
{
    if (LOG_SIZE - log->size < LINE_MAX_SIZE) {
        figure_add(&log->figures->log_lost, 1);
        return;
    }
    log->size += format(log->lines + log->size, connection);
    if (log->size >= LOG_FLUSH) {
        log_flush(log);
    } else if (!log->armed) {
        log->armed = true;
        (void)em_source_set_timer(log->timer, LOG_MS, 0);
    }
}

void log_free(struct log *log)
{
    em_source_remove(log->timer);
    free(log->lines);
    free(log->write_lines);
    *log = (struct log){ .fd = -1 };
}
