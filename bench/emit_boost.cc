// SPDX-License-Identifier: MIT
// Emit: boost.signals2, one signal an object, without names.

#include <config.h>

#include <cerrno>
#include <malloc.h>
#include <vector>

#include <boost/signals2.hpp>

#include "emit.h"

namespace {

void *volatile seen[LISTENERS];

#define DEFINE(n)               \
    void listener##n(void *arg) \
    {                           \
        seen[n] = arg;          \
    }
TEN(DEFINE)

#define NAME(n) listener##n,
void (*const listeners[])(void *) = { TEN(NAME) };

using signal_type = boost::signals2::signal<void(void *)>;

boost::signals2::connection connect_one(signal_type &signal, unsigned long i)
{
    return signal.connect(listeners[i]);
}

signal_type *make(unsigned long count)
{
    signal_type *signal = new signal_type;

    for (unsigned long i = 0; i < count; i++)
        connect_one(*signal, i);
    return signal;
}

} // namespace

int emit_boost_setup(bench_run *run)
{
    run->state = make(run->parameter->size);
    return 0;
}

int emit_boost(bench_run *run)
{
    signal_type &signal = *static_cast<signal_type *>(run->state);

    for (unsigned long i = 0; i < run->count; i++)
        signal(run);
    return 0;
}

int emit_boost_on_off(bench_run *run)
{
    signal_type &signal = *static_cast<signal_type *>(run->state);

    for (unsigned long i = 0; i < run->count; i++)
        connect_one(signal, LISTENERS - 1).disconnect();
    return 0;
}

int emit_boost_teardown(bench_run *run)
{
    delete static_cast<signal_type *>(run->state);
    return 0;
}

int emit_boost_memory(bench_run *run)
{
    std::vector<signal_type *> signals(run->count);
    size_t before = mallinfo2().uordblks;

    for (signal_type *&signal : signals)
        signal = make(run->parameter->size);
    run->value = static_cast<double>(mallinfo2().uordblks - before) /
                 static_cast<double>(run->count);
    for (signal_type *signal : signals)
        delete signal;
    return 0;
}
