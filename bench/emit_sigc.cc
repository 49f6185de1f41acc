// SPDX-License-Identifier: MIT
// Emit: libsigc++, one signal an object, without names.

#include <config.h>

#include <cerrno>
#include <malloc.h>
#include <vector>

#include <sigc++/sigc++.h>

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

using signal_type = sigc::signal<void, void *>;

sigc::connection connect_one(signal_type &signal, unsigned long i)
{
    return signal.connect(sigc::ptr_fun(listeners[i]));
}

signal_type *make(unsigned long count)
{
    signal_type *signal = new signal_type;

    for (unsigned long i = 0; i < count; i++)
        connect_one(*signal, i);
    return signal;
}

} // namespace

int emit_sigc_setup(bench_run *run)
{
    run->state = make(run->parameter->size);
    return 0;
}

int emit_sigc(bench_run *run)
{
    signal_type &signal = *static_cast<signal_type *>(run->state);

    for (unsigned long i = 0; i < run->count; i++)
        signal(run);
    return 0;
}

int emit_sigc_on_off(bench_run *run)
{
    signal_type &signal = *static_cast<signal_type *>(run->state);

    for (unsigned long i = 0; i < run->count; i++)
        connect_one(signal, LISTENERS - 1).disconnect();
    return 0;
}

int emit_sigc_teardown(bench_run *run)
{
    delete static_cast<signal_type *>(run->state);
    return 0;
}

int emit_sigc_memory(bench_run *run)
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
