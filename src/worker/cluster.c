/* SPDX-License-Identifier: MIT */
/* Cluster: its making, its events, and its end. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/options.h"
#include "base/sys.h"
#include "worker/cluster.h"

enum {
    DEFAULT_BUDGET = 10,
    DEFAULT_WINDOW_MS = 60000,
    DEFAULT_BACKOFF_MS = 100,
    DEFAULT_BACKOFF_MAX_MS = 15000,
    DEFAULT_DRAIN_MS = 30000,
    WORKERS_MAX = 4096
};

/* --- memory --- */

static void free_if_unused(em_cluster *cluster)
{
    if (!cluster->gone || cluster->calls > 0)
        return;
    em__free(cluster->slots);
    em__free(cluster->candidates);
    em__free(cluster->doors);
    em__free(cluster->buffer);
    em__free(cluster);
}

static void free_emitter(em_emitter *emitter)
{
    em_cluster *cluster = em__container(emitter, em_cluster, emitter);

    cluster->gone = true;
    free_if_unused(cluster);
}

void em__cluster_enter(em_cluster *cluster)
{
    cluster->calls++;
}

static void tell_shed(em_cluster *cluster)
{
    char message[96];
    unsigned count = cluster->shed;
    int error = cluster->shed_error;

    cluster->shed = 0;
    cluster->shed_error = 0;
    (void)snprintf(message, sizeof(message), "%u connections refused: %s",
                   count, em_strerror(error));
    (void)em__cluster_emit_error(cluster, "shed", error, message);
}

void em__cluster_leave(em_cluster *cluster)
{
    while (cluster->calls == 1 && cluster->shed_error && !cluster->freed)
        tell_shed(cluster);
    cluster->calls--;
    free_if_unused(cluster);
}

/* --- events --- */

bool em__cluster_emit(em_cluster *cluster, const char *event, void *arg)
{
    if (!cluster->freed)
        (void)em_emit(&cluster->emitter, event, arg);
    return !cluster->freed;
}

bool em__cluster_emit_error(em_cluster *cluster, const char *event, int error,
                            const char *message)
{
    em_error arg = { .code = error, .message = message, .origin = "cluster" };

    return em__cluster_emit(cluster, event, &arg);
}

/* --- options --- */

bool em__cluster_has_queues(const em_cluster *cluster)
{
    return cluster->listens && (cluster->options.route != EM_ROUTE_KERNEL ||
                                cluster->options.reuseport);
}

#define DEFAULT(field, value) ((field) = (field) ? (field) : (value))

static void fill_in(em_cluster_options *options)
{
    DEFAULT(options->workers, em__sys_processors());
    DEFAULT(options->ipv4_prefix, 32);
    DEFAULT(options->ipv6_prefix, 64);
    DEFAULT(options->restart_budget, DEFAULT_BUDGET);
    DEFAULT(options->restart_window_ms, DEFAULT_WINDOW_MS);
    DEFAULT(options->backoff_ms, DEFAULT_BACKOFF_MS);
    DEFAULT(options->backoff_max_ms,
            options->backoff_ms > DEFAULT_BACKOFF_MAX_MS
                ? options->backoff_ms
                : DEFAULT_BACKOFF_MAX_MS);
    DEFAULT(options->drain_ms, DEFAULT_DRAIN_MS);
}

static bool are_sound(const em_cluster_options *options)
{
    bool kernel = options->route == EM_ROUTE_KERNEL;

    return options->worker && options->workers <= WORKERS_MAX &&
           (unsigned)options->route <= EM_ROUTE_FUNCTION &&
           (options->route != EM_ROUTE_FUNCTION || options->route_fn) &&
           (!options->reuseport || (kernel && options->listen)) &&
           (options->peek == 0 || !kernel) && options->peek <= EM_PEEK_MAX &&
           options->ipv4_prefix <= 32 && options->ipv6_prefix <= 128 &&
           options->backoff_ms <= options->backoff_max_ms;
}

static int read_options(em_cluster *cluster, const em_cluster_options *options)
{
    em_cluster_options *mine = &cluster->options;
    int r = em__options_read(options, mine, sizeof(*mine));

    if (r < 0)
        return r;
    fill_in(mine);
    if (!are_sound(mine))
        return -EINVAL;
    r = em__options_read(mine->worker, &cluster->worker,
                         sizeof(cluster->worker));
    cluster->listens = mine->listen;
    if (r == 0 && cluster->listens)
        r = em__address_parse(mine->listen, &cluster->address);
    mine->worker = &cluster->worker;
    cluster->router = (em__router){ .route = mine->route,
                                    .count = mine->workers,
                                    .ipv4_prefix = mine->ipv4_prefix,
                                    .ipv6_prefix = mine->ipv6_prefix };
    return r;
}

/* --- making --- */

static int allocate(em_cluster *cluster)
{
    unsigned count = cluster->options.workers;

    cluster->slots = em__calloc(count, sizeof(*cluster->slots));
    cluster->candidates = em__calloc(count, sizeof(*cluster->candidates));
    cluster->doors =
        em__calloc(count > EM__SOCKETS_MAX ? count : EM__SOCKETS_MAX,
                   sizeof(*cluster->doors));
    cluster->buffer = em__malloc(em__handoff_packet_max(cluster->options.peek));
    return cluster->slots && cluster->candidates && cluster->doors &&
                   cluster->buffer
               ? 0
               : -ENOMEM;
}

static int add_sources(em_cluster *cluster)
{
    em__slot *slot;
    unsigned i;
    int r =
        em_loop_add_timer(cluster->loop, UINT64_MAX, 0, em__reload_impatient,
                          cluster, &cluster->patience);

    for (i = 0; r == 0 && i < cluster->options.workers; i++) {
        slot = &cluster->slots[i];
        slot->cluster = cluster;
        slot->index = i;
        r = em_loop_add_timer(cluster->loop, UINT64_MAX, 0, em__slot_try, slot,
                              &slot->restart);
    }
    return r < 0 ? r : em__dispatch_open(cluster);
}

static void add_doors(em_cluster *cluster, const int *sockets, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        cluster->doors[cluster->door_count++] =
            (em__door){ .cluster = cluster, .fd = sockets[i] };
        if (cluster->options.defer_accept)
            em__socket_defer_accept(sockets[i]);
    }
}

static int listen_on(em_cluster *cluster)
{
    int sockets[EM__SOCKETS_MAX], r;

    if (!cluster->listens)
        return 0;
    do {
        r = em__socket_listen(&cluster->address, cluster->options.reuseport,
                              sockets);
        if (r > 0)
            add_doors(cluster, sockets, r);
    } while (r > 0 && cluster->options.reuseport &&
             cluster->door_count < cluster->options.workers);
    return r < 0 ? r : 0;
}

static int start_members(em_cluster *cluster)
{
    unsigned i;
    int r = 0;

    for (i = 0; r == 0 && i < cluster->options.workers; i++)
        r = em__member_spawn(&cluster->slots[i], &cluster->slots[i].current);
    return r;
}

static void leave_loop(em__guest *guest)
{
    em_cluster_free(em__container(guest, em_cluster, guest));
}

static int start(em_cluster *cluster, const em_cluster_options *options)
{
    int r = read_options(cluster, options);

    if (r == 0)
        r = allocate(cluster);
    if (r == 0)
        r = listen_on(cluster);
    if (r == 0)
        r = add_sources(cluster);
    if (r == 0)
        r = start_members(cluster);
    return r;
}

int em_cluster_new(em_loop *loop, const em_cluster_options *options,
                   em_cluster **ret)
{
    em_cluster *cluster;
    int r;

    if (!loop || !options || !ret)
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    cluster = em__calloc(1, sizeof(*cluster));
    if (!cluster)
        return -ENOMEM;
    cluster->loop = loop;
    cluster->random = (em__sys_now_us() << 20 ^ (uint64_t)getpid()) | 1;
    em__list_init(&cluster->members);
    em__list_init(&cluster->parked);
    em_emitter_init(&cluster->emitter, loop, free_emitter);
    cluster->guest.leave = leave_loop;
    em__loop_join(loop, &cluster->guest);
    em_loop_ref(loop);
    r = start(cluster, options);
    if (r < 0)
        em_cluster_free(cluster);
    else
        *ret = cluster;
    return r;
}

/* --- what users ask for --- */

em_emitter *em_cluster_emitter(em_cluster *cluster)
{
    return cluster ? &cluster->emitter : NULL;
}

em_worker *em_cluster_worker(em_cluster *cluster, unsigned slot)
{
    const em__member *member;

    if (!cluster || cluster->freed || slot >= cluster->options.workers)
        return NULL;
    member = cluster->slots[slot].current;
    return member && member->up && !member->leaving ? member->worker : NULL;
}

int em_cluster_address(em_cluster *cluster, struct sockaddr *address,
                       socklen_t *size)
{
    if (!cluster || cluster->freed || !address || !size)
        return -EINVAL;
    if (em__loop_is_forked(cluster->loop))
        return -ECHILD;
    if (cluster->door_count == 0)
        return -ENOENT;
    return getsockname(cluster->doors[0].fd, address, size) < 0 ? -errno : 0;
}
