/* SPDX-License-Identifier: MIT */
/* Hello, asynchronous: the same off-thread.  A baton carries the call to a pool
 * thread and its result back, while the loop stays free: a timer ticks on it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <emitter.h>

struct counter {
    int count;
    int ticks;
    em_source *timer;
};

/* On a pool thread, free to block.  What it returns, after gets. */
static int sleep_for_two(em_baton *baton, void *data)
{
    struct timespec second = { .tv_sec = 1 };

    (void)baton, (void)data;
    while (nanosleep(&second, &second) < 0)
        if (errno != EINTR)
            return -errno;
    return 2;
}

/* On the loop's thread again; nothing needs a lock. */
static void after_hello(em_baton *baton, int status, void *data)
{
    struct counter *counter = data;

    (void)baton;
    em_source_remove(counter->timer);
    if (status < 0) {
        fprintf(stderr, "hello_async: %s\n", em_strerror(status));
        return;
    }
    counter->count += status;
    puts("Hello World");
}

static void tick(em_source *timer, void *data)
{
    struct counter *counter = data;

    (void)timer;
    counter->ticks++;
}

int main(void)
{
    struct counter counter = { 0 };
    em_loop *loop = em_loop_default();
    int r;

    r = em_loop_add_timer(loop, 50, 50, tick, &counter, &counter.timer);
    if (r == 0)
        r = em_baton_run(loop, sleep_for_two, after_hello, &counter);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT); /* until nothing is alive */
    em_loop_free(loop);
    printf("count %d, loop %s\n", counter.count,
           counter.ticks > 1 ? "free" : "blocked");
    if (r == 0 && fclose(stdout) != 0)
        r = -errno;
    if (r < 0)
        fprintf(stderr, "hello_async: %s\n", em_strerror(r));
    return r == 0 && counter.count == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
