/* SPDX-License-Identifier: MIT */
/* Typed: events whose argument and listeners the compiler checks. */

#ifndef EMITTER_TYPED_H
#define EMITTER_TYPED_H

#include <stdbool.h>

#include <emitter/emitter.h>

/* C says that a pointer of another type may not be passed, but compilers of
 * before 2023 only warn of it.  From here on in this file they refuse, as newer
 * ones and C++ do: that is what EM_EVENT is for. */
#if !defined(__cplusplus) && (defined(__clang__) || __GNUC__ >= 5)
#pragma GCC diagnostic error "-Wincompatible-pointer-types"
#pragma GCC diagnostic error "-Wint-conversion"
#endif

/* EM_EVENT(dummy, cooked, struct chicken *) at file scope, without a semicolon,
 * declares for the event "cooked", whose argument is a pointer of that type:
 *
 *   int  dummy_on_cooked(em_emitter *, dummy_cooked_fn *, void *data);
 *   int  dummy_once_cooked(em_emitter *, dummy_cooked_fn *, void *data);
 *   int  dummy_off_cooked(em_emitter *, dummy_cooked_fn *, void *data);
 *   bool dummy_emit_cooked(em_emitter *, struct chicken *);
 *
 * where a listener is a void (em_emitter *, struct chicken *, void *data).  The
 * four do what em_on, em_once, em_off and em_emit do, and typed and other
 * listeners of one event run side by side. */
#define EM_EVENT(prefix, event, type)                                          \
    typedef void prefix##_##event##_fn(em_emitter *emitter, type arg,          \
                                       void *data);                            \
    EM_EVENT_INLINE void prefix##_call_##event(em_emitter *emitter, void *arg, \
                                               void *data)                     \
    {                                                                          \
        const em_typed *typed = (const em_typed *)data;                        \
                                                                               \
        ((prefix##_##event##_fn *)typed->fn)(emitter, (type)arg, typed->data); \
    }                                                                          \
    EM_EVENT_INLINE int prefix##_on_##event(                                   \
        em_emitter *emitter, prefix##_##event##_fn *fn, void *data)            \
    {                                                                          \
        return em_typed_on(emitter, #event, prefix##_call_##event,             \
                           (em_typed_fn *)fn, data, false);                    \
    }                                                                          \
    EM_EVENT_INLINE int prefix##_once_##event(                                 \
        em_emitter *emitter, prefix##_##event##_fn *fn, void *data)            \
    {                                                                          \
        return em_typed_on(emitter, #event, prefix##_call_##event,             \
                           (em_typed_fn *)fn, data, true);                     \
    }                                                                          \
    EM_EVENT_INLINE int prefix##_off_##event(                                  \
        em_emitter *emitter, prefix##_##event##_fn *fn, void *data)            \
    {                                                                          \
        return em_typed_off(emitter, #event, (em_typed_fn *)fn, data);         \
    }                                                                          \
    EM_EVENT_INLINE bool prefix##_emit_##event(em_emitter *emitter, type arg)  \
    {                                                                          \
        return em_emit(emitter, #event, (void *)arg);                          \
    }

/* No compiler shall complain of those of the four that nobody uses. */
#ifdef __GNUC__
#define EM_EVENT_INLINE static inline __attribute__((__unused__))
#else
#define EM_EVENT_INLINE static inline
#endif

/* What EM_EVENT is made of: fn is only ever called as what it is, by `call`,
 * whose data is an em_typed. */
typedef void em_typed_fn(void);
typedef struct em_typed {
    em_typed_fn *fn;
    void *data;
} em_typed;

EM_BEGIN_DECLS

int em_typed_on(em_emitter *emitter, const char *event, em_listener_fn *call,
                em_typed_fn *fn, void *data, bool once);
int em_typed_off(em_emitter *emitter, const char *event, em_typed_fn *fn,
                 void *data);

EM_END_DECLS

#endif
