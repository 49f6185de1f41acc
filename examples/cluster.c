/* SPDX-License-Identifier: MIT */
/* Cluster: a server of two processes.  The master routes connections to them in
 * turn, and starts another one when one ends.  Here it also is its own client,
 * from a pool thread, and stops when it was answered four times. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter.h>

/* In a worker: answer, and leave the descriptor to be closed. */
static void on_connection(em_emitter *emitter, void *arg, void *data)
{
    const em_connection *connection = arg;

    (void)emitter;
    (void)dprintf(connection->fd, "slot %d\n", em_worker_slot(data));
}

static int serve(em_loop *loop, em_worker *parent, void *data)
{
    int r;

    (void)data;
    r = em_on(em_worker_emitter(parent), "connection", on_connection, parent);
    if (r == 0)
        r = em_worker_ready(parent);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT); /* until it is asked to stop */
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* In the master. */
static em_cluster *cluster;
static struct sockaddr_storage server;
static socklen_t size = sizeof(server);

static int ask(em_baton *baton, void *data) /* on a pool thread */
{
    char answer[16];
    ssize_t n;
    int i, fd;

    (void)baton, (void)data;
    for (i = 0; i < 4; i++) {
        fd = socket(server.ss_family, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&server, size) < 0)
            return -errno;
        while ((n = read(fd, answer, sizeof(answer))) > 0)
            (void)fwrite(answer, 1, (size_t)n, stdout);
        (void)close(fd);
    }
    return 0;
}

static int result;

static void asked(em_baton *baton, int status, void *data)
{
    (void)baton, (void)data;
    result = status;
    (void)em_cluster_stop(cluster);
}

static void on_ready(em_emitter *emitter, void *arg, void *data)
{
    int r = em_baton_run(em_emitter_loop(emitter), ask, asked, NULL);

    (void)arg, (void)data;
    if (r < 0)
        asked(NULL, r, NULL);
}

int main(void)
{
    em_worker_options worker = { .size = sizeof(worker), .main = serve };
    em_loop *loop = em_loop_default();
    int r;

    r = em_cluster_new(loop,
                       EM_OPTIONS(em_cluster_options, .listen = "127.0.0.1:0",
                                  .workers = 2, .worker = &worker,
                                  .route = EM_ROUTE_ROUND_ROBIN),
                       &cluster);
    if (r == 0)
        r = em_cluster_address(cluster, (struct sockaddr *)&server, &size);
    if (r == 0)
        r = em_once(em_cluster_emitter(cluster), "ready", on_ready, NULL);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT); /* until all of it has ended */
    em_loop_free(loop);                        /* and the cluster with it */
    if (r == 0)
        r = result;
    if (r == 0 && fclose(stdout) != 0)
        r = -errno;
    if (r < 0)
        fprintf(stderr, "cluster: %s\n", em_strerror(r));
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
