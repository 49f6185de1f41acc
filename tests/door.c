/* SPDX-License-Identifier: MIT */
/* Door: where works wait, so that a test decides when they end. */

#include <config.h>

#include <pthread.h>

#include "door.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_open;
static int waiting;
static char letters[64], taken[64];
static size_t letter_count;

int wait_at_door(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    (void)pthread_mutex_lock(&lock);
    waiting++;
    (void)pthread_cond_broadcast(&changed);
    while (!is_open)
        (void)pthread_cond_wait(&changed, &lock);
    waiting--;
    (void)pthread_mutex_unlock(&lock);
    return 0;
}

void wait_until_waiting(int count)
{
    (void)pthread_mutex_lock(&lock);
    while (waiting < count)
        (void)pthread_cond_wait(&changed, &lock);
    (void)pthread_mutex_unlock(&lock);
}

int waiting_at_door(void)
{
    int count;

    (void)pthread_mutex_lock(&lock);
    count = waiting;
    (void)pthread_mutex_unlock(&lock);
    return count;
}

void set_door(bool open)
{
    (void)pthread_mutex_lock(&lock);
    is_open = open;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}

int succeed(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return 0;
}

int break_down(em_baton *baton, void *data)
{
    (void)baton, (void)data;
    return -EIO;
}

int write_letter(em_baton *baton, void *data)
{
    (void)baton;
    (void)pthread_mutex_lock(&lock);
    if (letter_count + 1 < sizeof(letters))
        letters[letter_count++] = *(const char *)data;
    (void)pthread_mutex_unlock(&lock);
    return 0;
}

const char *take_letters(void)
{
    size_t i;

    (void)pthread_mutex_lock(&lock);
    for (i = 0; i < letter_count; i++)
        taken[i] = letters[i];
    taken[letter_count] = '\0';
    letter_count = 0;
    (void)pthread_mutex_unlock(&lock);
    return taken;
}

void note(em_baton *baton, int status, void *data)
{
    (void)baton;
    if (data)
        mark(data);
    mark_number(status);
}

em_pool *new_pool(unsigned threads)
{
    em_pool *pool = NULL;

    assert_ok(em_pool_new(EM_OPTIONS(em_pool_options, .max_threads = threads),
                          &pool));
    return pool;
}

void put(em_loop *loop, em_pool *pool, em_work_fn *work, void *data)
{
    assert_ok(em_baton_start(
        loop,
        EM_OPTIONS(em_baton_options, .work = work, .data = data, .pool = pool),
        NULL));
}

em_pool *occupied_pool(em_loop *loop, unsigned threads)
{
    em_pool *pool = new_pool(threads);
    unsigned i;

    set_door(false);
    for (i = 0; i < threads; i++)
        put(loop, pool, wait_at_door, NULL);
    wait_until_waiting((int)threads);
    return pool;
}

void let_all_end(em_loop *loop, em_pool *pool)
{
    set_door(true);
    assert_error(0, em_loop_run(loop, EM_RUN_DEFAULT));
    em_loop_free(loop);
    em_pool_free(pool);
}

em_pool_counts counts_of(em_pool *pool)
{
    em_pool_counts counts = { .size = sizeof(counts) };

    assert_ok(em_pool_stats(pool, &counts));
    return counts;
}
