/* SPDX-License-Identifier: MIT */
/* Default: the pool of those who name none, and how many threads it has. */

#include <config.h>

#include <stdlib.h>

#include "baton/internal.h"

enum { LEAST_THREADS = 4, MOST_THREADS = 1024 };

static em_pool *_Atomic default_pool;

unsigned em__default_size(void)
{
    const char *wish = getenv("EMITTER_POOL_SIZE");
    unsigned processors = em__sys_processors();
    unsigned long threads;
    char *end;

    if (wish) {
        threads = strtoul(wish, &end, 10);
        if (*wish >= '0' && *wish <= '9' && !*end && threads > 0)
            return threads < MOST_THREADS ? (unsigned)threads : MOST_THREADS;
    }
    return processors > LEAST_THREADS ? processors : LEAST_THREADS;
}

/* Without a lock, which a forked child could inherit held: of several threads
 * that make one, the first to store it wins. */
em_pool *em_pool_default(void)
{
    em_pool *pool = atomic_load(&default_pool);
    em_pool *made;

    if (pool && !em__pool_is_forked(pool))
        return pool;
    if (em_pool_new(NULL, &made) < 0)
        return NULL;
    made->is_default = true;
    made->inherited = pool;
    if (atomic_compare_exchange_strong(&default_pool, &pool, made))
        return made;
    em__pool_let_go(made);
    return pool;
}

void em__default_end(void)
{
    em_pool *pool = atomic_exchange(&default_pool, NULL);

    if (pool)
        em__pool_let_go(pool);
}
