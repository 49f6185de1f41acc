/* SPDX-License-Identifier: MIT */
/* Status: see status.h. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "connection.h"
#include "server.h"
#include "status.h"

/* What is shown of each process, in the order of the columns. */
static const struct {
    const char *name;
    size_t at;
} fields[] = {
#define FIELD(name)                           \
    {                                         \
#name, offsetof(struct figures, name) \
    }
    FIELD(started),     FIELD(accepted),     FIELD(open),
    FIELD(requests),    FIELD(bytes_out),    FIELD(refused),
    FIELD(timed_out),   FIELD(log_lost),     FIELD(pool_threads),
    FIELD(pool_queued), FIELD(pool_running), FIELD(pool_done),
    FIELD(loop_turns),  FIELD(loop_idle_us), FIELD(loop_longest_us),
#undef FIELD
};

enum { FIELDS = sizeof(fields) / sizeof(*fields) };

static unsigned long long value(struct figures *of, unsigned field)
{
    return figure_get((figure *)((char *)of + fields[field].at));
}

typedef void row_fn(FILE *page, struct figures *of, pid_t pid);

static void each_process(FILE *page, struct board *board, row_fn *row,
                         const char *between)
{
    bool first = true;
    unsigned i;
    pid_t pid;

    for (i = 0; i < board->count; i++) {
        pid = atomic_load(&board->of[i].pid);
        if (!pid)
            continue;
        if (!first)
            fputs(between, page);
        first = false;
        row(page, &board->of[i], pid);
    }
}

/* --- JSON --- */

static void json_answers(FILE *page, struct figures *of)
{
    unsigned i;

    fputs(", \"answers\": {", page);
    for (i = 1; i < 6; i++)
        fprintf(page, "%s\"%uxx\": %llu", i > 1 ? ", " : "", i,
                (unsigned long long)figure_get(&of->answers[i]));
    fputs("}}", page);
}

static void json_fields(FILE *page, struct figures *of)
{
    unsigned i;

    for (i = 0; i < FIELDS; i++)
        fprintf(page, "%s\"%s\": %llu", i > 0 ? ", " : "", fields[i].name,
                value(of, i));
    json_answers(page, of);
}

static void json_row(FILE *page, struct figures *of, pid_t pid)
{
    fprintf(page, "\n  {\"pid\": %d, \"slot\": %d, ", (int)pid,
            atomic_load(&of->slot));
    json_fields(page, of);
}

/* ended: the sum of the processes that have. */
static void json(FILE *page, struct board *board)
{
    fprintf(page,
            "{\"requests\": %llu, \"reloads\": %llu, \"exits\": %llu,\n"
            " \"ended\": {",
            (unsigned long long)figure_get(&board->number),
            (unsigned long long)figure_get(&board->reloads),
            (unsigned long long)figure_get(&board->exits));
    json_fields(page, &board->ended);
    fputs(",\n \"processes\": [", page);
    each_process(page, board, json_row, ",");
    fputs("\n]}\n", page);
}

/* --- HTML --- */

static void html_fields(FILE *page, struct figures *of)
{
    unsigned i;

    for (i = 0; i < FIELDS; i++)
        fprintf(page, "<td>%llu", value(of, i));
    for (i = 1; i < 6; i++)
        fprintf(page, "<td>%llu",
                (unsigned long long)figure_get(&of->answers[i]));
    fputs("\n", page);
}

static void html_row(FILE *page, struct figures *of, pid_t pid)
{
    fprintf(page, "<tr><td>%d<td>%d", (int)pid, atomic_load(&of->slot));
    html_fields(page, of);
}

static void html_titles(FILE *page)
{
    unsigned i;

    fputs("<table><tr><th>process<th>slot", page);
    for (i = 0; i < FIELDS; i++)
        fprintf(page, "<th>%s", fields[i].name);
    for (i = 1; i < 6; i++)
        fprintf(page, "<th>%uxx", i);
    fputs("\n", page);
}

static void html(FILE *page, struct board *board)
{
    fprintf(page,
            "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
            "<title>server</title>\n<style>table{border-collapse:collapse}"
            "td,th{padding:.2em .5em;text-align:right;"
            "border-bottom:1px solid}</style>\n"
            "<p>%llu requests, %llu reloads, %llu processes ended\n",
            (unsigned long long)figure_get(&board->number),
            (unsigned long long)figure_get(&board->reloads),
            (unsigned long long)figure_get(&board->exits));
    html_titles(page);
    each_process(page, board, html_row, "");
    fputs("<tr><td>ended<td>", page);
    html_fields(page, &board->ended);
    fputs("</table></html>\n", page);
}

/* --- the request --- */

bool status_answer(struct exchange *exchange)
{
    bool is_json = span_is_exact(exchange->head.path, "/_status.json");
    struct board *board = exchange->connection->server->board;
    char *text = NULL;
    size_t size = 0;
    FILE *page;

    if (!is_json && !span_is_exact(exchange->head.path, "/_status"))
        return false;
    page = open_memstream(&text, &size);
    if (page)
        (is_json ? json : html)(page, board);
    if (!page || fclose(page) != 0) {
        free(text);
        answer_status(exchange, HTTP_STATUS_SERVICE_UNAVAILABLE, NULL);
        return true;
    }
    answer_memory(exchange, HTTP_STATUS_OK,
                  is_json ? "application/json" : "text/html; charset=utf-8",
                  text, size);
    return true;
}
