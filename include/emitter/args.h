/* SPDX-License-Identifier: MIT */
/* Args: arguments of any number and type, checked when they are used. */

#ifndef EMITTER_ARGS_H
#define EMITTER_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <emitter/emitter.h>

typedef enum em_type {
    EM_TYPE_NULL,
    EM_TYPE_BOOL,
    EM_TYPE_INT,
    EM_TYPE_DOUBLE,
    EM_TYPE_STRING,
    EM_TYPE_POINTER,
    EM_TYPE_FUNCTION
} em_type;

typedef void em_function_fn(void);

typedef struct em_arg {
    em_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *string;
        void *pointer;
        em_function_fn *function;
    } as;
} em_arg;

typedef struct em_args {
    size_t count;
    const em_arg *values;
} em_args;

EM_BEGIN_DECLS

em_arg em_null(void);
em_arg em_bool(bool value);
em_arg em_int(int64_t value);
em_arg em_double(double value);
em_arg em_string(const char *value); /* borrowed; NULL makes an em_null */
em_arg em_pointer(void *value);
em_arg em_function(em_function_fn *value);

/* A pointer to an em_args with these values, at least one, valid until the
 * enclosing block ends: em_emit(e, "cooked", EM_ARGS(em_int(3))).  C only. */
#define EM_ARGS(...)                                                       \
    (&(em_args){ sizeof((const em_arg[]){ __VA_ARGS__ }) / sizeof(em_arg), \
                 (const em_arg[]){ __VA_ARGS__ } })

/* In a listener, whose function returns void: store argument number `index`,
 * counted from 0, in `variable`.  If it is missing or not of that type, emit
 * 'error' with -EINVAL and "Argument 2 must be a function", and return. */
#define EM_REQUIRE_ARG(emitter, args, index, type, variable)    \
    do {                                                        \
        const em_arg *em_arg_ =                                 \
            em_require_arg((emitter), (args), (index), (type)); \
        if (!em_arg_)                                           \
            return;                                             \
        (variable) = em_arg_->as.EM_MEMBER_OF_##type;           \
    } while (0)

#define EM_MEMBER_OF_EM_TYPE_NULL     pointer
#define EM_MEMBER_OF_EM_TYPE_BOOL     boolean
#define EM_MEMBER_OF_EM_TYPE_INT      integer
#define EM_MEMBER_OF_EM_TYPE_DOUBLE   number
#define EM_MEMBER_OF_EM_TYPE_STRING   string
#define EM_MEMBER_OF_EM_TYPE_POINTER  pointer
#define EM_MEMBER_OF_EM_TYPE_FUNCTION function

/* The same without the macro: the argument, or NULL after 'error' was emitted.
 * args, an em_args, may be NULL: then there is none. */
const em_arg *em_require_arg(em_emitter *emitter, const void *args,
                             size_t index, em_type type);

/* Copy arguments with their strings into one block, to be freed with
 * em_args_free, as em_post wants it.  Any thread.  0, -EINVAL, -ENOMEM. */
int em_args_copy(const em_args *args, em_args **ret);
void em_args_free(void *args); /* any thread */

EM_END_DECLS

#endif
