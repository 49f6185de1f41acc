/* SPDX-License-Identifier: MIT */
/* Workers of the soak.
 *
 * A worker that is asked to stop answers first all that it was sent; what was
 * on its way to one that was killed is written off, and nothing else.  A client
 * is answered or, if a killed worker had taken it, hung up on. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter/cluster.h>
#include <emitter/worker.h>

#include "workers.h"

enum {
    WORKERS = 3,
    SLOTS = 2,
    MESSAGES = 64, /* on their way to a worker, at most */
    CLIENTS = 16,  /* that wait for an answer, at most */
    BEAT_MS = 5,
    GRACE_MS = 10000
};

typedef struct hand {
    em_worker *worker; /* NULL: none */
    unsigned long sent, answered;
    bool killed, stopped;
} hand;

static struct {
    unsigned long workers, messages, clients;
} in, out;

static unsigned long written_off, hung_up, kills;
static bool over, broken;
static hand hands[WORKERS];
static em_loop *loop;
static em_cluster *cluster;
static em_source *beat;
static struct sockaddr_storage address;
static socklen_t address_size = sizeof(address);

/* --- in the worker --- */

static void answer(em_emitter *emitter, void *arg, void *parent)
{
    em_message *message = arg;

    (void)emitter;
    if (em_worker_post(parent, message->data, message->size, message->fd) == 0)
        message->fd = -1;
}

static void serve(em_emitter *emitter, void *arg, void *parent)
{
    const em_connection *connection = arg;

    (void)emitter;
    (void)send(connection->fd, "1", 1, MSG_NOSIGNAL);
    (void)em_worker_done(parent);
}

static int run(em_loop *own, em_worker *parent, void *data)
{
    em_emitter *emitter = em_worker_emitter(parent);

    (void)data;
    if (em_on(emitter, "message", answer, parent) < 0 ||
        em_on(emitter, "connection", serve, parent) < 0 ||
        em_worker_ready(parent) < 0)
        return 1;
    return em_loop_run(own, EM_RUN_DEFAULT) < 0;
}

/* --- workers and their messages --- */

static void answered(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg;
    ((hand *)data)->answered++;
    out.messages++;
}

static void ended(em_emitter *emitter, void *arg, void *data)
{
    const em_exit *how = arg;
    hand *it = data;

    (void)emitter;
    if (it->killed)
        written_off += it->sent - it->answered;
    else if (how->code != 0)
        broken = true;
    out.workers++;
    em_worker_free(it->worker);
    *it = (hand){ .worker = NULL };
}

static void spawn(hand *it)
{
    em_emitter *emitter;

    if (em_worker_spawn(loop, EM_OPTIONS(em_worker_options, .main = run),
                        &it->worker) < 0)
        return;
    in.workers++;
    emitter = em_worker_emitter(it->worker);
    broken = em_on(emitter, "message", answered, it) < 0 || broken;
    broken = em_on(emitter, "exit", ended, it) < 0 || broken;
}

/* Half with a descriptor. */
static void post(hand *it)
{
    static char bytes[20000];
    int fd = draw(2) ? dup(STDERR_FILENO) : -1;

    if (em_worker_post(it->worker, bytes, draw(sizeof(bytes)), fd) == 0) {
        it->sent++;
        in.messages++;
    } else if (fd >= 0) {
        (void)close(fd);
    }
}

static void stop(hand *it)
{
    if (it->worker && !it->stopped)
        broken = em_worker_terminate(it->worker, GRACE_MS) < 0 || broken;
    it->stopped = true;
}

static void stir_worker(hand *it)
{
    unsigned count;

    if (!it->worker) {
        spawn(it);
        return;
    }
    if (it->stopped || it->killed)
        return;
    for (count = draw(8); count > 0 && it->sent - it->answered < MESSAGES;
         count--)
        post(it);
    if (draw(20) == 0) {
        it->killed = true;
        kills++;
        (void)kill(em_worker_pid(it->worker), SIGKILL);
    } else if (draw(20) == 0) {
        stop(it);
    }
}

/* --- the cluster and its clients --- */

static void heard(em_source *source, int fd, unsigned events, void *data)
{
    char byte;

    (void)events, (void)data;
    hung_up += recv(fd, &byte, 1, 0) != 1;
    out.clients++;
    em_source_remove(source);
    (void)close(fd);
}

static void connect_one(void)
{
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&address, address_size) == 0 &&
        send(fd, "?", 1, MSG_NOSIGNAL) == 1 &&
        em_loop_add_fd(loop, fd, EM_READABLE, heard, NULL, NULL) == 0)
        in.clients++;
    else
        (void)close(fd);
}

static void stir_cluster(void)
{
    em_worker *victim;
    unsigned count;

    for (count = draw(4); count > 0 && in.clients - out.clients < CLIENTS;
         count--)
        connect_one();
    victim = em_cluster_worker(cluster, draw(SLOTS));
    if (victim && draw(40) == 0) {
        kills++;
        (void)kill(em_worker_pid(victim), SIGKILL);
    }
    if (draw(200) == 0)
        (void)em_cluster_reload(cluster);
}

/* --- all of it --- */

static void stir(em_source *source, void *data)
{
    int i;

    (void)source, (void)data;
    for (i = 0; i < WORKERS; i++)
        stir_worker(&hands[i]);
    stir_cluster();
}

int workers_begin(em_loop *on)
{
    int r;

    loop = on;
    r = em_cluster_new(
        loop,
        EM_OPTIONS(em_cluster_options, .workers = SLOTS,
                   .worker = EM_OPTIONS(em_worker_options, .main = run),
                   .listen = "127.0.0.1:0", .route = EM_ROUTE_ROUND_ROBIN,
                   .peek = 1, .restart_budget = UINT32_MAX - 1, .backoff_ms = 1,
                   .backoff_max_ms = 1),
        &cluster);
    if (r == 0)
        r = em_cluster_address(cluster, (struct sockaddr *)&address,
                               &address_size);
    if (r == 0)
        r = em_loop_add_timer(loop, BEAT_MS, BEAT_MS, stir, NULL, &beat);
    return r;
}

void workers_end(void)
{
    int i;

    em_source_remove(beat);
    for (i = 0; i < WORKERS; i++)
        stop(&hands[i]);
    broken = em_cluster_stop(cluster) < 0 || broken;
    over = true;
}

int count_processes(void)
{
    char path[64];
    int count = 0, pid;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children",
                   (int)getpid());
    file = fopen(path, "r");
    while (file && fscanf(file, "%d", &pid) == 1)
        count++;
    if (file)
        (void)fclose(file);
    return count;
}

static bool same(const char *what, unsigned long accepted, unsigned long back)
{
    printf("%-8s %12lu accepted, %lu lost\n", what, accepted, accepted - back);
    return accepted == back && accepted > 0;
}

bool workers_settle(void)
{
    bool fine = over && !broken;

    em_cluster_free(cluster);
    fine = same("workers", in.workers, out.workers) && fine;
    fine = same("messages", in.messages, out.messages + written_off) && fine;
    fine = same("clients", in.clients, out.clients) && fine;
    printf("%-8s %12lu killed, %lu messages and %lu clients with them\n",
           "workers", kills, written_off, hung_up);
    fine = hung_up <= CLIENTS * kills && fine;
    if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
        printf("a process is left\n");
        fine = false;
    }
    return fine;
}
