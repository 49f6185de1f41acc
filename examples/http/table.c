/* SPDX-License-Identifier: MIT */
/* Table: see table.h. */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "head.h"
#include "table.h"

enum { SLOTS_MAX = 64 };

struct entry {
    struct entry *next;
    char *key; /* NULL: all others */
    size_t size;
    unsigned count, turn;
    unsigned slots[SLOTS_MAX];
};

struct table {
    enum by by;
    struct entry *entries;
};

/* --- reading --- */

static int wrong(const char *path, unsigned line, const char *why)
{
    fprintf(stderr, "server: %s:%u: %s\n", path, line, why);
    return -EINVAL;
}

static bool read_slots(struct entry *entry, char **rest, unsigned slots)
{
    unsigned long slot;
    char *word, *end;

    while ((word = strtok_r(NULL, " \t\n", rest))) {
        slot = strtoul(word, &end, 10);
        if (*end || !isdigit((unsigned char)*word) || slot >= slots ||
            entry->count == SLOTS_MAX)
            return false;
        entry->slots[entry->count++] = (unsigned)slot;
    }
    return entry->count > 0;
}

static int add(struct table *table, const char *key)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return -ENOMEM;
    entry->next = table->entries;
    table->entries = entry;
    if (strcmp(key, "*") == 0)
        return 0;
    entry->key = strdup(key);
    entry->size = strlen(key);
    return entry->key ? 0 : -ENOMEM;
}

/* Returns 1 for a line that means nothing. */
static int read_line(struct table *table, char *line, unsigned slots)
{
    char *word, *rest;
    int r;

    line[strcspn(line, "#")] = 0;
    word = strtok_r(line, " \t\n", &rest);
    if (!word)
        return 0;
    r = add(table, word);
    if (r < 0)
        return r;
    return read_slots(table->entries, &rest, slots) ? 0 : -EINVAL;
}

static int read_lines(struct table *table, FILE *file, const char *path,
                      unsigned slots)
{
    unsigned count = 0;
    char *line = NULL;
    size_t room = 0;
    int r = 0;

    while (r == 0 && getline(&line, &room, file) >= 0) {
        count++;
        r = read_line(table, line, slots);
    }
    free(line);
    if (r == -EINVAL)
        return wrong(path, count, "a path or host and its slots are wanted");
    return r < 0 ? r : ferror(file) ? -EIO : 0;
}

int table_read(const char *path, enum by by, unsigned slots, struct table **ret)
{
    FILE *file = fopen(path, "re");
    struct table *table;
    int r;

    if (!file)
        return -errno;
    table = calloc(1, sizeof(*table));
    r = table ? 0 : -ENOMEM;
    if (table) {
        table->by = by;
        r = read_lines(table, file, path, slots);
    }
    (void)fclose(file);
    if (r < 0)
        table_free(table);
    else
        *ret = table;
    return r;
}

void table_free(struct table *table)
{
    struct entry *entry;

    while (table && (entry = table->entries)) {
        table->entries = entry->next;
        free(entry->key);
        free(entry);
    }
    free(table);
}

/* --- looking up --- */

static bool matches(const struct table *table, const struct entry *entry,
                    struct span key)
{
    if (!entry->key)
        return true;
    if (table->by == BY_HOST)
        return span_is(key, entry->key);
    return entry->size <= key.size &&
           memcmp(entry->key, key.at, entry->size) == 0;
}

/* The longest key counts. */
static int look_up(struct table *table, struct span key)
{
    struct entry *entry, *best = NULL;

    for (entry = table->entries; entry; entry = entry->next)
        if (matches(table, entry, key) && (!best || best->size <= entry->size))
            best = entry;
    if (!best)
        return -ENOENT;
    return (int)best->slots[best->turn++ % best->count];
}

/* --- what to look for --- */

static struct span until(struct span text, const char *ends)
{
    size_t i;

    for (i = 0; i < text.size; i++)
        if (text.at[i] && strchr(ends, text.at[i]))
            break;
    return (struct span){ text.at, i };
}

static struct span after(struct span text, size_t size)
{
    return (struct span){ text.at + size, text.size - size };
}

/* Where the host begins in http://HOST/PATH, which has both in the request
 * line; else 0. */
static size_t origin(struct span target)
{
    size_t size = until(target, ":/?").size;

    if (target.size - size < 3 || memcmp(target.at + size, "://", 3) != 0)
        return 0;
    return size + 3;
}

static struct span path_of(struct span target)
{
    if (origin(target)) {
        target = after(target, origin(target));
        target = after(target, until(target, "/?").size);
        if (target.size == 0 || *target.at == '?')
            return (struct span){ "/", 1 };
    }
    return until(target, "?");
}

/* Without its port; of [::1]:80 that is [::1]. */
static struct span host_of(struct span text)
{
    size_t size = text.size > 0 && *text.at == '[' ? until(text, "]").size : 0;
    struct span rest = after(text, size);

    return (struct span){ text.at, size + until(rest, ":/? \t\r").size };
}

/* The value of the first Host line below the request line. */
static bool find_host(struct span lines, struct span *host)
{
    struct span line;

    while ((line = until(lines, "\n")).size < lines.size) {
        lines = after(lines, line.size + 1);
        if (line.size <= 1) {
            *host = (struct span){ "", 0 };
            return true;
        }
        if (line.size > 5 && strncasecmp(line.at, "Host:", 5) == 0) {
            line = after(line, 5);
            while (line.size > 0 && (*line.at == ' ' || *line.at == '\t'))
                line = after(line, 1);
            *host = host_of(line);
            return true;
        }
    }
    return false;
}

int table_route(struct table *table, const char *first, size_t size)
{
    struct span all = { first, size }, line, target, key;

    while (all.size > 0 && (*all.at == '\r' || *all.at == '\n'))
        all = after(all, 1);
    line = until(all, "\n");
    if (line.size == all.size)
        return size >= TABLE_PEEK ? 0 : -EAGAIN;
    target = after(line, until(line, " ").size);
    if (target.size > 0)
        target = until(after(target, 1), " \r");
    if (table->by == BY_PATH)
        key = path_of(target);
    else if (origin(target))
        key = host_of(after(target, origin(target)));
    else if (!find_host(after(all, line.size + 1), &key))
        return size >= TABLE_PEEK ? 0 : -EAGAIN;
    return key.size == 0 && table->by == BY_PATH ? 0 : look_up(table, key);
}
