/* SPDX-License-Identifier: MIT */
/* A baton and a timer of ours inside a program of sd-event's. */

#include <stdio.h>

#include <emitter.h>
#include <emitter/adapters/sd-event.h>

static int work(em_baton *baton, void *data)
{
    (void)baton;
    return *(int *)data + 2; /* on a pool thread */
}

static void after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    printf("baton: %d\n", status); /* on sd-event's thread */
}

static void tick(em_source *timer, void *data)
{
    (void)timer;
    printf("timer: %s\n", (const char *)data);
}

/* An sd_event runs until it is told to exit. */
static void quit(em_loop *loop, bool alive, void *data)
{
    (void)loop;
    if (!alive)
        (void)sd_event_exit(data, 0);
}

int main(void)
{
    em_loop *loop = em_loop_default();
    sd_event *event = NULL;
    int count = 40;
    int r;

    if (!loop || sd_event_default(&event) < 0 ||
        em_attach_sd_event(loop, event) < 0 ||
        em_loop_add_timer(loop, 10, 0, tick, "ten ms", NULL) < 0 ||
        em_baton_run(loop, work, after, &count) < 0 ||
        em_loop_set_alive_hook(loop, quit, event) < 0) {
        (void)fprintf(stderr, "sd-event: the loops cannot begin\n");
        return 1;
    }
    r = sd_event_loop(event);
    em_loop_free(loop);
    (void)sd_event_unref(event);
    return r < 0 ? 1 : r;
}
