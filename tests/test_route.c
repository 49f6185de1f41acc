/* SPDX-License-Identifier: MIT */
/* Routes: which slot gets a connection. */

#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "testing.h"
#include "worker/route.h"

enum { SLOTS = 8, PEERS = 5000 };

static em__candidate candidates[SLOTS];

static em__router router_of(em_route route, unsigned count)
{
    unsigned i;

    for (i = 0; i < SLOTS; i++)
        candidates[i] = (em__candidate){ .rank = EM__RANK_UP };
    return (em__router){
        .route = route, .count = count, .ipv4_prefix = 32, .ipv6_prefix = 64
    };
}

static struct sockaddr_in ipv4(uint32_t host)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)host),
                                 .sin_addr.s_addr = htonl(host) };
}

static int route_ipv4(em__router *router, uint32_t host)
{
    struct sockaddr_in peer = ipv4(host);

    return em__route(router, candidates, (struct sockaddr *)&peer, 0);
}

static int route_ipv6(em__router *router, const char *host)
{
    struct sockaddr_in6 peer = { .sin6_family = AF_INET6 };

    ck_assert_int_eq(inet_pton(AF_INET6, host, &peer.sin6_addr), 1);
    return em__route(router, candidates, (struct sockaddr *)&peer, 0);
}

static void mark_routes(em__router *router, unsigned count)
{
    while (count-- > 0)
        mark_number(route_ipv4(router, 1));
}

TEST(round_robin_takes_turns)
{
    em__router router = router_of(EM_ROUTE_ROUND_ROBIN, 3);

    mark_routes(&router, 7);
    assert_marks("0 1 2 0 1 2 0");
}

TEST(round_robin_passes_by_what_is_down)
{
    em__router router = router_of(EM_ROUTE_ROUND_ROBIN, 4);

    candidates[1].rank = EM__RANK_DOWN;
    candidates[2].rank = EM__RANK_STALLED;
    mark_routes(&router, 4);
    assert_marks("0 3 0 3");
}

TEST(what_stalls_is_asked_when_nothing_else_is_up)
{
    em__router router = router_of(EM_ROUTE_ROUND_ROBIN, 3);
    em_route route;

    for (route = EM_ROUTE_ROUND_ROBIN; route <= EM_ROUTE_FUNCTION; route++) {
        router.route = route;
        candidates[0].rank = candidates[2].rank = EM__RANK_DOWN;
        candidates[1].rank = EM__RANK_STALLED;
        mark_routes(&router, 1);
        candidates[1].rank = EM__RANK_DOWN;
        mark_routes(&router, 1);
    }
    assert_marks("1 -11 1 -11 1 -11 1 -11");
}

TEST(the_least_busy_is_taken)
{
    em__router router = router_of(EM_ROUTE_LEAST_BUSY, 3);

    candidates[0].busy = 2;
    candidates[1].busy = 1;
    candidates[2].busy = 2;
    mark_routes(&router, 2);
    assert_marks("1 1");
    candidates[1].rank = EM__RANK_DOWN;
    mark_routes(&router, 1);
    assert_marks("2");
}

TEST(equally_busy_ones_take_turns)
{
    em__router router = router_of(EM_ROUTE_LEAST_BUSY, 3);

    mark_routes(&router, 4);
    assert_marks("0 1 2 0");
}

TEST(a_function_s_wish_is_met_or_its_next_one_is)
{
    em__router router = router_of(EM_ROUTE_FUNCTION, 3);
    struct sockaddr_in peer = ipv4(1);
    unsigned wish;

    candidates[1].rank = EM__RANK_DOWN;
    for (wish = 0; wish < 3; wish++)
        mark_number(
            em__route(&router, candidates, (struct sockaddr *)&peer, wish));
    assert_marks("0 2 2");
}

TEST(a_peer_always_meets_the_same_slot)
{
    em__router router = router_of(EM_ROUTE_IP_HASH, SLOTS);
    uint32_t host;

    for (host = 0; host < 1000; host++)
        ck_assert_int_eq(route_ipv4(&router, host), route_ipv4(&router, host));
}

/* Fixed for good: peers meet their slots across restarts and machines. */
TEST(the_hash_is_the_same_everywhere)
{
    em__router router = router_of(EM_ROUTE_IP_HASH, SLOTS);
    uint32_t host;

    for (host = 0; host < 8; host++)
        mark_number(route_ipv4(&router, 0x7f000001U + host));
    mark_number(route_ipv6(&router, "2001:db8::1"));
    mark_number(route_ipv6(&router, "2001:db8:1::1"));
    assert_marks("1 0 2 3 5 1 1 5 2 0");
}

TEST(only_peers_of_a_slot_that_goes_down_move)
{
    em__router router = router_of(EM_ROUTE_IP_HASH, SLOTS);
    static int before[PEERS];
    uint32_t host;
    int now, moved[SLOTS] = { 0 };

    for (host = 0; host < PEERS; host++)
        before[host] = route_ipv4(&router, host);
    candidates[3].rank = EM__RANK_DOWN;
    for (host = 0; host < PEERS; host++) {
        now = route_ipv4(&router, host);
        if (before[host] != 3)
            ck_assert_int_eq(now, before[host]);
        else
            moved[now]++;
    }
    for (now = 0; now < SLOTS; now++)
        ck_assert(now == 3 ? moved[now] == 0 : moved[now] > 0);
    candidates[3].rank = EM__RANK_UP;
    for (host = 0; host < PEERS; host++)
        ck_assert_int_eq(route_ipv4(&router, host), before[host]);
}

/* A binomial count is within six of its standard deviations. */
TEST(peers_spread_evenly)
{
    em__router router = router_of(EM_ROUTE_IP_HASH, SLOTS);
    int count[SLOTS] = { 0 }, slot;
    uint32_t host;

    for (host = 0; host < PEERS; host++)
        count[route_ipv4(&router, 0x7f000000U + host)]++;
    for (slot = 0; slot < SLOTS; slot++) {
        ck_assert_int_gt(count[slot], PEERS / SLOTS - 6 * 24);
        ck_assert_int_lt(count[slot], PEERS / SLOTS + 6 * 24);
    }
}

TEST(bits_past_the_prefix_do_not_count)
{
    em__router router = router_of(EM_ROUTE_IP_HASH, SLOTS);
    uint32_t host, net;
    int slot, others = 0;

    router.ipv4_prefix = 20;
    for (net = 0; net < 64; net++) {
        slot = route_ipv4(&router, net << 12);
        for (host = 0; host < 4096; host += 5)
            ck_assert_int_eq(route_ipv4(&router, net << 12 | host), slot);
        others += slot != route_ipv4(&router, 0);
    }
    ck_assert_int_gt(others, 32);
    ck_assert_int_eq(route_ipv6(&router, "2001:db8::1"),
                     route_ipv6(&router, "2001:db8::ffff:ffff:ffff:ffff"));
    router.ipv6_prefix = 128;
    for (host = 0; host < 64; host++) {
        struct sockaddr_in6 peer = { .sin6_family = AF_INET6 };

        peer.sin6_addr.s6_addr[15] = (uint8_t)host;
        mark_number(
            em__route(&router, candidates, (struct sockaddr *)&peer, 0));
    }
    ck_assert_ptr_nonnull(strpbrk(take_marks(), "1234567"));
}

TEST(an_ipv4_peer_is_the_same_over_ipv6)
{
    em__router router = router_of(EM_ROUTE_IP_HASH, SLOTS);

    ck_assert_int_eq(route_ipv6(&router, "::ffff:127.0.0.1"),
                     route_ipv4(&router, 0x7f000001U));
    ck_assert_int_eq(route_ipv6(&router, "::ffff:127.0.0.9"),
                     route_ipv4(&router, 0x7f000009U));
}

TEST(peers_without_an_address_take_turns)
{
    em__router router = router_of(EM_ROUTE_IP_HASH, 3);
    struct sockaddr peer = { .sa_family = AF_UNIX };
    int i;

    for (i = 0; i < 4; i++)
        mark_number(em__route(&router, candidates, &peer, 0));
    assert_marks("0 1 2 0");
}

SUITE("route", round_robin_takes_turns, round_robin_passes_by_what_is_down,
      what_stalls_is_asked_when_nothing_else_is_up, the_least_busy_is_taken,
      equally_busy_ones_take_turns, a_function_s_wish_is_met_or_its_next_one_is,
      a_peer_always_meets_the_same_slot, the_hash_is_the_same_everywhere,
      only_peers_of_a_slot_that_goes_down_move, peers_spread_evenly,
      bits_past_the_prefix_do_not_count, an_ipv4_peer_is_the_same_over_ipv6,
      peers_without_an_address_take_turns);
