/* SPDX-License-Identifier: MIT */
/* Seed: find a race between two jobs without threads, and replay it.
 *
 * The withdrawal looks at the balance, and takes from it when its job is back;
 * so two of them may both find enough.  With a virtual clock the loop runs its
 * jobs itself, in an order drawn from the seed: one seed is one history. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <emitter.h>

enum { SEEDS = 1000 };

struct account {
    int balance;
    bool tells;
};

/* The job: ask whether there is enough, as one would ask a database. */
static int look(em_baton *baton, void *data)
{
    struct account *account = data;

    (void)baton;
    if (account->tells)
        printf("looks at %d\n", account->balance);
    return account->balance >= 100 ? 1 : 0;
}

static void take(em_baton *baton, int enough, void *data)
{
    struct account *account = data;

    (void)baton;
    if (enough <= 0)
        return;
    account->balance -= 100;
    if (account->tells)
        printf("takes 100, leaves %d\n", account->balance);
}

/* Two withdrawals with this seed: what is left, or a negative errno. */
static int history(uint64_t seed, bool tells, int *left)
{
    struct account account = { .balance = 100, .tells = tells };
    em_loop *loop;
    int r = em_loop_new(
        EM_OPTIONS(em_loop_options, .virtual_clock = true, .seed = seed),
        &loop);

    if (r < 0)
        return r;
    r = em_baton_run(loop, look, take, &account);
    if (r == 0)
        r = em_baton_run(loop, look, take, &account);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT);
    em_loop_free(loop);
    *left = account.balance;
    return r;
}

int main(void)
{
    uint64_t seed;
    int left = 0;
    int r = 0;

    for (seed = 1; seed <= SEEDS && r == 0 && left >= 0; seed++)
        r = history(seed, false, &left);
    if (r == 0 && left < 0)
        r = history(seed - 1, true, &left); /* the same, step by step */
    if (r == 0 && fclose(stdout) != 0)
        r = -errno;
    if (r < 0)
        fprintf(stderr, "seed: %s\n", em_strerror(r));
    return r == 0 && left < 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
