// SPDX-License-Identifier: MIT
// Emit: Qt 5, one signal of one object.

#include <config.h>

#include <QObject>

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

} // namespace

class thing : public QObject {
    Q_OBJECT
  signals:
    void happened(void *arg);
};

static QMetaObject::Connection connect_one(thing *object, unsigned long i)
{
    return QObject::connect(object, &thing::happened, listeners[i]);
}

int emit_qt_setup(bench_run *run)
{
    thing *object = new thing;

    for (unsigned long i = 0; i < run->parameter->size; i++)
        connect_one(object, i);
    run->state = object;
    return 0;
}

int emit_qt(bench_run *run)
{
    thing *object = static_cast<thing *>(run->state);

    for (unsigned long i = 0; i < run->count; i++)
        Q_EMIT object->happened(run);
    return 0;
}

int emit_qt_on_off(bench_run *run)
{
    thing *object = static_cast<thing *>(run->state);

    for (unsigned long i = 0; i < run->count; i++)
        QObject::disconnect(connect_one(object, LISTENERS - 1));
    return 0;
}

int emit_qt_teardown(bench_run *run)
{
    delete static_cast<thing *>(run->state);
    return 0;
}

#include "emit_qt.moc"
