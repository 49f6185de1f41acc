/* SPDX-License-Identifier: MIT */
/* Pool: oneTBB's task_arena::enqueue. */

#include <atomic>
#include <cerrno>
#include <new>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "pool.h"

namespace {

struct user {
    explicit user(int threads)
        : control(oneapi::tbb::global_control::max_allowed_parallelism,
                  static_cast<std::size_t>(threads) + 1),
          arena(threads, 0)
    {
    }

    oneapi::tbb::global_control control;
    oneapi::tbb::task_arena arena;
    std::atomic<unsigned long> done{ 0 };
};

/* The last one to end is waited for in a sleep. */
void drive(user *u, unsigned long count)
{
    unsigned long i;
    unsigned long done;

    u->done = 0;
    for (i = 0; i < count; i++)
        u->arena.enqueue([u, count] {
            if (u->done.fetch_add(1) + 1 == count)
                u->done.notify_one();
        });
    while ((done = u->done.load()) != count)
        u->done.wait(done);
}

} // namespace

int pool_tbb_setup(bench_run *run)
{
    int threads = static_cast<int>(run->parameter->threads);
    user *u = new (std::nothrow) user(threads);

    if (!u)
        return -ENOMEM;
    run->state = u;
    drive(u, load_warm_up(run));
    return 0;
}

int pool_tbb_run(bench_run *run)
{
    drive(static_cast<user *>(run->state), run->count);
    return 0;
}

int pool_tbb_teardown(bench_run *run)
{
    delete static_cast<user *>(run->state);
    return 0;
}
