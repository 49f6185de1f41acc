/* SPDX-License-Identifier: MIT */
/* A baton and a timer of ours inside a program of libevent's. */

#include <stdio.h>

#include <emitter.h>
#include <emitter/adapters/event.h>

static int work(em_baton *baton, void *data)
{
    (void)baton;
    return *(int *)data + 2; /* on a pool thread */
}

static void after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    printf("baton: %d\n", status); /* on libevent's thread */
}

static void tick(em_source *timer, void *data)
{
    (void)timer;
    printf("timer: %s\n", (const char *)data);
}

int main(void)
{
    em_loop *loop = em_loop_default();
    struct event_base *base = event_base_new();
    int count = 40;

    if (!loop || !base || em_attach_event(loop, base) < 0 ||
        em_loop_add_timer(loop, 10, 0, tick, "ten ms", NULL) < 0 ||
        em_baton_run(loop, work, after, &count) < 0) {
        (void)fprintf(stderr, "event: the loops cannot begin\n");
        return 1;
    }
    (void)event_base_dispatch(base); /* until nothing of ours is alive */
    em_loop_free(loop);
    event_base_free(base);
    return 0;
}
