/* SPDX-License-Identifier: MIT */
/* Emit: what the implementations of the emit subjects share.
 *
 * Ten listeners, each a function of its own that stores its argument, so that
 * what is measured is finding and calling them. */

#ifndef BENCH_EMIT_H
#define BENCH_EMIT_H

#include "bench.h"

/* TEN(X) makes X(0) to X(9). */
#define TEN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)

enum { LISTENERS = 10, ORDER = 4096, NAME_SIZE = 16 };

/* The event that has size listeners, where there is one. */
#define EVENT "benchmark-name"

/* The names of the subject emit-name: size of them, and the order in which they
 * are emitted, the same for all. */
typedef struct names {
    char (*text)[NAME_SIZE];
    unsigned short order[ORDER];
} names;

#ifdef __cplusplus
extern "C" {
#endif

int names_make(names *n, unsigned long size);
void names_free(names *n);

/* The name to emit in turn i.  A run with threads set gets it in a buffer, as
 * one that was just read from somewhere. */
static inline const char *names_get(const names *n, unsigned long i,
                                    char *buffer)
{
    const char *text = n->text[n->order[i % ORDER]];
    int k;

    if (!buffer)
        return text;
    for (k = 0; text[k]; k++)
        buffer[k] = text[k];
    buffer[k] = '\0';
    return buffer;
}

/* libemitter. */
bench_fn emit_em_setup, emit_em_interned, emit_em_literal, emit_em_teardown;
bench_fn emit_em_names_setup, emit_em_names, emit_em_names_interned,
    emit_em_names_teardown;
bench_fn emit_em_on_off, emit_em_once, emit_em_handle_setup, emit_em_handle,
    emit_em_handle_teardown;
bench_fn emit_em_memory, emit_em_post_setup, emit_em_post,
    emit_em_post_teardown;

/* Floors: direct calls; an array of callbacks, by number where there are names;
 * FNV-1a of the name and open addressing in front of such arrays.  None of them
 * survives a listener that is removed while it runs. */
bench_fn emit_array_setup, emit_array, emit_array_teardown;
bench_fn emit_hash_setup, emit_hash, emit_hash_teardown;
bench_fn emit_array_names_setup, emit_array_names, emit_array_names_teardown;
bench_fn emit_hash_names_setup, emit_hash_names, emit_hash_names_teardown;
bench_fn emit_array_on_off, emit_array_once;
bench_fn emit_empty, emit_queue_setup, emit_queue, emit_queue_teardown;

/* Peers. */
bench_fn emit_glib_setup, emit_glib, emit_glib_teardown, emit_glib_on_off,
    emit_glib_memory;
bench_fn emit_sigc_setup, emit_sigc, emit_sigc_teardown, emit_sigc_on_off,
    emit_sigc_memory;
bench_fn emit_boost_setup, emit_boost, emit_boost_teardown, emit_boost_on_off,
    emit_boost_memory;
bench_fn emit_qt_setup, emit_qt, emit_qt_teardown, emit_qt_on_off;
bench_fn emit_node_setup, emit_node, emit_node_teardown;
bool emit_node_is_there(void);

#ifdef __cplusplus
}
#endif

#endif
