/* SPDX-License-Identifier: MIT */
/* Emit: the floors, and the names. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"

#define APART __attribute__((__noinline__))

typedef void callback(void *object, void *arg, void *data);

static void *volatile seen[LISTENERS];

#define DEFINE(n)                                                \
    static void callback##n(void *object, void *arg, void *data) \
    {                                                            \
        (void)object, (void)data;                                \
        seen[n] = arg;                                           \
    }
TEN(DEFINE)

#define NAME(n) callback##n,
static callback *const callbacks[] = { TEN(NAME) };

int names_make(names *n, unsigned long size)
{
    uint32_t seed = 1;
    unsigned long i;

    n->text = calloc(size, NAME_SIZE);
    if (!n->text)
        return -ENOMEM;
    for (i = 0; i < size; i++)
        (void)snprintf(n->text[i], NAME_SIZE, "benchmark-%04lu", i % 10000);
    for (i = 0; i < ORDER; i++) {
        seed = seed * 1103515245u + 12345u;
        n->order[i] = (unsigned short)((seed >> 16) % size);
    }
    return 0;
}

void names_free(names *n)
{
    free(n->text);
}

/* --- an array --- */

typedef struct array {
    struct {
        callback *fn;
        void *data;
    } items[LISTENERS + 1];
    size_t count;
} array;

static APART bool array_emit(array *a, void *object, void *arg)
{
    size_t i;

    for (i = 0; i < a->count; i++)
        a->items[i].fn(object, arg, a->items[i].data);
    return a->count > 0;
}

static APART void array_add(array *a, callback *fn, void *data)
{
    a->items[a->count].fn = fn;
    a->items[a->count++].data = data;
}

static APART bool array_remove(array *a, callback *fn, const void *data)
{
    size_t i = a->count;

    while (i-- > 0) {
        if (a->items[i].fn != fn || a->items[i].data != data)
            continue;
        a->count--;
        memmove(&a->items[i], &a->items[i + 1],
                (a->count - i) * sizeof(a->items[0]));
        return true;
    }
    return false;
}

int emit_array_setup(bench_run *run)
{
    array *a = calloc(1, sizeof(*a));
    unsigned long i;

    if (!a)
        return -ENOMEM;
    for (i = 0; i < run->parameter->size; i++)
        array_add(a, callbacks[i], NULL);
    run->state = a;
    return 0;
}

int emit_array(bench_run *run)
{
    array *a = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)array_emit(a, a, a);
    return 0;
}

int emit_array_on_off(bench_run *run)
{
    array *a = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++) {
        array_add(a, callbacks[LISTENERS - 1], a);
        (void)array_remove(a, callbacks[LISTENERS - 1], a);
    }
    return 0;
}

int emit_array_once(bench_run *run)
{
    array *a = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++) {
        array_add(a, callbacks[0], a);
        (void)array_emit(a, a, a);
        (void)array_remove(a, callbacks[0], a);
    }
    return 0;
}

int emit_array_teardown(bench_run *run)
{
    free(run->state);
    return 0;
}

int emit_empty(bench_run *run)
{
    unsigned long i;

    for (i = 0; i < run->count; i++)
        __asm__ volatile("");
    return 0;
}

/* --- a hash of the name in front --- */

typedef struct entry {
    char *name;
    array array;
} entry;

typedef struct table {
    entry *entries;
    uint32_t mask;
    names names;
} table;

static uint32_t fnv1a(const char *text)
{
    uint32_t hash = 2166136261u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

static entry *table_find(table *t, const char *name)
{
    uint32_t i = fnv1a(name) & t->mask;

    while (t->entries[i].name && strcmp(t->entries[i].name, name) != 0)
        i = (i + 1) & t->mask;
    return &t->entries[i];
}

static APART bool table_emit(table *t, const char *name, void *arg)
{
    entry *e = table_find(t, name);

    return e->name && array_emit(&e->array, t, arg);
}

static int table_make(bench_run *run, unsigned long size)
{
    table *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    run->state = t;
    t->mask = 15;
    while (t->mask < size * 2)
        t->mask = t->mask * 2 + 1;
    t->entries = calloc((size_t)t->mask + 1, sizeof(entry));
    return t->entries ? 0 : -ENOMEM;
}

static int table_add(table *t, const char *name, callback *fn)
{
    entry *e = table_find(t, name);

    if (!e->name)
        e->name = strdup(name);
    array_add(&e->array, fn, NULL);
    return e->name ? 0 : -ENOMEM;
}

static int table_free(bench_run *run)
{
    table *t = run->state;
    uint32_t i;

    for (i = 0; i <= t->mask; i++)
        free(t->entries[i].name);
    names_free(&t->names);
    free(t->entries);
    free(t);
    return 0;
}

int emit_hash_setup(bench_run *run)
{
    int r = table_make(run, 1);
    unsigned long i;

    for (i = 0; i < run->parameter->size && r == 0; i++)
        r = table_add(run->state, EVENT, callbacks[i]);
    return r;
}

int emit_hash(bench_run *run)
{
    table *t = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)table_emit(t, EVENT, t);
    return 0;
}

int emit_hash_teardown(bench_run *run)
{
    return table_free(run);
}

int emit_hash_names_setup(bench_run *run)
{
    unsigned long i, size = run->parameter->size;
    int r = table_make(run, size);
    table *t = run->state;

    if (r == 0)
        r = names_make(&t->names, size);
    for (i = 0; i < size && r == 0; i++)
        r = table_add(t, t->names.text[i], callbacks[i % LISTENERS]);
    return r;
}

int emit_hash_names(bench_run *run)
{
    char buffer[NAME_SIZE];
    char *copy = run->parameter->threads ? buffer : NULL;
    table *t = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)table_emit(t, names_get(&t->names, i, copy), t);
    return 0;
}

int emit_hash_names_teardown(bench_run *run)
{
    return table_free(run);
}

/* --- arrays by number --- */

typedef struct arrays {
    array *arrays;
    names names;
} arrays;

int emit_array_names_setup(bench_run *run)
{
    unsigned long i, size = run->parameter->size;
    arrays *a = calloc(1, sizeof(*a));

    if (!a)
        return -ENOMEM;
    run->state = a;
    a->arrays = calloc(size, sizeof(array));
    if (!a->arrays)
        return -ENOMEM;
    for (i = 0; i < size; i++)
        array_add(&a->arrays[i], callbacks[i % LISTENERS], NULL);
    return names_make(&a->names, size);
}

int emit_array_names(bench_run *run)
{
    arrays *a = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)array_emit(&a->arrays[a->names.order[i % ORDER]], a, a);
    return 0;
}

int emit_array_names_teardown(bench_run *run)
{
    arrays *a = run->state;

    names_free(&a->names);
    free(a->arrays);
    free(a);
    return 0;
}

/* --- a locked list to another thread --- */

typedef struct item {
    struct item *next;
    uintptr_t number;
} item;

typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    item *first, **last;
    unsigned long count;
    int error;
} queue;

int emit_queue_setup(bench_run *run)
{
    queue *q = calloc(1, sizeof(*q));

    if (!q)
        return -ENOMEM;
    run->state = q;
    q->last = &q->first;
    (void)pthread_cond_init(&q->filled, NULL);
    return -pthread_mutex_init(&q->lock, NULL);
}

static void *send_all(void *data)
{
    queue *q = data;
    uintptr_t i;

    for (i = 0; i < q->count; i++) {
        item *sent = malloc(sizeof(*sent));

        if (!sent)
            abort();
        *sent = (item){ NULL, i };
        (void)pthread_mutex_lock(&q->lock);
        if (!q->first)
            (void)pthread_cond_signal(&q->filled);
        *q->last = sent;
        q->last = &sent->next;
        (void)pthread_mutex_unlock(&q->lock);
    }
    return NULL;
}

static item *take_all(queue *q)
{
    item *all;

    (void)pthread_mutex_lock(&q->lock);
    while (!q->first)
        (void)pthread_cond_wait(&q->filled, &q->lock);
    all = q->first;
    q->first = NULL;
    q->last = &q->first;
    (void)pthread_mutex_unlock(&q->lock);
    return all;
}

int emit_queue(bench_run *run)
{
    queue *q = run->state;
    unsigned long taken = 0;
    pthread_t thread;
    item *all, *next;
    int r;

    q->count = run->count;
    r = -pthread_create(&thread, NULL, send_all, q);
    if (r < 0)
        return r;
    while (taken < q->count) {
        for (all = take_all(q); all; all = next) {
            next = all->next;
            if (all->number != taken++)
                q->error = -EILSEQ;
            free(all);
        }
    }
    (void)pthread_join(thread, NULL);
    return q->error;
}

int emit_queue_teardown(bench_run *run)
{
    free(run->state);
    return 0;
}
