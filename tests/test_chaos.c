/* SPDX-License-Identifier: MIT */
/* Chaos: random operations of every kind, from inside listeners of every kind,
 * with memory that runs out now and then.  What is asserted is that each data
 * is freed once and nothing is left; the rest is up to the sanitizers. */

#include <config.h>

#include <stdint.h>
#include <stdlib.h>

#include <emitter.h>

#include "testing.h"

enum { EMITTERS = 4, HANDLES = 64, DEEPEST = 4, STEPS = 20000 };

static const char *const names[] = {
    "a",           "b",
    "c",           "d",
    "e",           "f",
    "g",           "error",
    "newListener", "removeListener",
    "anys",        "maxListeners",
};

static struct {
    em_emitter *emitters[EMITTERS];
    em_listener *handles[HANDLES]; /* NULL, or valid */
    int depth;
    long taken, freed;
    uint32_t seed;
} chaos;

static unsigned draw(unsigned below)
{
    chaos.seed ^= chaos.seed << 13;
    chaos.seed ^= chaos.seed >> 17;
    chaos.seed ^= chaos.seed << 5;
    return chaos.seed % below;
}

static const char *draw_name(void)
{
    unsigned n = draw(14);

    if (n == 12)
        return EM_ANY;
    return n == 13 ? EM_ERROR_MONITOR : names[n];
}

static em_emitter *draw_emitter(void)
{
    return chaos.emitters[draw(EMITTERS)];
}

static void step(void);

static void some_steps(void)
{
    unsigned steps = draw(4);

    if (chaos.depth >= DEEPEST)
        return;
    chaos.depth++;
    while (steps-- > 0)
        step();
    chaos.depth--;
}

static void act(em_emitter *e, void *arg, void *data)
{
    (void)e, (void)arg, (void)data;
    some_steps();
}

static void act_freed(void *data)
{
    em_listener **handle = data;

    *handle = NULL;
    chaos.freed++;
    some_steps();
}

static int act_each(em_emitter *e, const em_listener_info *info, void *data)
{
    (void)data;
    if (info->listener && draw(3) == 0)
        em_listener_remove(info->listener);
    act(e, NULL, NULL);
    return draw(5) == 0;
}

static void add_listener(em_emitter *e)
{
    em_listener **handle = &chaos.handles[draw(HANDLES)];
    em_listener *listener;
    em_listen_options options = {
        .size = sizeof(options),
        .fn = act,
        .data = handle,
        .free_data = act_freed,
        .prepend = draw(2),
        .times = draw(3),
        .owner = draw(2) ? draw_emitter() : NULL,
    };

    /* A listener may be gone before em_listen is back, if another one ends the
     * emitter; so the place is taken first. */
    if (*handle)
        return;
    *handle = (em_listener *)handle;
    if (em_listen(e, draw_name(), &options, &listener) < 0) {
        *handle = NULL;
        return;
    }
    chaos.taken++;
    if (*handle == (em_listener *)handle)
        *handle = listener;
}

static void remove_one(void)
{
    em_listener **handle = &chaos.handles[draw(HANDLES)];

    if (*handle && *handle != (em_listener *)handle)
        em_listener_remove(*handle);
}

static void replace(void)
{
    em_emitter **place = &chaos.emitters[draw(EMITTERS)];
    em_emitter *fresh, *old = *place;

    if (em_emitter_new(NULL, &fresh) < 0)
        return;
    if (draw(2))
        (void)em_emitter_set_flags(fresh, EM_SNAPSHOT);
    *place = fresh;
    em_unref(old);
}

static void add_plain(em_emitter *e)
{
    static int (*const verbs[])(em_emitter *, const char *, em_listener_fn *,
                                void *) = { em_on, em_once, em_prepend,
                                            em_prepend_once };

    (void)verbs[draw(4)](e, draw_name(), act, NULL);
}

static void step(void)
{
    em_emitter *e = draw_emitter();

    if (draw(20) == 0)
        fail_allocation(1 + draw(3));
    (void)em_ref(e);
    switch (draw(14)) {
    case 0:
    case 1:
    case 2:
        (void)em_emit(e, draw_name(), NULL);
        break;
    case 3:
    case 4:
        add_plain(e);
        break;
    case 5:
    case 6:
        add_listener(e);
        break;
    case 7:
        remove_one();
        break;
    case 8:
        (void)em_off(e, draw_name(), act, NULL);
        break;
    case 9:
        if (draw(4) == 0)
            (void)em_off_all(e, draw(4) ? draw_name() : NULL);
        break;
    case 10:
        (void)em_off_data(e, &chaos.handles[draw(HANDLES)]);
        break;
    case 11:
        if (draw(4) == 0)
            replace();
        break;
    case 12:
        (void)em_forward(e, draw_name(), draw_emitter());
        break;
    default:
        if (draw(2))
            (void)em_each_listener(e, draw_name(), act_each, NULL);
        else
            (void)em_event_names(e, act_each, NULL);
        break;
    }
    em_unref(e);
}

static void ignore_error(em_emitter *e, const em_error *error, void *data)
{
    (void)error, (void)data;
    act(e, NULL, NULL);
}

static void run(uint32_t seed)
{
    int i;

    fail_allocation(0);
    chaos.seed = seed;
    for (i = 0; i < EMITTERS; i++)
        assert_ok(em_emitter_new(NULL, &chaos.emitters[i]));
    for (i = 0; i < STEPS; i++)
        step();
    fail_allocation(0);
    for (i = 0; i < EMITTERS; i++)
        (void)em_off_all(chaos.emitters[i], NULL);
    chaos.depth = DEEPEST;
    for (i = 0; i < EMITTERS; i++)
        em_unref(chaos.emitters[i]);
    chaos.depth = 0;
    ck_assert_int_eq(chaos.taken, chaos.freed);
    ck_assert_int_gt(chaos.freed, 100);
}

TEST(whatever_listeners_do_each_data_is_freed_once_and_nothing_is_left)
{
    em_set_uncaught(ignore_error, NULL);
    em_set_default_max_listeners(3);
    run(1);
    run(20251123);
    run(4000000007u);
    em_set_default_max_listeners(10);
    em_set_uncaught(NULL, NULL);
}

SUITE("chaos",
      whatever_listeners_do_each_data_is_freed_once_and_nothing_is_left);
