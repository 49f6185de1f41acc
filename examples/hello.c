/* SPDX-License-Identifier: MIT */
/* Hello: a counter object and a plain call.  Emitting calls the listeners now,
 * on this thread, and needs neither a loop nor a pool.
 *
 *     cc hello.c $(pkg-config --cflags --libs libemitter)
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <emitter.h>

struct counter {
    int count;
};

static void on_hello(em_emitter *emitter, void *arg, void *data)
{
    struct counter *counter = data;

    (void)emitter;
    counter->count++;
    puts(arg);
}

int main(void)
{
    struct counter counter = { 0 };
    char greeting[] = "Hello World";
    em_emitter *emitter;
    int r;

    r = em_emitter_new(NULL, &emitter);
    if (r == 0) {
        r = em_on(emitter, "hello", on_hello, &counter);
        em_emit(emitter, "hello", greeting);
        em_unref(emitter);
    }
    if (r == 0 && fclose(stdout) != 0)
        r = -errno;
    if (r < 0)
        fprintf(stderr, "hello: %s\n", em_strerror(r));
    return r == 0 && counter.count == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
