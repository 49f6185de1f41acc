/* SPDX-License-Identifier: MIT */
/* Nats pair: two connections, as of two programs. */

#include <config.h>

#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#include "nats_pair.h"
#include "nats_server.h"
#include "testing.h"

em_loop *loop;
em_nats *a, *b;

static void stop(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    em_loop_stop(loop);
}

void run(void)
{
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
}

void run_until(em_emitter *emitter, const char *event)
{
    assert_ok(em_once(emitter, event, stop, NULL));
    run();
}

em_nats *connect_to(const char *url)
{
    em_nats *nats;

    assert_ok(em_nats_connect(loop,
                              EM_OPTIONS(em_nats_options, .servers = &url,
                                         .server_count = 1, .reconnect_ms = 20),
                              &nats));
    return nats;
}

em_nats *connected(void)
{
    em_nats *nats = connect_to(server_url());

    run_until(em_nats_emitter(nats), "connect");
    ck_assert(em_nats_is_connected(nats));
    return nats;
}

void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
    server_start(NULL, NULL);
    a = connected();
    b = connected();
}

/* When a connection goes, libnats posts a message to its delivery thread, and
 * if nats_Close comes while that thread has it in hand it is not freed any
 * more. The sanitizer sees no more of the stack than the function that makes
 * all messages; ours that leak are found by valgrind, which sees the rest. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:natsMsg_create\n";
}

/* Ends only when nothing is alive, so when all connections have closed. */
void finish(void)
{
    em_nats_free(a);
    em_nats_free(b);
    a = b = NULL;
    run();
    em_loop_free(loop);
    server_end();
    (void)nats_CloseAndWait(0);
}

/* Until they were heard: what they follow on their own connection has then
 * reached the server, but not what the other one subscribed to. */
static void call_both(em_source *timer, void *data)
{
    (void)timer, (void)data;
    (void)em_nats_publish(b, "back", NULL, 0);
    (void)em_nats_publish(a, "there", NULL, 0);
}

void settle(void)
{
    em_emitter *heard;
    em_source *timer;

    assert_ok(em_emitter_new(loop, &heard));
    assert_ok(em_nats_import(b, "there", heard, "by b", NULL));
    assert_ok(em_nats_import(a, "back", heard, "by a", NULL));
    assert_ok(em_loop_add_timer(loop, 0, 5, call_both, NULL, &timer));
    run_until(heard, "by a");
    run_until(heard, "by b");
    em_source_remove(timer);
    em_unref(heard);
}

em_emitter *new_emitter(void)
{
    em_emitter *emitter;

    assert_ok(em_emitter_new(loop, &emitter));
    return emitter;
}

void note(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    mark(data);
}

void note_error(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)data;
    mark("error");
    mark_number(((em_error *)arg)->code);
}

void note_bytes(em_emitter *emitter, void *arg, void *data)
{
    em_nats_bytes *bytes = arg;
    char text[256];

    (void)data;
    (void)snprintf(text, sizeof(text), "%s@%s:%.*s", em_event(emitter),
                   bytes->subject, (int)bytes->size, (const char *)bytes->data);
    mark(text);
}

void expect_next(em_emitter *emitter, void *arg, void *data)
{
    em_nats_bytes *bytes = arg;
    numbers *n = data;

    (void)emitter;
    ck_assert_uint_eq(bytes->size, sizeof(n->next));
    ck_assert_int_eq(memcmp(bytes->data, &n->next, sizeof(n->next)), 0);
    if (++n->next == n->many)
        em_loop_stop(loop);
}

int run_nats_suite(const char *name, const TTest *const *tests, size_t count)
{
    if (server_exists())
        return run_suite(name, tests, count);
    puts("skipped: there is no nats-server (Debian: nats-server)");
    return 77;
}
