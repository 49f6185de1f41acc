/* SPDX-License-Identifier: MIT */
/* Fuzz of how a connection finds its worker: peers that send their first bytes
 * in any pieces, hang up, or say nothing, and a choice that needs any number of
 * them; then any route over slots in any state.
 *
 * A look sees all that was read so far, which is the beginning of what the peer
 * sent; what is handed on and what is still in the socket is all of it; what is
 * dropped was closed. */

#include <config.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "fuzz.h"
#include "worker/peek.h"
#include "worker/route.h"

enum { PEERS = 8, SENT = 512, SLOTS = 8 };

const char fuzz_name[] = "peek";

typedef struct one {
    em__arrival *arrival; /* NULL: it is not peeked at */
    int fd, remote;       /* -1: closed; fd is ours once it was released */
    uint8_t bytes[SENT];
    size_t sent, seen;
    uint64_t due; /* when it has waited too long */
    em__arrival *released;
} one;

static one peers[PEERS];
static em_loop *loop;
static em__peeker peeker;
static bool closed_inside;

/* --- what the peeker calls --- */

static one *find(const em__arrival *arrival)
{
    int i;

    for (i = 0; i < PEERS; i++) {
        if (peers[i].fd == arrival->connection.fd)
            return &peers[i];
    }
    promise(false && "an arrival that nobody added");
    return NULL;
}

static void forget_all(void)
{
    int i;

    for (i = 0; i < PEERS; i++) {
        if (!peers[i].released)
            peers[i].fd = -1;
    }
}

static int look(em__peeker *from, em__arrival *arrival)
{
    const em_connection *connection = &arrival->connection;
    one *it = find(arrival);

    promise(from == &peeker);
    promise(connection->size > it->seen && connection->size <= peeker.size &&
            connection->size <= it->sent);
    promise(memcmp(connection->data, it->bytes, connection->size) == 0);
    it->seen = connection->size;
    switch (draw(8)) {
    case 1:
        em__peeker_release(arrival);
        it->released = arrival;
        return 0;
    case 2:
        em__peeker_close(&peeker);
        closed_inside = true;
        forget_all();
        return -ECANCELED;
    case 3:
        it->fd = -1;
        return -EACCES;
    default:
        if (connection->size == peeker.size)
            it->fd = -1; /* the last look: it is dropped */
        return -EAGAIN;
    }
}

static const em__peeker_calls calls = { look };

/* --- the peers --- */

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void end(one *it)
{
    close_one(&it->remote);
    if (it->released)
        em__arrival_free(it->released); /* with the descriptor */
    *it = (one){ .fd = -1, .remote = -1 };
}

static void add(one *it)
{
    em_connection connection = { .fd = -1 };
    int ends[2], r;

    end(it);
    promise(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    it->remote = ends[1];
    it->fd = connection.fd = ends[0];
    if (draw(16) == 1)
        (void)fuzz_fail_allocation(1 + draw(2));
    r = em__peeker_add(&peeker, &connection);
    if (fuzz_fail_allocation(0))
        promise(r == -ENOMEM);
    else
        promise(r == 0);
    it->due = em_loop_now(loop) + EM__PEEK_MS;
    if (r < 0)
        close_one(&it->fd);
}

static void send_some(one *it)
{
    size_t size = 1 + draw(40), i;

    if (it->remote < 0 || it->sent + size > SENT)
        return;
    for (i = 0; i < size; i++)
        it->bytes[it->sent + i] = (uint8_t)draw(256);
    if (send(it->remote, it->bytes + it->sent, size,
             MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size)
        it->sent += size;
}

static unsigned count_waiting(void)
{
    unsigned i, count = 0;

    for (i = 0; i < PEERS; i++)
        count += peers[i].fd >= 0 && !peers[i].released;
    return count;
}

static bool is_waiting(const one *it)
{
    em__list *node;

    for (node = peeker.waiting.next; node != &peeker.waiting; node = node->next)
        if (em__container(node, em__arrival, node)->connection.fd == it->fd)
            return true;
    return false;
}

/* Those that hung up or waited too long are dropped, and only those; of the
 * latter all. */
static void settle(void)
{
    unsigned i;

    for (i = 0; i < PEERS && !closed_inside; i++) {
        if (peers[i].fd < 0 || peers[i].released || is_waiting(&peers[i]))
            continue;
        promise(peers[i].remote < 0 || peers[i].due <= em_loop_now(loop));
        peers[i].fd = -1;
    }
    promise(closed_inside || peeker.count == count_waiting());
}

/* The bytes that came along, and those that were left in the socket. */
static void read_rest(one *it)
{
    uint8_t rest[SENT];
    ssize_t n;

    if (!it->released)
        return;
    n = recv(it->fd, rest, sizeof(rest), MSG_DONTWAIT);
    n = n < 0 ? 0 : n;
    promise(it->seen + (size_t)n == it->sent);
    promise(memcmp(rest, it->bytes + it->seen, (size_t)n) == 0);
    end(it);
}

static void act(void)
{
    one *it = &peers[draw(PEERS)];

    switch (draw(8)) {
    case 1:
    case 2:
        send_some(it);
        break;
    case 3:
        close_one(&it->remote);
        break;
    case 4:
        read_rest(it);
        break;
    case 5: /* the virtual clock goes on to the oldest one's end */
        if (draw(4) == 1 && count_waiting() > 0)
            promise(em_loop_run(loop, EM_RUN_ONCE) >= 0);
        settle();
        break;
    case 6:
        if (it->fd < 0)
            add(it);
        break;
    default:
        promise(em_loop_run(loop, EM_RUN_NOWAIT) >= 0);
        settle();
        break;
    }
}

/* --- the route --- */

static void draw_peer(struct sockaddr_storage *peer)
{
    uint8_t *at = (uint8_t *)peer;
    size_t i;

    memset(peer, 0, sizeof(*peer));
    for (i = 0; i < sizeof(struct sockaddr_in6); i++)
        at[i] = (uint8_t)draw(256);
    peer->ss_family = (sa_family_t)(draw(2) ? AF_INET6 : AF_INET);
    if (draw(4) == 1)
        peer->ss_family = (sa_family_t)(draw(2) ? AF_UNIX : draw(256));
}

/* It finds a slot of the best rank there is, and the same one for a peer's
 * address again. */
static void route(void)
{
    em__candidate slots[SLOTS];
    em__router router = { .route = (em_route)draw(EM_ROUTE_FUNCTION + 1),
                          .count = 1 + draw(SLOTS),
                          .ipv4_prefix = draw(33),
                          .ipv6_prefix = draw(129) };
    struct sockaddr_storage peer;
    em__rank best = EM__RANK_DOWN;
    unsigned i, wish = draw(router.count);
    int slot;

    router.next = draw(router.count);
    for (i = 0; i < router.count; i++) {
        slots[i] = (em__candidate){ (em__rank)draw(3), draw(4) };
        best = slots[i].rank > best ? slots[i].rank : best;
    }
    draw_peer(&peer);
    slot = em__route(&router, slots, (struct sockaddr *)&peer, wish);
    promise((slot < 0) == (best == EM__RANK_DOWN));
    if (slot < 0) {
        promise(slot == -EAGAIN);
        return;
    }
    promise((unsigned)slot < router.count && slots[slot].rank == best);
    if (router.route == EM_ROUTE_FUNCTION ||
        (router.route == EM_ROUTE_IP_HASH &&
         (peer.ss_family == AF_INET || peer.ss_family == AF_INET6)))
        promise(em__route(&router, slots, (struct sockaddr *)&peer, wish) ==
                slot);
    for (i = 0; i < router.count && router.route == EM_ROUTE_LEAST_BUSY; i++)
        promise(slots[i].rank < best || slots[i].busy >= slots[slot].busy);
    if (router.route == EM_ROUTE_FUNCTION && slots[wish].rank == best)
        promise((unsigned)slot == wish);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int i;

    fuzz_begin(bytes, size);
    for (i = 0; i < PEERS; i++)
        peers[i] = (one){ .fd = -1, .remote = -1 };
    closed_inside = false;
    promise(em_loop_new(EM_OPTIONS(em_loop_options, .virtual_clock = true),
                        &loop) == 0);
    promise(em__peeker_open(&peeker, loop, 1 + draw(128), &calls) == 0);
    while (!drawn_out() && !closed_inside) {
        act();
        if (draw(4) == 1)
            route();
    }
    em__peeker_close(&peeker);
    forget_all();
    for (i = 0; i < PEERS; i++)
        end(&peers[i]);
    em_loop_free(loop);
    fuzz_end();
    return 0;
}
