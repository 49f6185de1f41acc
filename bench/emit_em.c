/* SPDX-License-Identifier: MIT */
/* Emit: libemitter. */

#include <config.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <emitter.h>

#include "emit.h"

static void *volatile seen[LISTENERS];

#define DEFINE(n)                                                 \
    static void listener##n(em_emitter *e, void *arg, void *data) \
    {                                                             \
        (void)e, (void)data;                                      \
        seen[n] = arg;                                            \
    }
TEN(DEFINE)

#define NAME(n) listener##n,
static em_listener_fn *const listeners[] = { TEN(NAME) };

typedef struct em_user {
    em_emitter emitter;
    const char *event;
    names names;
    const char **interned;
    em_listener **handles;
} em_user;

static int make_user(bench_run *run, em_user **ret)
{
    em_user *u = calloc(1, sizeof(*u));

    if (!u)
        return -ENOMEM;
    em_emitter_init(&u->emitter, NULL, NULL);
    em_set_max_listeners(&u->emitter, 0);
    run->state = *ret = u;
    return 0;
}

int emit_em_setup(bench_run *run)
{
    unsigned long i;
    em_user *u;
    int r;

    u = calloc(1, sizeof(*u));
    if (!u)
        return -ENOMEM;
    run->state = u;
    em_emitter_init(&u->emitter, NULL, NULL);
    u->event = em_intern(EVENT);
    for (i = 0; i < run->parameter->size; i++) {
        r = em_on(&u->emitter, EVENT, listeners[i], NULL);
        if (r < 0)
            return r;
    }
    return 0;
}

int emit_em_interned(bench_run *run)
{
    em_user *u = run->state;
    const char *event = u->event;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)em_emit(&u->emitter, event, u);
    return 0;
}

int emit_em_literal(bench_run *run)
{
    em_user *u = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)em_emit(&u->emitter, EVENT, u);
    return 0;
}

int emit_em_teardown(bench_run *run)
{
    em_user *u = run->state;

    em_unref(&u->emitter);
    em_name_unref(u->event);
    free(u);
    return 0;
}

/* --- among many names --- */

int emit_em_names_setup(bench_run *run)
{
    unsigned long i, size = run->parameter->size;
    em_user *u;
    int r = make_user(run, &u);

    if (r == 0)
        r = names_make(&u->names, size);
    if (r < 0)
        return r;
    u->interned = calloc(size, sizeof(*u->interned));
    if (!u->interned)
        return -ENOMEM;
    for (i = 0; i < size && r == 0; i++) {
        u->interned[i] = em_intern(u->names.text[i]);
        r = em_on(&u->emitter, u->names.text[i], listeners[i % LISTENERS],
                  NULL);
    }
    return r;
}

int emit_em_names(bench_run *run)
{
    char buffer[NAME_SIZE];
    char *copy = run->parameter->threads ? buffer : NULL;
    em_user *u = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)em_emit(&u->emitter, names_get(&u->names, i, copy), u);
    return 0;
}

int emit_em_names_interned(bench_run *run)
{
    em_user *u = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++)
        (void)em_emit(&u->emitter, u->interned[u->names.order[i % ORDER]], u);
    return 0;
}

int emit_em_names_teardown(bench_run *run)
{
    unsigned long i;
    em_user *u = run->state;

    for (i = 0; i < run->parameter->size; i++)
        em_name_unref(u->interned[i]);
    names_free(&u->names);
    free(u->interned);
    em_unref(&u->emitter);
    free(u);
    return 0;
}

/* --- adding and removing --- */

int emit_em_on_off(bench_run *run)
{
    em_user *u = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++) {
        (void)em_on(&u->emitter, EVENT, listeners[LISTENERS - 1], u);
        (void)em_off(&u->emitter, EVENT, listeners[LISTENERS - 1], u);
    }
    return 0;
}

int emit_em_once(bench_run *run)
{
    em_user *u = run->state;
    unsigned long i;

    for (i = 0; i < run->count; i++) {
        (void)em_once(&u->emitter, EVENT, listeners[0], u);
        (void)em_emit(&u->emitter, EVENT, u);
    }
    return 0;
}

static int add_handle(em_user *u, em_listener **handle)
{
    return em_listen(&u->emitter, EVENT,
                     EM_OPTIONS(em_listen_options, .fn = listeners[0]), handle);
}

/* size listeners are there, and in each turn one goes and another one comes. */
int emit_em_handle_setup(bench_run *run)
{
    unsigned long i, size = run->parameter->size;
    em_user *u;
    int r = make_user(run, &u);

    if (r < 0)
        return r;
    u->handles = calloc(size, sizeof(em_listener *));
    if (!u->handles)
        return -ENOMEM;
    for (i = 0; i < size && r == 0; i++)
        r = add_handle(u, &u->handles[i]);
    return r;
}

int emit_em_handle(bench_run *run)
{
    unsigned long i, size = run->parameter->size;
    em_user *u = run->state;
    em_listener **handle;
    int r = 0;

    for (i = 0; i < run->count && r == 0; i++) {
        handle = &u->handles[i * 7919 % size];
        em_listener_remove(*handle);
        r = add_handle(u, handle);
    }
    return r;
}

int emit_em_handle_teardown(bench_run *run)
{
    em_user *u = run->state;

    em_unref(&u->emitter);
    free(u->handles);
    free(u);
    return 0;
}

/* --- memory --- */

/* Bytes of the heap an emitter, count of them being in one array. */
int emit_em_memory(bench_run *run)
{
    em_emitter *emitters = calloc(run->count, sizeof(*emitters));
    size_t before = mallinfo2().uordblks;
    unsigned long i, k;

    if (!emitters)
        return -ENOMEM;
    for (i = 0; i < run->count; i++) {
        em_emitter_init(&emitters[i], NULL, NULL);
        for (k = 0; k < run->parameter->size; k++)
            (void)em_on(&emitters[i], EVENT, listeners[k], NULL);
    }
    run->value = (double)(mallinfo2().uordblks - before) / (double)run->count +
                 (double)sizeof(*emitters);
    for (i = 0; i < run->count; i++)
        em_unref(&emitters[i]);
    free(emitters);
    return 0;
}

/* --- posts --- */

typedef struct post_user {
    em_emitter *emitter;
    em_loop *loop;
    unsigned long count, next;
    bool disorder;
} post_user;

static void count_post(em_emitter *e, void *arg, void *data)
{
    post_user *u = data;

    (void)e;
    u->disorder = u->disorder || (uintptr_t)arg != u->next;
    u->next++;
}

int emit_em_post_setup(bench_run *run)
{
    post_user *u = calloc(1, sizeof(*u));
    int r;

    if (!u)
        return -ENOMEM;
    run->state = u;
    r = em_loop_new(NULL, &u->loop);
    if (r == 0)
        r = em_emitter_new(u->loop, &u->emitter);
    return r < 0 ? r : em_on(u->emitter, EVENT, count_post, u);
}

static void *post_all(void *data)
{
    post_user *u = data;
    uintptr_t i;

    for (i = 0; i < u->count; i++)
        (void)em_post(u->emitter, EVENT, (void *)i, NULL);
    return NULL;
}

int emit_em_post(bench_run *run)
{
    post_user *u = run->state;
    pthread_t thread;
    int r;

    u->count = run->count;
    em_loop_ref(u->loop);
    r = -pthread_create(&thread, NULL, post_all, u);
    while (r == 0 && u->next < u->count) {
        r = em_loop_run(u->loop, EM_RUN_ONCE);
        if (r > 0)
            r = 0;
    }
    (void)pthread_join(thread, NULL);
    em_loop_unref(u->loop);
    return u->disorder ? -EILSEQ : r;
}

int emit_em_post_teardown(bench_run *run)
{
    post_user *u = run->state;

    em_unref(u->emitter);
    em_loop_free(u->loop);
    free(u);
    return 0;
}
