/* SPDX-License-Identifier: MIT */
/* Fuzz of the option structs: any size, anything behind what the library knows,
 * any value in each field that is no pointer, through every function that takes
 * options.  What is refused leaves nothing; what is accepted works. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include <emitter.h>

#include "fuzz.h"

enum { TAIL = 24 };

const char fuzz_name[] = "options";

static em_loop *loop;
static int freed, called;

/* Options as a caller of another version of the library hands them over. */
static struct {
    union {
        em_loop_options loop;
        em_pool_options pool;
        em_listen_options listen;
        em_baton_options baton;
        em_group_options group;
        size_t size;
        uint8_t bytes[256];
    } as;
} given;

static void be_freed(void *data)
{
    (void)data;
    freed++;
}

static void be_called(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    called++;
}

static void ignore(em_emitter *emitter, const em_error *error, void *data)
{
    (void)emitter, (void)error, (void)data;
}

static int work(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return 0;
}

static void after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)status, (void)data;
    called++;
}

static unsigned draw_number(void)
{
    static const unsigned odd[] = { 0,          1,          2,         3,
                                    0x7fffffff, 0x80000000, 0xffffffff };

    return odd[draw(7)];
}

static uint64_t draw_time(void)
{
    return draw(3) == 1 ? draw_word() : draw_number();
}

/* Whether the library must take the size: what it knows, or more with nothing
 * in it, or less.  What a shorter struct leaves out counts as zero. */
static int expected(size_t known)
{
    size_t i;

    for (i = known; i < known + TAIL; i++) {
        if (given.as.size > i && given.as.bytes[i])
            return -E2BIG;
    }
    return given.as.size == 0 ? -EINVAL : 0;
}

static int draw_size(size_t known)
{
    size_t i;

    given.as.size = known;
    switch (draw(6)) {
    case 1:
        given.as.size = draw((unsigned)known) & ~7u; /* whole members */
        break;
    case 2:
        given.as.size = known + draw(TAIL + 1);
        for (i = known; i < known + TAIL; i++)
            given.as.bytes[i] = (uint8_t)(draw(4) == 1 ? draw(256) : 0);
        break;
    default:
        break;
    }
    return expected(known);
}

static void promise_refusal(int r, int by_size)
{
    promise(by_size != -E2BIG || r < 0);
    promise(given.as.size != 0 || r == -EINVAL);
    promise(r == 0 || r == -EINVAL || r == -E2BIG || r == -ENOTSUP ||
            r == -ENOMEM || r == -ESHUTDOWN);
}

static void try_loop(void)
{
    em_loop *made;
    int by_size, r;

    given.as.loop = (em_loop_options){
        .budget_count = draw_number(),
        .budget_us = draw_time(),
        .stall_ms = draw_time(),
        .poller = (em_poller)draw_number(),
        .seed = draw_word(),
        .virtual_clock = draw(2),
    };
    by_size = draw_size(sizeof(given.as.loop));
    r = em_loop_new(&given.as.loop, &made);
    promise_refusal(r, by_size);
    if (r < 0)
        return;
    promise(em_loop_run(made, EM_RUN_NOWAIT) == 0);
    em_loop_free(made);
}

static void try_pool(void)
{
    unsigned min = draw_number(), max = draw_number();
    em_pool *made;
    int by_size, r;

    given.as.pool = (em_pool_options){
        .min_threads = min,
        .max_threads = max,
        .idle_ms = draw_time(),
        .queue_limit = draw_number(),
        .name = draw(2) ? "a name that is longer than threads have" : NULL,
        .aging_ms = draw_time(),
    };
    by_size = draw_size(sizeof(given.as.pool));
    r = em_pool_new(&given.as.pool, &made);
    promise_refusal(r, by_size);
    promise(given.as.size < sizeof(given.as.pool) || max == 0 || min <= max ||
            r < 0);
    if (r == 0)
        em_pool_free(made);
}

static void try_listen(em_emitter *emitter)
{
    em_listener *listener;
    int by_size, r, before = freed;

    given.as.listen = (em_listen_options){
        .fn = draw(8) == 1 ? NULL : be_called,
        .free_data = be_freed,
        .once = draw(2),
        .prepend = draw(2),
        .times = draw_number(),
        .owner = draw(4) == 1 ? emitter : NULL,
        .loop = draw(4) == 1 ? loop : NULL,
    };
    by_size = draw_size(sizeof(given.as.listen));
    r = em_listen(emitter, draw(8) == 1 ? NULL : "a", &given.as.listen,
                  &listener);
    promise_refusal(r, by_size);
    promise(freed == before);
    if (r == 0 && draw(2))
        em_listener_remove(listener);
}

static void fill_baton(em_emitter *emitter, em_pool *pool)
{
    given.as.baton = (em_baton_options){
        .work = draw(8) == 1 ? NULL : work,
        .after = after,
        .owner = draw(4) == 1 ? emitter : NULL,
        .pool = pool,
        .priority = (int)draw(12) - 6,
        .key = draw(2) ? &given : NULL,
        .timeout_ms = draw_time(),
        .unref = draw(2),
        .error_to_owner = draw(2),
        .progress_limit = draw_number(),
        .progress_wait = draw(2),
    };
}

static void try_baton(em_emitter *emitter, em_pool *pool)
{
    em_baton *baton;
    int by_size, r, before = called;
    bool has_after;

    fill_baton(emitter, pool);
    by_size = draw_size(sizeof(given.as.baton));
    if (given.as.size > offsetof(em_baton_options, data) &&
        given.as.size < offsetof(em_baton_options, pool) + sizeof(pool))
        given.as.size = sizeof(given.as.baton); /* not in the default pool */
    has_after = given.as.size >= offsetof(em_baton_options, progress);
    r = em_baton_start(loop, &given.as.baton, &baton);
    promise_refusal(r, by_size);
    if (r < 0)
        return;
    if (draw(2))
        (void)em_baton_cancel(baton);
    promise(em_baton_wait(baton, UINT64_MAX) == 0);
    em_baton_unref(baton);
    while (has_after && called == before)
        promise(em_loop_run(loop, EM_RUN_NOWAIT) >= 0);
}

static void try_group(em_pool *pool)
{
    em_group *group;
    int by_size, r;

    given.as.group = (em_group_options){
        .limit = draw_number(),
        .free_data = be_freed,
        .stop_on_error = draw(2),
    };
    by_size = draw_size(sizeof(given.as.group));
    r = em_group_new(loop, &given.as.group, &group);
    promise_refusal(r, by_size);
    if (r < 0)
        return;
    fill_baton(NULL, pool);
    given.as.baton.timeout_ms = 0;
    by_size = draw_size(sizeof(given.as.baton));
    if (given.as.size < sizeof(given.as.baton))
        given.as.size = sizeof(given.as.baton);
    r = em_group_add(group, &given.as.baton);
    promise_refusal(r, by_size);
    promise(em_group_close(group) == 0);
    promise(em_loop_run(loop, EM_RUN_DEFAULT) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    em_emitter *emitter;
    em_pool *pool;

    fuzz_begin(bytes, size);
    em_set_uncaught(ignore, NULL);
    promise(em_loop_new(EM_OPTIONS(em_loop_options, .virtual_clock = true),
                        &loop) == 0);
    promise(em_pool_new(EM_OPTIONS(em_pool_options, .max_threads = 1), &pool) ==
            0);
    promise(em_emitter_new(loop, &emitter) == 0);
    while (!drawn_out()) {
        memset(&given, 0, sizeof(given));
        switch (draw(6)) {
        case 1:
            try_loop();
            break;
        case 2:
            try_pool();
            break;
        case 3:
            try_baton(emitter, pool);
            break;
        case 4:
            try_group(pool);
            break;
        default:
            try_listen(emitter);
            break;
        }
    }
    em_unref(emitter);
    em_loop_free(loop);
    em_pool_free(pool);
    fuzz_end();
    return 0;
}
