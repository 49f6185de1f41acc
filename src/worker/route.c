/* SPDX-License-Identifier: MIT */
/* Route: which slot gets a connection.
 *
 * IP hash is highest random weight, or rendezvous, hashing (Thaler and
 * Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM
 * Transactions on Networking 6(1), 1998): every slot draws a weight from its
 * number and the peer, the heaviest one that is there wins.  A slot that goes
 * down loses its own peers and no others, each to that peer's next choice, and
 * gets the same ones back; a hash modulo the number of slots that are up would
 * move nearly all of them. */

#include <config.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "worker/route.h"

/* --- turns --- */

/* The first one of that rank from slot `from` on, round the end. */
static int first_from(const em__router *router, const em__candidate *candidates,
                      em__rank rank, unsigned from)
{
    unsigned i, slot;

    for (i = 0; i < router->count; i++) {
        slot = (from + i) % router->count;
        if (candidates[slot].rank == rank)
            return (int)slot;
    }
    return -EAGAIN;
}

static int take_turn(em__router *router, int slot)
{
    if (slot >= 0)
        router->next = ((unsigned)slot + 1) % router->count;
    return slot;
}

/* Of those that are equally busy, the one whose turn is next. */
static int least_busy(const em__router *router, const em__candidate *candidates,
                      em__rank rank)
{
    int best = first_from(router, candidates, rank, router->next);
    unsigned i, slot;

    for (i = 1; best >= 0 && i < router->count; i++) {
        slot = (router->next + i) % router->count;
        if (candidates[slot].rank == rank &&
            candidates[slot].busy < candidates[best].busy)
            best = (int)slot;
    }
    return best;
}

/* --- IP hash --- */

/* The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast Splittable
 * Pseudorandom Number Generators", OOPSLA 2014): every bit of the result
 * depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The first `bits` of an address, in words that are the same on every machine.
 */
static uint64_t hash_prefix(const unsigned char *address, unsigned bytes,
                            unsigned bits)
{
    uint64_t hash = bytes, word = 0;
    unsigned i, left, byte;

    for (i = 0; i < bytes; i++) {
        left = bits > 8 * i ? bits - 8 * i : 0;
        byte = left >= 8 ? address[i] : address[i] & (0xff00U >> left) & 0xffU;
        word = word << 8 | byte;
        if (i % 8 == 7) {
            hash = mix(hash ^ word);
            word = 0;
        }
    }
    return mix(hash ^ word);
}

static uint64_t hash_ipv6(const em__router *router, const struct in6_addr *peer)
{
    if (IN6_IS_ADDR_V4MAPPED(peer))
        return hash_prefix(peer->s6_addr + 12, 4, router->ipv4_prefix);
    return hash_prefix(peer->s6_addr, 16, router->ipv6_prefix);
}

static int heaviest(const em__router *router, const em__candidate *candidates,
                    em__rank rank, uint64_t peer)
{
    uint64_t weight, best_weight = 0;
    unsigned slot;
    int best = -EAGAIN;

    for (slot = 0; slot < router->count; slot++) {
        if (candidates[slot].rank != rank)
            continue;
        /* An odd multiple of the slot, so that no two slots share a stream. */
        weight = mix(peer ^ ((slot + 1) * UINT64_C(0x9e3779b97f4a7c15)));
        if (best >= 0 && weight <= best_weight)
            continue;
        best = (int)slot;
        best_weight = weight;
    }
    return best;
}

/* Peers without an address, as on a UNIX socket, take turns. */
static int by_address(em__router *router, const em__candidate *candidates,
                      em__rank rank, const struct sockaddr *peer)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)peer;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)peer;

    if (peer->sa_family == AF_INET)
        return heaviest(
            router, candidates, rank,
            hash_prefix((const unsigned char *)&ipv4->sin_addr.s_addr, 4,
                        router->ipv4_prefix));
    if (peer->sa_family == AF_INET6)
        return heaviest(router, candidates, rank,
                        hash_ipv6(router, &ipv6->sin6_addr));
    return take_turn(router,
                     first_from(router, candidates, rank, router->next));
}

/* --- all of them --- */

static int choose(em__router *router, const em__candidate *candidates,
                  em__rank rank, const struct sockaddr *peer, unsigned wish)
{
    switch (router->route) {
    case EM_ROUTE_IP_HASH:
        return by_address(router, candidates, rank, peer);
    case EM_ROUTE_FUNCTION:
        return first_from(router, candidates, rank, wish);
    case EM_ROUTE_LEAST_BUSY:
        return take_turn(router, least_busy(router, candidates, rank));
    default:
        return take_turn(router,
                         first_from(router, candidates, rank, router->next));
    }
}

int em__route(em__router *router, const em__candidate *candidates,
              const struct sockaddr *peer, unsigned wish)
{
    int slot = choose(router, candidates, EM__RANK_UP, peer, wish);

    if (slot < 0)
        slot = choose(router, candidates, EM__RANK_STALLED, peer, wish);
    return slot;
}
