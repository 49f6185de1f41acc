/* SPDX-License-Identifier: MIT */
/* Lock: the one that guards what the layer shares in the process. */

#include <config.h>

#include <pthread.h>

#include "events/lock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void take(void)
{
    (void)pthread_mutex_lock(&mutex);
}

void em__unlock(void)
{
    (void)pthread_mutex_unlock(&mutex);
}

/* Without memory for the handlers, only the child of a fork that came amid a
 * look-up would suffer. */
static void watch_forks(void)
{
    (void)pthread_atfork(take, em__unlock, em__unlock);
}

void em__lock(void)
{
    (void)pthread_once(&once, watch_forks);
    take();
}
