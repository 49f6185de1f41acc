/* SPDX-License-Identifier: MIT */
/* Args: arguments of any number and type, checked when they are used. */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <emitter/args.h>

#include "base/alloc.h"

em_arg em_null(void)
{
    return (em_arg){ .type = EM_TYPE_NULL };
}

em_arg em_bool(bool value)
{
    return (em_arg){ EM_TYPE_BOOL, { .boolean = value } };
}

em_arg em_int(int64_t value)
{
    return (em_arg){ EM_TYPE_INT, { .integer = value } };
}

em_arg em_double(double value)
{
    return (em_arg){ EM_TYPE_DOUBLE, { .number = value } };
}

em_arg em_string(const char *value)
{
    if (!value)
        return em_null();
    return (em_arg){ EM_TYPE_STRING, { .string = value } };
}

em_arg em_pointer(void *value)
{
    return (em_arg){ EM_TYPE_POINTER, { .pointer = value } };
}

em_arg em_function(em_function_fn *value)
{
    return (em_arg){ EM_TYPE_FUNCTION, { .function = value } };
}

static const char *describe(em_type type)
{
    static const char *const words[] = {
        [EM_TYPE_NULL] = "null",           [EM_TYPE_BOOL] = "a boolean",
        [EM_TYPE_INT] = "an integer",      [EM_TYPE_DOUBLE] = "a number",
        [EM_TYPE_STRING] = "a string",     [EM_TYPE_POINTER] = "a pointer",
        [EM_TYPE_FUNCTION] = "a function",
    };

    return (unsigned)type < sizeof(words) / sizeof(words[0]) ? words[type]
                                                             : "of no type";
}

const em_arg *em_require_arg(em_emitter *emitter, const void *args,
                             size_t index, em_type type)
{
    const em_args *given = args;

    if (given && index < given->count && given->values[index].type == type)
        return &given->values[index];
    (void)em_emit_error(emitter, -EINVAL, "Argument %zu must be %s", index,
                        describe(type));
    return NULL;
}

static size_t string_size(const em_arg *arg)
{
    if (arg->type != EM_TYPE_STRING || !arg->as.string)
        return 0;
    return strlen(arg->as.string) + 1;
}

/* The em_args, its values, then their strings. */
int em_args_copy(const em_args *args, em_args **ret)
{
    size_t i, size = sizeof(**ret);
    em_args *copy;
    em_arg *values;
    char *text;

    if (!args || !ret || (args->count > 0 && !args->values))
        return -EINVAL;
    if (args->count > SIZE_MAX / 2 / sizeof(*values))
        return -ENOMEM;
    size += args->count * sizeof(*values);
    for (i = 0; i < args->count; i++)
        size += string_size(&args->values[i]);
    copy = em__malloc(size);
    if (!copy)
        return -ENOMEM;
    values = (em_arg *)(void *)(copy + 1);
    text = (char *)(values + args->count);
    for (i = 0; i < args->count; i++) {
        size = string_size(&args->values[i]);
        values[i] = args->values[i];
        if (size == 0)
            continue;
        values[i].as.string = memcpy(text, args->values[i].as.string, size);
        text += size;
    }
    *copy = (em_args){ args->count, values };
    *ret = copy;
    return 0;
}

void em_args_free(void *args)
{
    em__free(args);
}
