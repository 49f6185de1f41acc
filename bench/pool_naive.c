/* SPDX-License-Identifier: MIT */
/* Pool: the one that anybody would write in an hour.
 *
 * `lock` guards the queue, `done_lock` the list of what is done; whoever puts
 * the first job on that list wakes the loop, which takes all of it. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pool.h"

enum { MAX_THREADS = 64 };

typedef struct job {
    struct job *next;
    void (*work)(struct job *job);
    void (*after)(struct job *job);
    void *data;
} job;

typedef struct queue {
    job *first, **last;
} queue;

typedef struct naive {
    load load;
    job *jobs;
    pthread_mutex_t lock, done_lock;
    pthread_cond_t more;
    queue queue, done;
    bool stop;
    int wake_fd, epoll_fd;
    pthread_t threads[MAX_THREADS];
} naive;

static bool put(queue *q, job *j)
{
    bool was_empty = !q->first;

    j->next = NULL;
    *(was_empty ? &q->first : q->last) = j;
    q->last = &j->next;
    return was_empty;
}

static void *worker(void *data)
{
    const uint64_t one = 1;
    naive *p = data;
    bool wake;
    job *j;

    for (;;) {
        (void)pthread_mutex_lock(&p->lock);
        while (!p->queue.first && !p->stop)
            (void)pthread_cond_wait(&p->more, &p->lock);
        j = p->queue.first;
        if (j)
            p->queue.first = j->next;
        (void)pthread_mutex_unlock(&p->lock);
        if (!j)
            return NULL;
        j->work(j);
        (void)pthread_mutex_lock(&p->done_lock);
        wake = put(&p->done, j);
        (void)pthread_mutex_unlock(&p->done_lock);
        if (wake && write(p->wake_fd, &one, sizeof(one)) != sizeof(one))
            abort(); /* the counter can't be full */
    }
}

static void submit(naive *p, job *j)
{
    (void)pthread_mutex_lock(&p->lock);
    (void)put(&p->queue, j);
    (void)pthread_cond_signal(&p->more);
    (void)pthread_mutex_unlock(&p->lock);
}

/* One turn of the loop: sleep, take what is done, end it. */
static int turn(naive *p)
{
    struct epoll_event event;
    uint64_t counter;
    job *j, *next;

    if (epoll_wait(p->epoll_fd, &event, 1, -1) != 1 ||
        read(p->wake_fd, &counter, sizeof(counter)) != sizeof(counter))
        return -errno;
    (void)pthread_mutex_lock(&p->done_lock);
    j = p->done.first;
    p->done.first = NULL;
    (void)pthread_mutex_unlock(&p->done_lock);
    for (; j; j = next) {
        next = j->next;
        j->after(j);
    }
    return 0;
}

/* --- the load --- */

static void work(job *j)
{
    naive *p = j->data;

    load_work(&p->load);
}

static void after(job *j)
{
    naive *p = j->data;

    if (load_next(&p->load))
        submit(p, j);
}

static int drive(naive *p, bench_run *run, unsigned long count)
{
    unsigned long first = load_begin(&p->load, run, count), i;
    int r = 0;

    for (i = 0; i < first; i++) {
        p->jobs[i] = (job){ .work = work, .after = after, .data = p };
        submit(p, &p->jobs[i]);
    }
    while (r == 0 && p->load.to_finish > 0)
        r = turn(p);
    return r;
}

int pool_naive_setup(bench_run *run)
{
    struct epoll_event event = { .events = EPOLLIN };
    naive *p = calloc(1, sizeof(*p));
    unsigned i;
    int r;

    if (!p)
        return -ENOMEM;
    run->state = p;
    r = load_prepare(run);
    if (r < 0)
        return r;
    p->jobs = calloc(run->count, sizeof(*p->jobs));
    if (!p->jobs)
        return -ENOMEM;
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->wake_fd < 0 || p->epoll_fd < 0 ||
        epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->wake_fd, &event) < 0)
        return -errno;
    if ((r = pthread_mutex_init(&p->lock, NULL)) != 0 ||
        (r = pthread_mutex_init(&p->done_lock, NULL)) != 0 ||
        (r = pthread_cond_init(&p->more, NULL)) != 0)
        return -r;
    for (i = 0; i < run->parameter->threads; i++)
        if ((r = pthread_create(&p->threads[i], NULL, worker, p)) != 0)
            return -r;
    return drive(p, run, load_warm_up(run));
}

int pool_naive_run(bench_run *run)
{
    return drive(run->state, run, run->count);
}

int pool_naive_teardown(bench_run *run)
{
    naive *p = run->state;
    unsigned i;

    (void)pthread_mutex_lock(&p->lock);
    p->stop = true;
    (void)pthread_cond_broadcast(&p->more);
    (void)pthread_mutex_unlock(&p->lock);
    for (i = 0; i < run->parameter->threads; i++)
        (void)pthread_join(p->threads[i], NULL);
    (void)pthread_cond_destroy(&p->more);
    (void)pthread_mutex_destroy(&p->done_lock);
    (void)pthread_mutex_destroy(&p->lock);
    (void)close(p->epoll_fd);
    (void)close(p->wake_fd);
    free(p->jobs);
    free(p);
    return 0;
}
