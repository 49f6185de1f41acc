/* SPDX-License-Identifier: MIT */
/* Siege: a small HTTP server on a cluster that kills, reloads or stops its own
 * workers while somebody loads it; check-siege does, with wrk.
 *
 * usage: siege kill|reload|stop COUNT ROUTE
 *
 * It prints its port, works until SIGTERM comes and COUNT is reached, and then
 * prints what was done, and what the workers counted together in memory that
 * they share. */

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <emitter.h>

enum { WORKERS = 3 };

static struct {
    atomic_uint begun, served;
} * shared;

/* --- a worker --- */

static em_worker *channel; /* NULL: closed */

typedef struct request {
    size_t size;
    char head[1024];
} request;

static void answer(int fd)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
                               "Connection: close\r\n\r\nok\n";

    if (send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) ==
        (ssize_t)sizeof(text) - 1)
        atomic_fetch_add(&shared->served, 1);
}

static void read_head(em_source *source, int fd, unsigned events, void *data)
{
    request *mine = data;
    ssize_t n = recv(fd, mine->head + mine->size,
                     sizeof(mine->head) - 1 - mine->size, MSG_DONTWAIT);

    (void)events;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0) {
        mine->size += (size_t)n;
        mine->head[mine->size] = '\0';
        if (!strstr(mine->head, "\r\n\r\n"))
            return;
        answer(fd);
    }
    (void)em_worker_done(channel);
    em_source_remove(source);
    (void)close(fd);
    free(mine);
}

static void on_connection(em_emitter *emitter, void *arg, void *data)
{
    em_connection *connection = arg;
    request *mine = calloc(1, sizeof(*mine));

    (void)data;
    atomic_fetch_add(&shared->begun, 1);
    if (!mine)
        abort();
    if (em_loop_add_fd(em_emitter_loop(emitter), connection->fd, EM_READABLE,
                       read_head, mine, NULL) < 0)
        abort();
    connection->fd = -1;
}

/* Asked to stop, it ends when the channel and its connections are closed. */
static void on_stop(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    em_worker_free(channel);
    channel = NULL;
}

static int serve(em_loop *loop, em_worker *parent, void *data)
{
    em_emitter *emitter = em_worker_emitter(parent);

    (void)data;
    channel = parent;
    if (em_on(emitter, "connection", on_connection, NULL) < 0 ||
        em_on(emitter, "stop", on_stop, NULL) < 0 ||
        em_worker_ready(parent) < 0)
        return EXIT_FAILURE;
    return em_loop_run(loop, EM_RUN_DEFAULT) < 0;
}

/* --- the master --- */

static em_cluster *cluster;
static const char *mode;
static unsigned left, done;
static bool asked_to_end;

static pid_t pid_of(unsigned slot)
{
    return em_worker_pid(em_cluster_worker(cluster, slot));
}

static void end_if_done(void)
{
    unsigned slot;

    if (!asked_to_end || left > 0)
        return;
    if (strcmp(mode, "stop") == 0)
        for (slot = 0; slot < done; slot++)
            (void)kill(pid_of(slot), SIGCONT);
    (void)em_cluster_stop(cluster);
}

static void go_on(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)arg, (void)data;
    if (left > 0) {
        left--;
        done++;
        if (strcmp(mode, "kill") == 0)
            (void)kill(pid_of((unsigned)rand() % WORKERS), SIGKILL);
        else if (strcmp(mode, "stop") == 0)
            (void)kill(pid_of(done - 1), SIGSTOP);
        else if (em_cluster_reload(cluster) < 0)
            abort();
    }
    end_if_done();
}

static void on_term(em_source *source, int signo, void *data)
{
    (void)signo, (void)data;
    em_source_remove(source);
    asked_to_end = true;
    end_if_done();
}

static void print_port(em_emitter *emitter, void *arg, void *data)
{
    struct sockaddr_in name;
    socklen_t size = sizeof(name);

    (void)emitter, (void)arg, (void)data;
    if (em_cluster_address(cluster, (struct sockaddr *)&name, &size) < 0)
        abort();
    printf("%d\n", ntohs(name.sin_port));
    (void)fflush(stdout);
}

static int start(em_loop *loop, em_route route)
{
    em_worker_options worker = { .size = sizeof(worker), .main = serve };
    em_emitter *emitter;
    int r;

    r = em_cluster_new(loop,
                       EM_OPTIONS(em_cluster_options, .listen = "127.0.0.1:0",
                                  .workers = WORKERS, .worker = &worker,
                                  .route = route,
                                  .restart_budget = UINT_MAX - 1,
                                  .backoff_ms = 1, .backoff_max_ms = 1),
                       &cluster);
    if (r < 0)
        return r;
    emitter = em_cluster_emitter(cluster);
    r = em_once(emitter, "ready", print_port, NULL);
    if (r == 0)
        r = em_on(emitter, "ready", go_on, NULL);
    if (r == 0)
        r = em_on(emitter, "reload", go_on, NULL);
    if (r == 0)
        r = em_loop_add_signal(loop, SIGTERM, on_term, NULL, NULL);
    return r;
}

int main(int argc, char **argv)
{
    em_loop *loop = em_loop_default();
    int r;

    if (argc != 4)
        return 2;
    mode = argv[1];
    left = (unsigned)atoi(argv[2]);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    r = start(loop, (em_route)atoi(argv[3]));
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT);
    em_loop_free(loop);
    printf("%u %u %u %d\n", done, shared->begun, shared->served,
           waitpid(-1, NULL, WNOHANG) != -1);
    if (r < 0)
        fprintf(stderr, "siege: %s\n", em_strerror(r));
    return r < 0;
}
