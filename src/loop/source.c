/* SPDX-License-Identifier: MIT */
/* Source: what all kinds of them share: life, liveness, and being called. */

#include <config.h>

#include <errno.h>

#include "base/alloc.h"
#include "loop/internal.h"

static const struct {
    size_t size;
    void (*stop)(em_source *source);
} kinds[] = {
    [EM__SOURCE_CHILD] = { sizeof(em__child_source), em__child_stop },
    [EM__SOURCE_FD] = { sizeof(em__fd_source), em__fd_stop },
    [EM__SOURCE_NOTIFY] = { sizeof(em__notify_source), em__notify_stop },
    [EM__SOURCE_SIGNAL] = { sizeof(em__signal_source), em__signal_stop },
    [EM__SOURCE_TIMER] = { sizeof(em__timer_source), em__timer_stop },
};

static em_source *allocate(em_loop *loop, em__source_kind kind)
{
    em_source *source;
    uint32_t number;

    if (kind != EM__SOURCE_TIMER) {
        source = em__calloc(1, kinds[kind].size);
        if (source)
            source->fd = -1;
        return source;
    }
    source = em__slabs_take(&loop->timing->slabs, &number);
    if (source)
        *source = (em_source){ .number = number };
    return source;
}

em_source *em__source_new(em_loop *loop, em__source_kind kind,
                          void (*callback)(void), void *data)
{
    em_source *source = allocate(loop, kind);

    if (!source)
        return NULL;
    source->loop = loop;
    source->kind = (uint8_t)kind;
    source->callback = callback;
    source->data = data;
    source->referenced = true;
    em__list_append(&loop->sources, &source->node);
    return source;
}

void em__source_free(em_source *source)
{
    em__list_remove(&source->node);
    if (source->kind == EM__SOURCE_CHILD)
        em__child_close(source);
    if (source->kind == EM__SOURCE_TIMER)
        em__slabs_give(&source->loop->timing->slabs, source, source->number);
    else
        em__free(source);
}

void em__source_hand_out(em_source *source, em_source **ret)
{
    source->own = !ret;
    if (ret)
        *ret = source;
}

static void count(em_source *source, bool alive)
{
    if (alive)
        source->loop->active++;
    else
        source->loop->active--;
    em__host_alive_changed(source->loop);
}

void em__source_set_active(em_source *source, bool active)
{
    if (source->active == active)
        return;
    source->active = active;
    if (!source->referenced)
        return;
    count(source, active);
}

static void set_referenced(em_source *source, bool referenced)
{
    if (!source || em__loop_is_forked(source->loop) ||
        source->referenced == referenced)
        return;
    source->referenced = referenced;
    if (source->active)
        count(source, referenced);
}

void em_source_ref(em_source *source)
{
    set_referenced(source, true);
}

void em_source_unref(em_source *source)
{
    set_referenced(source, false);
}

/* Off the list before free_data, which may look at the loop. */
static void end(em_source *source)
{
    void (*free_data)(void *) = source->free_data;
    void *data = source->data;
    em_loop *loop = source->loop;

    em__source_free(source);
    if (!free_data)
        return;
    em__loop_count_call(loop);
    free_data(data);
}

void em_source_remove(em_source *source)
{
    if (!source || source->removed || em__loop_is_forked(source->loop))
        return;
    kinds[source->kind].stop(source);
    source->removed = true;
    if (!source->running)
        end(source);
}

void em__source_enter(em_source *source)
{
    source->running = true;
    em__loop_calling(source->loop, source->callback);
}

void em__source_leave(em_source *source)
{
    em__loop_called(source->loop);
    source->running = false;
    if (source->removed)
        end(source);
    else if (source->own && !source->active)
        em_source_remove(source);
}

void em_source_set_free(em_source *source, void (*free_data)(void *data))
{
    if (source)
        source->free_data = free_data;
}

em_loop *em_source_loop(em_source *source)
{
    return source ? source->loop : NULL;
}
