/* SPDX-License-Identifier: MIT */
/* Helgrind: what make check-helgrind includes before all else.
 *
 * Helgrind knows of threads, mutexes and conditions, and takes C11 atomics for
 * ordinary loads and stores: it would report each of them, and all that they
 * order.  Here each tells it what it means, by the client requests of its
 * manual (7.5, "Client Requests"): the object is not for it to check, an
 * operation that writes happens before one that reads it.
 *
 * That is as if all were sequentially consistent: whether an order is too weak
 * is for ThreadSanitizer to find.  What helgrind judges is the rest: data that
 * no lock and no atomic protects, the order of locks, and the wrong use of
 * pthreads. */

#ifndef TESTS_HELGRIND_H
#define TESTS_HELGRIND_H

#ifndef __cplusplus

#include <stdatomic.h>
#include <valgrind/helgrind.h>

static inline void helgrind_before(volatile void *object, unsigned long size)
{
    VALGRIND_HG_DISABLE_CHECKING(object, size);
    ANNOTATE_HAPPENS_BEFORE(object);
}

static inline void helgrind_after(volatile void *object, unsigned long size)
{
    VALGRIND_HG_DISABLE_CHECKING(object, size);
    ANNOTATE_HAPPENS_AFTER(object);
}

#define HELGRIND_BEFORE(at) \
    helgrind_before((volatile void *)(at), sizeof(*(at)))
#define HELGRIND_AFTER(at) helgrind_after((volatile void *)(at), sizeof(*(at)))

/* As a value without _Atomic. */
#define HELGRIND_VALUE(at) __typeof__(((void)0, *(at)))

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_weak
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_fetch_or
#undef atomic_fetch_and

#define atomic_load_explicit(object, order)       \
    __extension__({                               \
        __auto_type load_at_ = (object);          \
        HELGRIND_VALUE(load_at_) load_value_;     \
        __atomic_load(load_at_, &load_value_, 5); \
        HELGRIND_AFTER(load_at_);                 \
        load_value_;                              \
    })

#define atomic_store_explicit(object, value, order)       \
    __extension__({                                       \
        __auto_type store_at_ = (object);                 \
        HELGRIND_VALUE(store_at_) store_value_ = (value); \
        HELGRIND_BEFORE(store_at_);                       \
        __atomic_store(store_at_, &store_value_, 5);      \
    })

#define atomic_exchange_explicit(object, value, order)                \
    __extension__({                                                   \
        __auto_type swap_at_ = (object);                              \
        HELGRIND_VALUE(swap_at_) swap_value_ = (value), swap_former_; \
        HELGRIND_BEFORE(swap_at_);                                    \
        __atomic_exchange(swap_at_, &swap_value_, &swap_former_, 5);  \
        HELGRIND_AFTER(swap_at_);                                     \
        swap_former_;                                                 \
    })

#define HELGRIND_COMPARE(object, expected, desired)                  \
    __extension__({                                                  \
        __auto_type cas_at_ = (object);                              \
        HELGRIND_VALUE(cas_at_) cas_value_ = (desired);              \
        int cas_done_;                                               \
        HELGRIND_BEFORE(cas_at_);                                    \
        cas_done_ = __atomic_compare_exchange(cas_at_, (expected),   \
                                              &cas_value_, 0, 5, 5); \
        HELGRIND_AFTER(cas_at_);                                     \
        cas_done_;                                                   \
    })

#define HELGRIND_FETCH(operation, object, operand)                           \
    __extension__({                                                          \
        __auto_type fetch_at_ = (object);                                    \
        HELGRIND_VALUE(fetch_at_) fetch_former_;                             \
        HELGRIND_BEFORE(fetch_at_);                                          \
        fetch_former_ = __atomic_fetch_##operation(fetch_at_, (operand), 5); \
        HELGRIND_AFTER(fetch_at_);                                           \
        fetch_former_;                                                       \
    })

#define atomic_load(object)         atomic_load_explicit(object, 5)
#define atomic_store(object, value) atomic_store_explicit(object, value, 5)
#define atomic_exchange(object, value) \
    atomic_exchange_explicit(object, value, 5)
#define atomic_compare_exchange_strong_explicit(object, expected, desired, \
                                                success, failure)          \
    HELGRIND_COMPARE(object, expected, desired)
#define atomic_compare_exchange_weak_explicit(object, expected, desired, \
                                              success, failure)          \
    HELGRIND_COMPARE(object, expected, desired)
#define atomic_compare_exchange_strong(object, expected, desired) \
    HELGRIND_COMPARE(object, expected, desired)
#define atomic_compare_exchange_weak(object, expected, desired) \
    HELGRIND_COMPARE(object, expected, desired)
#define atomic_fetch_add_explicit(object, operand, order) \
    HELGRIND_FETCH(add, object, operand)
#define atomic_fetch_sub_explicit(object, operand, order) \
    HELGRIND_FETCH(sub, object, operand)
#define atomic_fetch_or_explicit(object, operand, order) \
    HELGRIND_FETCH(or, object, operand)
#define atomic_fetch_and_explicit(object, operand, order) \
    HELGRIND_FETCH(and, object, operand)
#define atomic_fetch_add(object, operand) HELGRIND_FETCH(add, object, operand)
#define atomic_fetch_sub(object, operand) HELGRIND_FETCH(sub, object, operand)
#define atomic_fetch_or(object, operand)  HELGRIND_FETCH(or, object, operand)
#define atomic_fetch_and(object, operand) HELGRIND_FETCH(and, object, operand)

#endif

#endif
