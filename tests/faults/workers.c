/* SPDX-License-Identifier: MIT */
/* Workers: a program of workers of each kind and of a cluster, for
 * scripts/faults to make its system calls fail, and those of its children.
 *
 * Each worker that was started tells its end; each message that was posted is
 * answered, unless an error or a worker's end tells why not; each client of the
 * cluster is answered or hung up on; and no process is left. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter.h>

#include "account.h"
#include "baton/internal.h"

enum {
    WORKERS = 3,
    CLIENTS = 3,
    RUNS = 50,
    PATIENCE_MS = 3000,
    GRACE_MS = 2000
};

/* What was accepted, and what of that came back. */
static struct {
    int workers, messages, clients, answers;
} in, out;

static bool told; /* an error, or an end that was not asked for */
static em_worker *workers[WORKERS];
static em_cluster *cluster;

/* --- in the worker --- */

/* The message goes back with its descriptor. */
static void answer(em_emitter *emitter, void *arg, void *data)
{
    em_message *message = arg;

    (void)emitter;
    if (em_worker_post(data, message->data, message->size, message->fd) == 0)
        message->fd = -1;
}

/* A byte for each client. */
static void serve(em_emitter *emitter, void *arg, void *data)
{
    const em_connection *connection = arg;

    (void)emitter;
    (void)send(connection->fd, "1", 1, MSG_NOSIGNAL);
    (void)em_worker_done(data);
}

static int run(em_loop *loop, em_worker *parent, void *data)
{
    em_emitter *emitter = em_worker_emitter(parent);

    (void)data;
    if (em_on(emitter, "message", answer, parent) < 0 ||
        em_on(emitter, "connection", serve, parent) < 0 ||
        em_worker_ready(parent) < 0)
        return 1;
    return em_loop_run(loop, EM_RUN_DEFAULT) < 0;
}

/* This program again, executed as a worker. */
static int run_executed(void)
{
    em_worker *parent;
    em_loop *loop;
    int status;

    if (em_loop_new(NULL, &loop) < 0)
        return 1;
    status = em_worker_parent(loop, &parent) < 0 || run(loop, parent, NULL);
    em_loop_free(loop);
    return status;
}

/* --- their end here --- */

static void note(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    told = true;
}

static void stop(em_worker **worker)
{
    if (*worker)
        (void)ASK(em_worker_terminate(*worker, GRACE_MS));
}

static void answered(em_emitter *emitter, void *arg, void *data)
{
    em_message *message = arg;

    (void)emitter;
    if (message->fd < 0 || message->size != 5)
        told = true;
    out.messages++;
    stop(data);
}

static void ended(em_emitter *emitter, void *arg, void *data)
{
    const em_exit *how = arg;
    em_worker **worker = data;

    (void)emitter;
    if (how->code != 0)
        told = true;
    out.workers++;
    em_worker_free(*worker);
    *worker = NULL;
}

static void spawn(em_loop *loop, em_worker **worker,
                  const em_worker_options *options)
{
    em_emitter *emitter;
    int fd;

    if (!ASK(em_worker_spawn(loop, options, worker)))
        return;
    emitter = em_worker_emitter(*worker);
    in.workers++;
    if (!ASK(em_on(emitter, "exit", ended, worker)))
        abort(); /* it is memory, of which there is enough */
    if (!ASK(em_on(emitter, "error", note, NULL)) ||
        !ASK(em_on(emitter, "message", answered, worker)))
        abort();
    fd = dup(STDIN_FILENO);
    if (ASK(em_worker_post(*worker, "hello", 5, fd))) {
        in.messages++;
        return;
    }
    (void)close(fd);
    stop(worker);
}

/* All that a child does before user code. */
static void spawn_all(em_loop *loop)
{
    static const em_limit limit = { RLIMIT_CORE, 0, 0 };
    bool root = geteuid() == 0;

    spawn(loop, &workers[0],
          EM_OPTIONS(em_worker_options, .main = run, .cwd = "/", .nice = 1,
                     .cpus = 1, .limits = &limit, .limit_count = 1,
                     .stdio = { [1] = STDERR_FILENO + 1 },
                     .user = root ? "nobody" : NULL));
    spawn(loop, &workers[1], NULL);
    spawn(loop, &workers[2],
          EM_OPTIONS(em_worker_options, .main = run, .thread = true));
}

/* --- the cluster and its clients --- */

static void stop_cluster(void)
{
    if (cluster)
        (void)ASK(em_cluster_stop(cluster));
}

static void given_up(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter, (void)data;
    told = true;
    if (error->code == -ECONNABORTED)
        stop_cluster();
}

/* An answer, or the end of the connection, which stop and shed lead to. */
static void heard(em_source *source, int fd, unsigned events, void *data)
{
    char byte;
    ssize_t n;

    (void)events, (void)data;
    do
        n = recv(fd, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    out.answers += n == 1;
    em_source_remove(source);
    (void)close(fd);
    if (++out.clients == in.clients)
        stop_cluster();
}

/* Of the client's own calls no failure is of interest: it tries again. */
static int connect_client(const struct sockaddr *to, socklen_t size)
{
    int fd;

    while ((fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
        ;
    while (connect(fd, to, size) < 0 && errno != EISCONN)
        ;
    while (send(fd, "?", 1, MSG_NOSIGNAL) < 0)
        ;
    return fd;
}

static void connect_all(em_loop *loop)
{
    struct sockaddr_storage to;
    socklen_t size = sizeof(to);
    int i, fd;

    if (!ASK(em_cluster_address(cluster, (struct sockaddr *)&to, &size)))
        return;
    for (i = 0; i < CLIENTS; i++) {
        fd = connect_client((struct sockaddr *)&to, size);
        if (ASK(em_loop_add_fd(loop, fd, EM_READABLE, heard, NULL, NULL)))
            in.clients++;
        else
            (void)close(fd);
    }
}

static void use_cluster(em_loop *loop)
{
    if (!ASK(em_cluster_new(
            loop,
            EM_OPTIONS(em_cluster_options, .workers = 2,
                       .worker = EM_OPTIONS(em_worker_options, .main = run),
                       .listen = "127.0.0.1:0", .route = EM_ROUTE_ROUND_ROBIN,
                       .peek = 1, .restart_budget = 2, .backoff_ms = 1),
            &cluster)))
        return;
    if (!ASK(em_on(em_cluster_emitter(cluster), "error", given_up, NULL)) ||
        !ASK(em_on(em_cluster_emitter(cluster), "shed", note, NULL)))
        abort();
    connect_all(loop);
    if (in.clients == 0)
        stop_cluster();
}

/* --- all of it --- */

/* What was not answered because of a failure is not waited for. */
static void lose_patience(em_source *source, void *data)
{
    int i;

    (void)source, (void)data;
    told = true;
    for (i = 0; i < WORKERS; i++)
        stop(&workers[i]);
    stop_cluster();
}

static void use_all(void)
{
    em_source *patience;
    em_loop *loop;
    int i, r = 1;

    if (!ASK(em_loop_new(NULL, &loop)))
        return;
    if (ASK(em_loop_add_timer(loop, PATIENCE_MS, 0, lose_patience, NULL,
                              &patience)))
        em_source_unref(patience);
    spawn_all(loop);
    use_cluster(loop);
    for (i = 0; i < RUNS && r != 0; i++) {
        r = em_loop_run(loop, EM_RUN_DEFAULT);
        (void)ask("em_loop_run", r);
    }
    em_cluster_free(cluster);
    em_loop_free(loop);
    em__default_end();
}

int main(void)
{
    if (getenv("EMITTER_WORKER"))
        return run_executed();
    account_begin();
    use_all();
    account_stop();
    account_settle("workers", in.workers, out.workers);
    account_settle("clients", in.clients, out.clients);
    if (!told) {
        account_settle("messages", in.messages, out.messages);
        account_settle("answers", in.clients, out.answers);
    }
    return account_end(0);
}
