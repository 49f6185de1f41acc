/* SPDX-License-Identifier: MIT */
/* Master: see master.h. */

#define _GNU_SOURCE /* accept4, dup3 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listener.h"
#include "master.h"
#include "table.h"
#include "worker.h"

struct master {
    struct setting setting; /* what the workers see */
    em_loop *loop;
    em_cluster *cluster;
    struct table *table;
    int *keep; /* descriptors for the workers: the log, then listeners */
    size_t keep_count;
    unsigned given_up; /* slots, since the last reload */
    bool stopping;
    int status; /* to exit with */
};

/* Returns the error, if it is one. */
static int complain(const char *what, int error)
{
    if (error < 0)
        fprintf(stderr, "server: %s: %s\n", what, em_strerror(error));
    return error;
}

/* --- the log --- */

static int open_log(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    return fd < 0 ? -errno : fd;
}

/* Under the number that new workers are told. */
static void reopen_log(struct master *master)
{
    int fd =
        master->setting.log < 0 ? -1 : open_log(master->setting.options.log);

    if (fd < 0) {
        if (master->setting.log >= 0)
            (void)complain(master->setting.options.log, fd);
        return;
    }
    if (dup3(fd, master->setting.log, O_CLOEXEC) < 0)
        (void)complain(master->setting.options.log, -errno);
    (void)close(fd);
}

/* --- events of the cluster --- */

static void print_address(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *in4 = (const void *)address;
    const struct sockaddr_in6 *in6 = (const void *)address;
    char text[INET6_ADDRSTRLEN];

    if (address->ss_family == AF_INET)
        printf("listening on http://%s:%u/\n",
               inet_ntop(AF_INET, &in4->sin_addr, text, sizeof(text)),
               ntohs(in4->sin_port));
    else if (address->ss_family == AF_INET6)
        printf("listening on http://[%s]:%u/\n",
               inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text)),
               ntohs(in6->sin6_port));
    else
        printf("listening on unix:%s\n",
               ((const struct sockaddr_un *)(const void *)address)->sun_path);
}

static void on_ready(em_emitter *emitter, void *arg, void *data)
{
    struct master *master = data;
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    (void)emitter, (void)arg;
    if (master->setting.options.ports)
        printf("listening on ports from %u\n", master->setting.options.ports);
    else if (em_cluster_address(master->cluster, (struct sockaddr *)&address,
                                &size) == 0)
        print_address(&address);
    (void)fflush(stdout);
}

static void on_exit_of(em_emitter *emitter, void *arg, void *data)
{
    struct master *master = data;
    const em_exit *end = arg;

    (void)emitter;
    board_end(master->setting.board, end->pid);
    if (!end->wanted)
        fprintf(stderr, "server: worker %d ended (%s %d)\n", (int)end->pid,
                end->signal ? "signal" : "status",
                end->signal ? end->signal : end->code);
}

static bool anybody_works(const struct master *master)
{
    unsigned i;

    for (i = 0; i < master->setting.options.workers; i++)
        if (em_cluster_worker(master->cluster, i))
            return true;
    return false;
}

/* A master that nobody works for would only keep its peers waiting. */
static void on_error(em_emitter *emitter, void *arg, void *data)
{
    struct master *master = data;
    const em_error *error = arg;

    (void)emitter;
    fprintf(stderr, "server: %s: %s\n", error->origin ? error->origin : "error",
            error->message);
    if (error->code != -ECONNABORTED ||
        ++master->given_up < master->setting.options.workers ||
        anybody_works(master))
        return;
    fputs("server: every worker was given up\n", stderr);
    master->status = EXIT_FAILURE;
    (void)em_cluster_stop(master->cluster);
}

static void on_reload(em_emitter *emitter, void *arg, void *data)
{
    struct master *master = data;

    (void)emitter, (void)arg;
    figure_add(&master->setting.board->reloads, 1);
    fputs("server: reloaded\n", stderr);
}

/* --- signals --- */

/* A table that cannot be read leaves the one that there is. */
static void reread_table(struct master *master)
{
    const struct options *options = &master->setting.options;
    struct table *table;
    int r;

    if (!options->table)
        return;
    r = table_read(options->table, options->by, options->workers, &table);
    if (r < 0) {
        (void)complain(options->table, r);
        return;
    }
    table_free(master->table);
    master->table = table;
}

/* Names are looked up as root, and again for those who come next. */
static int look_up(struct setting *setting)
{
    struct upstreams upstreams = { 0 };
    int r = 0;

    if (setting->options.proxy)
        r = upstreams_read(&upstreams, setting->options.proxy);
    if (r == 0)
        setting->upstreams = upstreams;
    return complain(setting->options.proxy, r);
}

static void on_hangup(em_source *source, int signo, void *data)
{
    struct master *master = data;
    (void)source, (void)signo;
    reopen_log(master);
    reread_table(master);
    (void)look_up(&master->setting);
    master->given_up = 0;
    (void)complain("reload", em_cluster_reload(master->cluster));
}

/* The second time at once. */
static void on_terminate(em_source *source, int signo, void *data)
{
    struct master *master = data;

    (void)source, (void)signo;
    if (master->stopping)
        em_loop_stop(master->loop);
    master->stopping = true;
    (void)em_cluster_stop(master->cluster);
}

static int watch_signal(struct master *master, int signo, em_signal_fn *fn)
{
    em_source *source;
    int r = em_loop_add_signal(master->loop, signo, fn, master, &source);

    if (r == 0)
        em_source_unref(source);
    return r;
}

/* --- the beginning --- */

static int route(em_cluster *cluster, const struct sockaddr *peer,
                 const void *first, size_t size, void *data)
{
    struct master *master = data;

    (void)cluster, (void)peer;
    return table_route(master->table, first, size);
}

static int prepare_descriptors(struct master *master)
{
    struct options *options = &master->setting.options;
    size_t count = options->ports ? options->workers : 0;
    int r = 0;

    master->keep = calloc(count + 1, sizeof(*master->keep));
    if (!master->keep)
        return complain("start", -ENOMEM);
    if (count > 0) {
        r = listener_open(options->ports, count, master->keep);
        if (r < 0)
            return complain("--ports", r);
        master->keep_count = count;
        master->setting.listeners = master->keep;
    }
    if (options->log) {
        r = open_log(options->log);
        if (r < 0)
            return complain(options->log, r);
        master->setting.log = r;
        master->keep[master->keep_count++] = r;
    }
    return 0;
}

/* Who may not look is told by the workers, who are somebody else. */
static int check_root(const char *root)
{
    struct stat found;
    int r = stat(root, &found) < 0 ? -errno : 0;

    if (r == 0 && !S_ISDIR(found.st_mode))
        r = -ENOTDIR;
    return complain(root, r);
}

static int check_user(const char *user)
{
    if (!user || getpwnam(user))
        return 0;
    fprintf(stderr, "server: there is no user %s\n", user);
    return -ENOENT;
}

static int prepare(struct master *master)
{
    struct options *options = &master->setting.options;
    int r = prepare_descriptors(master);

    /* In a reload there are two of each, and restarts may overlap. */
    if (r == 0)
        r = board_new(4 * options->workers + 8, &master->setting.board);
    if (r == 0)
        r = check_user(options->user);
    if (r == 0 && options->root)
        r = check_root(options->root);
    if (r == 0 && options->table)
        r = complain(options->table,
                     table_read(options->table, options->by, options->workers,
                                &master->table));
    return r < 0 ? r : look_up(&master->setting);
}

static int make_cluster(struct master *master)
{
    const struct options *options = &master->setting.options;
    unsigned restarts =
        options->restarts ? (unsigned)options->restarts : UINT_MAX; /* none */
    em_worker_options worker = { .size = sizeof(worker),
                                 .main = worker_main,
                                 .data = &master->setting,
                                 .user = options->user,
                                 .keep_fds = master->keep,
                                 .keep_count = master->keep_count };
    em_cluster_options cluster = { .size = sizeof(cluster),
                                   .workers = options->workers,
                                   .worker = &worker,
                                   .route = options->route,
                                   .restart_budget = restarts,
                                   .drain_ms = options->drain_ms,
                                   .defer_accept = true };

    if (!options->ports)
        cluster.listen = options->listen;
    if (options->table) {
        cluster.route_fn = route;
        cluster.route_data = master;
        cluster.peek = TABLE_PEEK;
    }
    return complain(options->ports ? "start" : options->listen,
                    em_cluster_new(master->loop, &cluster, &master->cluster));
}

static int listen_to(struct master *master)
{
    em_emitter *emitter = em_cluster_emitter(master->cluster);
    int r;

    r = em_on(emitter, "ready", on_ready, master);
    if (r == 0)
        r = em_on(emitter, "exit", on_exit_of, master);
    if (r == 0)
        r = em_on(emitter, "error", on_error, master);
    if (r == 0)
        r = em_on(emitter, "reload", on_reload, master);
    if (r == 0)
        r = watch_signal(master, SIGHUP, on_hangup);
    if (r == 0)
        r = watch_signal(master, SIGTERM, on_terminate);
    if (r == 0)
        r = watch_signal(master, SIGINT, on_terminate);
    return r;
}

static int start(struct master *master)
{
    int r = prepare(master);

    if (r == 0)
        r = complain("loop", em_loop_new(NULL, &master->loop));
    if (r == 0)
        r = make_cluster(master);
    return r < 0 ? r : listen_to(master);
}

/* As many connections as the system lets us: the soft limit is low only for
 * those who use select.  Workers inherit it. */
static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int master_run(const struct options *options)
{
    struct master master = { .setting = { .options = *options, .log = -1 },
                             .status = EXIT_SUCCESS };
    int r;

    raise_limit();
    r = start(&master);
    if (r == 0)
        r = em_loop_run(master.loop, EM_RUN_DEFAULT);
    em_cluster_free(master.cluster);
    em_loop_free(master.loop);
    table_free(master.table);
    free(master.keep);
    return r < 0 ? EXIT_FAILURE : master.status;
}
