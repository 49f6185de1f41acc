/* SPDX-License-Identifier: MIT */
/* A baton and a timer of ours inside a program of libuv's. */

#include <stdio.h>

#include <emitter.h>
#include <emitter/adapters/uv.h>

static int work(em_baton *baton, void *data)
{
    (void)baton;
    return *(int *)data + 2; /* on a pool thread */
}

static void after(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    printf("baton: %d\n", status); /* on libuv's thread */
}

static void tick(em_source *timer, void *data)
{
    (void)timer;
    printf("timer: %s\n", (const char *)data);
}

int main(void)
{
    em_loop *loop = em_loop_default();
    uv_loop_t *uv = uv_default_loop();
    int count = 40;

    if (!loop || em_attach_uv(loop, uv) < 0 ||
        em_loop_add_timer(loop, 10, 0, tick, "ten ms", NULL) < 0 ||
        em_baton_run(loop, work, after, &count) < 0) {
        (void)fprintf(stderr, "uv: the loops cannot begin\n");
        return 1;
    }
    (void)uv_run(uv, UV_RUN_DEFAULT); /* until nothing of ours is alive */
    em_loop_free(loop);
    (void)uv_run(uv, UV_RUN_DEFAULT); /* libuv closes its handle */
    return uv_loop_close(uv) == 0 ? 0 : 1;
}
