/* SPDX-License-Identifier: MIT */
/* A baton and a timer of ours inside a program of libev's. */

#include <stdio.h>

#include <emitter.h>
#include <emitter/adapters/ev.h>

static int work(em_baton *baton, void *data)
{
    (void)baton;
    return *(int *)data + 2; /* on a pool thread */
}

static void after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    printf("baton: %d\n", status); /* on libev's thread */
}

static void tick(em_source *timer, void *data)
{
    (void)timer;
    printf("timer: %s\n", (const char *)data);
}

int main(void)
{
    em_loop *loop = em_loop_default();
    struct ev_loop *ev = ev_default_loop(0);
    int count = 40;

    if (!loop || !ev || em_attach_ev(loop, ev) < 0 ||
        em_loop_add_timer(loop, 10, 0, tick, "ten ms", NULL) < 0 ||
        em_baton_run(loop, work, after, &count) < 0) {
        (void)fprintf(stderr, "ev: the loops cannot begin\n");
        return 1;
    }
    (void)ev_run(ev, 0); /* until nothing of ours is alive */
    em_loop_free(loop);
    ev_loop_destroy(ev);
    return 0;
}
