/* SPDX-License-Identifier: MIT */
/* Name: strings and symbols as names of an em_emitter, and back.
 *
 * A string is spelled as in Java's class files ("modified UTF-8"; The Java
 * Virtual Machine Specification, 4.4.7): each of its 16-bit units on its own in
 * one to three bytes, so that no string is lost, also not one that is not valid
 * Unicode, and zero in two bytes, so that none is cut short.  Two more things
 * are written in two bytes although one would do: the unit 1, which marks the
 * library's symbols, and the first letter of a name that the library would act
 * on by itself.
 *
 * A symbol gets one of the library's, em_symbol, for as long as it has
 * listeners.  The store's object knows it by two properties: the text under
 * the symbol, and the symbol under the text. */

#include "emitter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char NAME_ERROR[] = "\xC1\xA5"
                          "rror";
const char NAME_NEW_LISTENER[] = "\xC1\xAE"
                                 "ewListener";
const char NAME_REMOVE_LISTENER[] = "\xC1\xB2"
                                    "emoveListener";

/* --- strings --- */

static size_t put(char *to, unsigned unit, bool longer)
{
    if (unit > 1 && unit < 0x80 && !longer) {
        to[0] = (char)unit;
        return 1;
    }
    if (unit < 0x800) {
        to[0] = (char)(0xC0 | unit >> 6);
        to[1] = (char)(0x80 | (unit & 0x3F));
        return 2;
    }
    to[0] = (char)(0xE0 | unit >> 12);
    to[1] = (char)(0x80 | (unit >> 6 & 0x3F));
    to[2] = (char)(0x80 | (unit & 0x3F));
    return 3;
}

static bool is(const char16_t *units, size_t count, const char *text)
{
    size_t i;

    if (count != strlen(text))
        return false;
    for (i = 0; i < count && units[i] == (unsigned char)text[i]; i++)
        ;
    return i == count;
}

static bool is_acted_on(const char16_t *units, size_t count)
{
    return is(units, count, "error") || is(units, count, "newListener") ||
           is(units, count, "removeListener") ||
           is(units, count, "maxListeners");
}

/* Into 3 * count + 2 bytes. */
static void spell(const char16_t *units, size_t count, char *text)
{
    bool longer = is_acted_on(units, count);
    size_t i;

    for (i = 0; i < count; i++)
        text += put(text, units[i], longer && i == 0);
    *text = '\0';
}

static size_t get(const unsigned char *from, char16_t *unit)
{
    if (from[0] < 0x80) {
        *unit = from[0];
        return 1;
    }
    if (from[0] < 0xE0) {
        *unit = (char16_t)((from[0] & 0x1F) << 6 | (from[1] & 0x3F));
        return 2;
    }
    *unit = (char16_t)((from[0] & 0xF) << 12 | (from[1] & 0x3F) << 6 |
                       (from[2] & 0x3F));
    return 3;
}

static bool read_long(napi_env env, napi_value string, struct name *name)
{
    char16_t *units;
    size_t count;
    bool done = false;

    if (!js_ok(env, napi_get_value_string_utf16(env, string, NULL, 0, &count)))
        return false;
    units = js_alloc(env, (count + 1) * sizeof(*units));
    if (!units)
        return false;
    name->text = js_alloc(env, 3 * count + 2);
    if (name->text && js_ok(env, napi_get_value_string_utf16(
                                     env, string, units, count + 1, &count))) {
        spell(units, count, name->text);
        done = true;
    }
    free(units);
    return done;
}

static bool read_string(napi_env env, napi_value string, struct name *name)
{
    char16_t units[NAME_UNITS + 1];
    size_t count;

    if (!js_ok(env, napi_get_value_string_utf16(env, string, units,
                                                NAME_UNITS + 1, &count)))
        return false;
    if (count == NAME_UNITS) /* or more */
        return read_long(env, string, name);
    name->text = name->few;
    spell(units, count, name->text);
    return true;
}

static bool string_key(napi_env env, const char *text, napi_value *ret)
{
    const unsigned char *from = (const unsigned char *)text;
    char16_t *units = js_alloc(env, (strlen(text) + 1) * sizeof(*units));
    size_t count = 0;
    bool made;

    if (!units)
        return false;
    while (*from)
        from += get(from, &units[count++]);
    made = js_ok(env, napi_create_string_utf16(env, units, count, ret));
    free(units);
    return made;
}

/* --- symbols --- */

/* A symbol's text as a string; its bytes are the string's units. */
static bool text_value(struct call *call, const char *text, napi_value *ret)
{
    return js_ok(call->env, napi_create_string_latin1(call->env, text,
                                                      NAPI_AUTO_LENGTH, ret));
}

static bool read_text(napi_env env, napi_value value, struct name *name)
{
    size_t length;

    if (!js_ok(env, napi_get_value_string_latin1(env, value, NULL, 0, &length)))
        return false;
    name->text =
        length < sizeof(name->few) ? name->few : js_alloc(env, length + 1);
    return name->text &&
           js_ok(env, napi_get_value_string_latin1(env, value, name->text,
                                                   length + 1, &length));
}

static bool find_symbol(struct call *call, napi_value symbol, struct name *name)
{
    napi_value value;
    bool known = false;

    name->symbol = true;
    if (!call->store)
        return true;
    if (!js_ok(call->env,
               napi_has_own_property(call->env, call->object, symbol, &known)))
        return false;
    return !known ||
           (js_ok(call->env,
                  napi_get_property(call->env, call->object, symbol, &value)) &&
            read_text(call->env, value, name));
}

static bool learn(struct call *call, napi_value symbol, const char *text)
{
    napi_value value;

    return text_value(call, text, &value) &&
           js_ok(call->env,
                 napi_set_property(call->env, call->object, symbol, value)) &&
           js_ok(call->env,
                 napi_set_property(call->env, call->object, value, symbol));
}

/* The text stays the symbol's own when the library's is given back: it has a
 * serial number that does not come again. */
static bool make_symbol(struct call *call, napi_value symbol, struct name *name)
{
    struct name description = { .text = NULL };
    napi_value value;
    const char *text;
    bool made;

    if (!js_ok(call->env, napi_get_named_property(call->env, symbol,
                                                  "description", &value)) ||
        !js_ok(call->env, napi_coerce_to_string(call->env, value, &value)) ||
        !read_string(call->env, value, &description))
        return false;
    text = em_symbol(description.text);
    name_end(&description);
    if (!text) {
        (void)js_throw_errno(call->env, -ENOMEM);
        return false;
    }
    made = learn(call, symbol, text) && find_symbol(call, symbol, name);
    em_name_unref(text);
    return made;
}

/* --- either --- */

static bool read_any(struct call *call, napi_value key, struct name *name)
{
    napi_valuetype type;

    name->text = NULL;
    name->symbol = false;
    if (!js_ok(call->env, napi_typeof(call->env, key, &type)))
        return false;
    if (type == napi_symbol)
        return find_symbol(call, key, name);
    if (type != napi_string &&
        !js_ok(call->env, napi_coerce_to_string(call->env, key, &key)))
        return false;
    return read_string(call->env, key, name);
}

bool name_read(struct call *call, napi_value key, struct name *name)
{
    if (read_any(call, key, name))
        return true;
    name_end(name);
    return false;
}

bool name_make(struct call *call, napi_value key, struct name *name)
{
    if (!name_read(call, key, name))
        return false;
    if (name->text || make_symbol(call, key, name))
        return true;
    name_end(name);
    return false;
}

void name_end(struct name *name)
{
    if (name->text != name->few)
        free(name->text);
    name->text = NULL;
}

bool name_settle(struct call *call, napi_value key, const struct name *name)
{
    size_t count = store_count(call, name->text);
    napi_value value;

    if (count <= 1)
        limit_forget(call->store, name->text);
    if (count > 0 || !name->symbol)
        return true;
    return text_value(call, name->text, &value) &&
           js_ok(call->env,
                 napi_delete_property(call->env, call->object, key, NULL)) &&
           js_ok(call->env,
                 napi_delete_property(call->env, call->object, value, NULL));
}

bool name_key(struct call *call, const char *text, napi_value *ret)
{
    if (!strchr(text, '\x01')) /* which every symbol has, and no string */
        return string_key(call->env, text, ret);
    return text_value(call, text, ret) &&
           js_ok(call->env,
                 napi_get_property(call->env, call->object, *ret, ret));
}
