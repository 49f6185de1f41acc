/* SPDX-License-Identifier: MIT */
/* Sizes: of the public structs, which programs have compiled in.
 *
 * An option or counts struct may grow at its end, since it carries its size;
 * the others may not change.  Whoever changes a number here changes the ABI:
 * CONTRIBUTING.md has the rule. */

#include <config.h>

#include <emitter.h>
#include <emitter/args.h>

#include "testing.h"

static const struct {
    const char *name;
    size_t size, expected; /* where pointers and longs have 64 bits */
} structs[] = {
    { "em_arg", sizeof(em_arg), 16 },
    { "em_args", sizeof(em_args), 16 },
    { "em_baton_options", sizeof(em_baton_options), 104 },
    { "em_emitter", sizeof(em_emitter), 32 },
    { "em_error", sizeof(em_error), 24 },
    { "em_group_options", sizeof(em_group_options), 56 },
    { "em_host", sizeof(em_host), 24 },
    { "em_listen_options", sizeof(em_listen_options), 72 },
    { "em_listener_info", sizeof(em_listener_info), 40 },
    { "em_loop_counts", sizeof(em_loop_counts), 48 },
    { "em_loop_options", sizeof(em_loop_options), 72 },
    { "em_max_listeners_info", sizeof(em_max_listeners_info), 24 },
    { "em_pool_counts", sizeof(em_pool_counts), 576 },
    { "em_pool_options", sizeof(em_pool_options), 80 },
};

TEST(public_structs_have_the_sizes_that_programs_were_built_with)
{
    size_t i;

    for (i = 0; sizeof(void *) == 8 && i < sizeof(structs) / sizeof(*structs);
         i++)
        ck_assert_msg(structs[i].size == structs[i].expected,
                      "%s has %zu bytes, not %zu", structs[i].name,
                      structs[i].size, structs[i].expected);
}

SUITE("sizes", public_structs_have_the_sizes_that_programs_were_built_with);
