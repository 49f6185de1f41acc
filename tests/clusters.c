/* SPDX-License-Identifier: MIT */
/* Clusters: what their tests share: a server, its clients, and a count. */

#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clusters.h"

em_loop *main_loop;
em_cluster *cluster;
tally *shared;

/* --- the server, in the worker --- */

static void answer(int slot, int fd, const void *data, size_t size)
{
    char text[256];
    int length =
        snprintf(text, sizeof(text), "%d %d %.*s\n", slot, (int)getpid(),
                 (int)size, size ? (const char *)data : "");

    if (send(fd, text, (size_t)length, MSG_NOSIGNAL) == length)
        atomic_fetch_add(&shared->served, 1);
    (void)close(fd);
}

static void count(const em_connection *connection)
{
    const struct sockaddr_in *peer = (const void *)&connection->peer;

    if (connection->peer.ss_family == AF_INET)
        atomic_store(&shared->taken[ntohs(peer->sin_port)], (int)getpid());
    atomic_fetch_add(&shared->begun, 1);
}

static void serve_one(em_emitter *emitter, void *arg, void *data)
{
    em_connection *connection = arg;

    (void)emitter;
    count(connection);
    answer(em_worker_slot(data), connection->fd, connection->data,
           connection->size);
    (void)em_worker_done(data);
    connection->fd = -1;
}

typedef struct held {
    em_worker *parent;
    int slot, fd;
} held;

/* A worker may be a thread. */
static _Thread_local bool left;

static void answer_held(em_source *source, int fd, unsigned events, void *data)
{
    held *mine = data;

    (void)events;
    em_source_remove(source);
    answer(mine->slot, fd, "", 0);
    if (!left) {
        (void)em_worker_done(mine->parent);
        (void)em_worker_post(mine->parent, "", 0, -1);
    }
    free(mine);
}

static void hold_one(em_emitter *emitter, void *arg, void *data)
{
    em_connection *connection = arg;
    held *mine = malloc(sizeof(*mine));

    count(connection);
    if (!mine)
        abort();
    *mine = (held){ data, em_worker_slot(data), connection->fd };
    if (em_loop_add_fd(em_emitter_loop(emitter), connection->fd, EM_READABLE,
                       answer_held, mine, NULL) < 0)
        abort();
    connection->fd = -1;
}

static void nothing(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
}

/* Told to stop, it ends when the channel and what it holds are closed. */
static void leave(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    left = true;
    em_worker_free(data);
}

static int work(em_loop *loop, em_worker *parent, em_listener_fn *fn)
{
    em_emitter *emitter = em_worker_emitter(parent);

    left = false;
    if (em_on(emitter, "connection", fn, parent) < 0 ||
        em_on(emitter, "stop", leave, parent) < 0 ||
        em_on(emitter, "disconnect", nothing, NULL) < 0 ||
        em_worker_ready(parent) < 0)
        return EXIT_FAILURE;
    (void)em_loop_run(loop, EM_RUN_DEFAULT);
    return 0;
}

int serve(em_loop *loop, em_worker *parent, void *data)
{
    (void)data;
    return work(loop, parent, serve_one);
}

int hold(em_loop *loop, em_worker *parent, void *data)
{
    (void)data;
    return work(loop, parent, hold_one);
}

/* --- the cluster --- */

static char awaited[16];
static unsigned awaited_left;

static void tell(const char *event)
{
    mark(event);
    if (awaited_left > 0 && strcmp(event, awaited) == 0 && --awaited_left == 0)
        em_loop_stop(main_loop);
}

static void note(em_emitter *emitter, void *arg, void *data)
{
    (void)arg, (void)data;
    tell(em_event(emitter));
}

static void note_exit(em_emitter *emitter, void *arg, void *data)
{
    const em_exit *end = arg;

    (void)emitter, (void)data;
    mark(end->signal ? "killed" : "exit");
    mark_number(end->slot);
    if (end->wanted)
        mark("wanted");
    if (awaited_left > 0 && strcmp("exit", awaited) == 0 && --awaited_left == 0)
        em_loop_stop(main_loop);
}

static void note_error(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)data;
    tell(em_event(emitter));
    mark_number(error->code);
}

void begin_master(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    assert_ok(em_loop_new(NULL, &main_loop));
    cluster = NULL;
}

void end_master(void)
{
    em_loop_free(main_loop);
    (void)munmap(shared, sizeof(*shared));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static void listen_to(em_emitter *emitter)
{
    assert_ok(em_on(emitter, "ready", note, NULL));
    assert_ok(em_on(emitter, "reload", note, NULL));
    assert_ok(em_on(emitter, "message", note, NULL));
    assert_ok(em_on(emitter, "shed", note, NULL));
    assert_ok(em_on(emitter, "exit", note_exit, NULL));
    assert_ok(em_on(emitter, "error", note_error, NULL));
}

void begin_cluster(const em_cluster_options *options)
{
    em_worker_options worker = { .size = sizeof(worker), .main = serve };
    em_cluster_options given = { .size = sizeof(given) };

    if (options)
        given = *options;
    if (!given.worker)
        given.worker = &worker;
    if (!given.listen)
        given.listen = "127.0.0.1:0";
    if (!given.workers)
        given.workers = 2;
    if (!given.backoff_ms)
        given.backoff_ms = 1;
    begin_master();
    assert_ok(em_cluster_new(main_loop, &given, &cluster));
    listen_to(em_cluster_emitter(cluster));
}

void end_cluster(void)
{
    em_cluster_free(cluster);
    end_master();
}

void wait_for(const char *event, unsigned times)
{
    strcpy(awaited, event);
    awaited_left = times;
    assert_ok(em_loop_run(main_loop, EM_RUN_DEFAULT));
    ck_assert_uint_eq(awaited_left, 0);
}

/* --- clients --- */

static void finish(caller *client)
{
    em_source_remove(client->source);
    client->source = NULL;
    (void)close(client->fd);
    client->fd = -1;
    client->done = true;
}

static void receive(em_source *source, int fd, unsigned events, void *data)
{
    caller *client = data;
    ssize_t n = recv(fd, client->answer + client->size,
                     sizeof(client->answer) - 1 - client->size, MSG_DONTWAIT);

    (void)source, (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        client->size += (size_t)n;
        return;
    }
    finish(client);
    if (client->ended)
        client->ended(client);
}

/* Bound first, so that the port's count begins anew before it is taken. */
static void bind_client(caller *client, const char *from)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t size = sizeof(name);

    ck_assert_int_eq(inet_pton(AF_INET, from, &name.sin_addr), 1);
    ck_assert_int_eq(bind(client->fd, (struct sockaddr *)&name, size), 0);
    ck_assert_int_eq(getsockname(client->fd, (struct sockaddr *)&name, &size),
                     0);
    client->port = ntohs(name.sin_port);
    atomic_store(&shared->taken[client->port], 0);
}

void connect_client(caller *client, const char *from, const char *bytes)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);

    client->done = false;
    client->size = 0;
    assert_ok(em_cluster_address(cluster, (struct sockaddr *)&name, &size));
    client->fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(client->fd, 0);
    if (name.ss_family == AF_INET)
        bind_client(client, from ? from : "127.0.0.1");
    ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&name, size), 0);
    if (*bytes)
        ck_assert_int_eq(send(client->fd, bytes, strlen(bytes), MSG_NOSIGNAL),
                         (ssize_t)strlen(bytes));
    assert_ok(em_loop_add_fd(main_loop, client->fd, EM_READABLE, receive,
                             client, &client->source));
}

void close_client(caller *client)
{
    if (!client->done)
        finish(client);
}

void await(caller *client)
{
    while (!client->done)
        assert_ok(em_loop_run(main_loop, EM_RUN_ONCE));
}

bool was_answered(const caller *client)
{
    return client->size > 0 && client->answer[client->size - 1] == '\n';
}

static caller last;

int ask_from(const char *from, const char *bytes)
{
    memset(&last, 0, sizeof(last));
    connect_client(&last, from, bytes);
    await(&last);
    return was_answered(&last) ? atoi(last.answer) : -1;
}

int ask(void)
{
    return ask_from(NULL, "");
}

pid_t answering_pid(void)
{
    return (pid_t)atoi(strchr(last.answer, ' '));
}

const char *answering_text(void)
{
    last.answer[last.size - 1] = '\0';
    return strchr(strchr(last.answer, ' ') + 1, ' ') + 1;
}
