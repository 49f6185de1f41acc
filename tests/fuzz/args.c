/* SPDX-License-Identifier: MIT */
/* Fuzz of dynamic arguments: any lists, copied, and asked for any of them as
 * any type. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include <emitter.h>
#include <emitter/args.h>

#include "fuzz.h"

enum { MOST = 16, LONGEST = 40 };

const char fuzz_name[] = "args";

static em_arg values[MOST];
static char texts[MOST][LONGEST];
static int errors;

static void a_function(void)
{
}

static em_arg draw_string(char *text)
{
    size_t length = draw(LONGEST), i;

    for (i = 0; i < length; i++)
        text[i] = (char)draw(256);
    text[length] = '\0';
    return em_string(draw(8) == 1 ? NULL : text);
}

static em_arg draw_value(char *text)
{
    em_arg value;

    switch (draw(8)) {
    case 1:
        return em_bool(draw(2));
    case 2:
        return em_int((int64_t)draw_word());
    case 3:
        return em_double((double)draw_word());
    case 4:
        return draw_string(text);
    case 5:
        return em_pointer(text);
    case 6:
        return em_function(a_function);
    case 7:
        value = em_null();
        value.type = (em_type)(EM_TYPE_FUNCTION + 1 + draw(200));
        value.as.string = text;
        return value;
    default:
        return em_null();
    }
}

static bool is_same(const em_arg *a, const em_arg *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case EM_TYPE_NULL:
        return true;
    case EM_TYPE_BOOL:
        return a->as.boolean == b->as.boolean;
    case EM_TYPE_STRING:
        return (a->as.string != b->as.string || !a->as.string) &&
               strcmp(a->as.string ? a->as.string : "",
                      b->as.string ? b->as.string : "") == 0;
    default:
        return memcmp(&a->as, &b->as, sizeof(a->as)) == 0;
    }
}

static void be_told(em_emitter *emitter, void *arg, void *data)
{
    const em_error *error = arg;

    (void)emitter, (void)data;
    promise(error->code == -EINVAL && error->message && *error->message);
    errors++;
}

static void require(em_emitter *emitter, const em_args *args)
{
    size_t index = draw(8) == 1 ? (size_t)draw_word() : draw(MOST);
    em_type type = (em_type)draw(draw(8) == 1 ? 256 : 7);
    int before = errors;
    const em_arg *found = em_require_arg(emitter, args, index, type);

    promise(errors == before + !found);
    if (!found)
        return;
    promise(index < args->count && found == &args->values[index]);
    promise(found->type == type);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    em_args args = { 0, values }, *copy = NULL;
    em_emitter *emitter;
    size_t i;

    fuzz_begin(bytes, size);
    promise(em_emitter_new(NULL, &emitter) == 0);
    promise(em_on(emitter, "error", be_told, NULL) == 0);
    while (!drawn_out()) {
        args.count = draw(MOST + 1);
        for (i = 0; i < args.count; i++)
            values[i] = draw_value(texts[i]);
        require(emitter, &args);
        if (draw(8) == 1)
            (void)fuzz_fail_allocation(1);
        if (em_args_copy(&args, &copy) < 0) {
            promise(fuzz_fail_allocation(0));
            continue;
        }
        (void)fuzz_fail_allocation(0);
        promise(copy->count == args.count);
        for (i = 0; i < args.count; i++)
            promise(is_same(&args.values[i], &copy->values[i]));
        require(emitter, copy);
        em_args_free(copy);
    }
    em_unref(emitter);
    fuzz_end();
    return 0;
}
