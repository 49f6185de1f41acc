/* SPDX-License-Identifier: MIT */
/* Emit: finding and calling the listeners of an event, adding and removing. */

#include <config.h>

#include <string.h>

#include "emit.h"

#ifdef HAVE_GOBJECT
#define GLIB(...) __VA_ARGS__
#else
#define GLIB(...) .missing = "libglib2.0-dev"
#endif
#ifdef HAVE_SIGC
#define SIGC(...) __VA_ARGS__
#else
#define SIGC(...) .missing = "libsigc++-2.0-dev"
#endif
#ifdef HAVE_BOOST
#define BOOST(...) __VA_ARGS__
#else
#define BOOST(...) .missing = "libboost-dev"
#endif
#ifdef HAVE_QT
#define QT(...) __VA_ARGS__
#else
#define QT(...) .missing = "qtbase5-dev"
#endif

#define RUN(of, what)                                   \
    .setup = emit_##of##_setup, .run = emit_##of##what, \
    .teardown = emit_##of##_teardown

/* Whether it is there is known when the bench runs. */
#define NODE(operation)                                         \
    .name = "node", .setup = emit_node_setup, .run = emit_node, \
    .teardown = emit_node_teardown, .data = operation

static const bench_measure ns[] = { { "ns", BENCH_WALL, 1 }, { 0 } };

/* --- one event --- */

static const bench_parameter listeners[] = {
    { .name = "0", .count = 2000000, .size = 0, .one_cpu = true },
    { .name = "1", .count = 2000000, .size = 1, .one_cpu = true },
    { .name = "3", .count = 1000000, .size = 3, .one_cpu = true },
    { .name = "10", .count = 400000, .size = 10, .one_cpu = true },
    { 0 },
};

static bench_implementation emitters[] = {
    { .name = "libemitter-interned", .role = BENCH_OURS, RUN(em, _interned) },
    { .name = "libemitter-literal", .role = BENCH_OURS, RUN(em, _literal) },
    { .name = "libsigc++", SIGC(RUN(sigc, )), .divide = 4 },
    { .name = "qt5", QT(RUN(qt, )), .divide = 4 },
    { .name = "boost.signals2", BOOST(RUN(boost, )), .divide = 8 },
    { .name = "glib", GLIB(RUN(glib, )), .divide = 16 },
    { NODE("emit") },
    { .name = "floor-array", .role = BENCH_FLOOR, RUN(array, ) },
    { .name = "floor-hash", .role = BENCH_FLOOR, RUN(hash, ) },
    { .name = "floor-empty-loop", .role = BENCH_FLOOR, .run = emit_empty },
    { 0 },
};

/* --- one of many names, which are of a fixed place or in one buffer --- */

static const bench_parameter many_names[] = {
    { .name = "16", .count = 1000000, .size = 16, .one_cpu = true },
    { .name = "16/buffer",
      .count = 1000000,
      .size = 16,
      .threads = 1,
      .one_cpu = true },
    { .name = "1000", .count = 1000000, .size = 1000, .one_cpu = true },
    { .name = "1000/buffer",
      .count = 1000000,
      .size = 1000,
      .threads = 1,
      .one_cpu = true },
    { 0 },
};

static bench_implementation by_name[] = {
    { .name = "libemitter", .role = BENCH_OURS, RUN(em_names, ) },
    { .name = "libemitter-interned",
      .role = BENCH_OURS,
      RUN(em_names, _interned) },
    { NODE("emit-name") },
    { .name = "floor-hash", .role = BENCH_FLOOR, RUN(hash_names, ) },
    { .name = "floor-array", .role = BENCH_FLOOR, RUN(array_names, ) },
    { 0 },
};

/* --- adding and removing, others being there --- */

static const bench_parameter others[] = {
    { .name = "0", .count = 1000000, .size = 0, .one_cpu = true },
    { .name = "10", .count = 1000000, .size = 10, .one_cpu = true },
    { 0 },
};

static bench_implementation changing[] = {
    { .name = "libemitter", .role = BENCH_OURS, RUN(em, _on_off) },
    { .name = "libsigc++", SIGC(RUN(sigc, _on_off)), .divide = 4 },
    { .name = "qt5", QT(RUN(qt, _on_off)), .divide = 4 },
    { .name = "boost.signals2", BOOST(RUN(boost, _on_off)), .divide = 8 },
    { .name = "glib", GLIB(RUN(glib, _on_off)), .divide = 16 },
    { NODE("emit-on-off") },
    { .name = "floor-array", .role = BENCH_FLOOR, RUN(array, _on_off) },
    { 0 },
};

static const bench_parameter none[] = {
    { .name = "0", .count = 1000000, .size = 0, .one_cpu = true },
    { 0 },
};

static bench_implementation once[] = {
    { .name = "libemitter", .role = BENCH_OURS, RUN(em, _once) },
    { NODE("emit-once") },
    { .name = "floor-array", .role = BENCH_FLOOR, RUN(array, _once) },
    { 0 },
};

static const bench_parameter present[] = {
    { .name = "1000", .count = 400000, .size = 1000, .one_cpu = true },
    { .name = "1000000", .count = 400000, .size = 1000000, .one_cpu = true },
    { 0 },
};

static const bench_implementation handles[] = {
    { .name = "libemitter", .role = BENCH_OURS, RUN(em_handle, ) },
    { 0 },
};

/* --- memory, and posts --- */

static const bench_measure bytes[] = { { "bytes", BENCH_VALUE, 1 }, { 0 } };

static const bench_parameter sizes[] = {
    { .name = "0", .count = 10000, .size = 0 },
    { .name = "1", .count = 10000, .size = 1 },
    { .name = "10", .count = 10000, .size = 10 },
    { 0 },
};

static bench_implementation memory[] = {
    { .name = "libemitter", .role = BENCH_OURS, .run = emit_em_memory },
    { .name = "libsigc++", SIGC(.run = emit_sigc_memory) },
    { .name = "boost.signals2", BOOST(.run = emit_boost_memory) },
    { .name = "glib", GLIB(.run = emit_glib_memory) },
    { NODE("emit-memory") },
    { 0 },
};

static const bench_measure rate[] = { { "posts/s", BENCH_RATE, 1 }, { 0 } };

static const bench_parameter posts[] = {
    { .name = "1", .count = 1000000, .size = 1 },
    { 0 },
};

static const bench_implementation posting[] = {
    { .name = "libemitter", .role = BENCH_OURS, RUN(em_post, ) },
    { .name = "floor-locked-list", .role = BENCH_FLOOR, RUN(queue, ) },
    { 0 },
};

static const bench_subject subjects[] = {
    { "emit", ns, listeners, emitters },
    { "emit-name", ns, many_names, by_name },
    { "emit-on-off", ns, others, changing },
    { "emit-once", ns, none, once },
    { "emit-handle", ns, present, handles },
    { "emit-memory", bytes, sizes, memory },
    { "emit-post", rate, posts, posting },
    { 0 },
};

static void leave_out_node(bench_implementation *it)
{
    for (; it->name; it++)
        if (strcmp(it->name, "node") == 0)
            it->missing = "nodejs";
}

int main(int argc, char **argv)
{
    if (!emit_node_is_there()) {
        leave_out_node(emitters);
        leave_out_node(by_name);
        leave_out_node(changing);
        leave_out_node(once);
        leave_out_node(memory);
    }
    return bench_main(subjects, argc, argv);
}
