/* SPDX-License-Identifier: MIT */
/* Clock: never less than it is. */

#include <config.h>

#include "base/clock.h"
#include "base/sys.h"
#include "testing.h"

enum { LOOKS = 300000 };

TEST(the_clock_ahead_has_not_passed_and_does_not_go_back)
{
    em__clock clock;
    uint64_t before, ahead, after, last = 0;
    int i;

    em__clock_ask();
    em__clock_init(&clock);
    for (i = 0; i < LOOKS; i++) {
        before = em__sys_now_us();
        ahead = em__clock_ahead_ms(&clock);
        after = em__sys_now_us();
        ck_assert_uint_gt(ahead * 1000, before);
        ck_assert_uint_le(ahead * 1000, after + EM__CLOCK_AHEAD + 1000);
        ck_assert_uint_ge(ahead, last);
        last = ahead;
    }
}

/* The counter as the clock finds it, which is known where there is one. */
TEST(a_counter_that_jumps_has_the_clock_looked_at)
{
    em__clock clock;
    uint64_t now;

    em__clock_ask();
    em__clock_init(&clock);
    clock.window = 1000;
    clock.ticks = em__clock_ticks() + 1000000; /* as if it had gone back */
    clock.ms = 1;
    now = em__sys_now_us();
    ck_assert_uint_gt(em__clock_ahead_ms(&clock) * 1000, now);
}

SUITE("clock", the_clock_ahead_has_not_passed_and_does_not_go_back,
      a_counter_that_jumps_has_the_clock_looked_at);
