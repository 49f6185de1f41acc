/* SPDX-License-Identifier: MIT */
/* Subject: what NATS addresses messages by, and event names as tokens of it.
 *
 * Any string is an event name, but a token has neither dots nor wildcards nor
 * spaces: those bytes, and '%', are written as '%' and two hexadecimal digits
 * in upper case, and an empty name as '%' alone. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "nats/internal.h"

static bool is_wild(const char *token, size_t length)
{
    return length == 1 && (*token == '*' || *token == '>');
}

static bool is_token(const char *token, size_t length, bool wildcards,
                     bool last)
{
    size_t i;

    if (is_wild(token, length))
        return wildcards && (*token == '*' || last);
    for (i = 0; i < length; i++) {
        if ((unsigned char)token[i] <= ' ' || token[i] == 0x7f)
            return false;
    }
    return length > 0;
}

bool em__nats_is_subject(const char *subject, bool wildcards)
{
    size_t length;

    if (!subject)
        return false;
    for (;; subject += length + 1) {
        length = strcspn(subject, ".");
        if (!is_token(subject, length, wildcards, subject[length] == '\0'))
            return false;
        if (subject[length] == '\0')
            return true;
    }
}

static bool is_plain(unsigned char byte)
{
    return byte > ' ' && byte != 0x7f && !strchr(".*>%", byte);
}

int em__nats_append_token(em_nats_buffer *buffer, const char *name)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char byte;
    char escape[3] = "%";
    int r = *name ? 0 : em_nats_append(buffer, "%", 1);

    for (; r == 0 && *name; name++) {
        byte = (unsigned char)*name;
        escape[1] = digits[byte >> 4];
        escape[2] = digits[byte & 15];
        r = is_plain(byte) ? em_nats_append(buffer, name, 1)
                           : em_nats_append(buffer, escape, 3);
    }
    return r;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte of an escape, or -1 if it is none, or of one that needs none. */
static int read_escape(const char *escape)
{
    int high = digit(escape[1]), low = high < 0 ? -1 : digit(escape[2]);
    int byte = high * 16 + low;

    return low < 0 || byte == 0 || is_plain((unsigned char)byte) ? -1 : byte;
}

/* name has room for the token, which is never shorter.  One spelling a name:
 * else a name that comes by one subject would go back by another. */
int em__nats_read_token(const char *token, char *name)
{
    int byte;

    if (!*token)
        return -EBADMSG;
    if (strcmp(token, "%") == 0)
        token++;
    for (; *token; token++) {
        byte = (unsigned char)*token;
        if (byte == '%') {
            byte = read_escape(token);
            token += 2;
        } else if (!is_plain((unsigned char)byte)) {
            byte = -1;
        }
        if (byte < 0)
            return -EBADMSG;
        *name++ = (char)byte;
    }
    *name = '\0';
    return 0;
}

/* Names that only an emitter itself may emit, and symbols, which are for those
 * who were given them: neither leaves a program nor comes into one. */
bool em__nats_is_private(const char *name)
{
    return strcmp(name, "newListener") == 0 ||
           strcmp(name, "removeListener") == 0 ||
           strcmp(name, "maxListeners") == 0 || strchr(name, 0x01) != NULL;
}

int em__nats_append_control(em_nats_buffer *buffer, const char *subject)
{
    static const char first[] = "_EM.";
    int r = em_nats_append(buffer, first, sizeof(first) - 1);

    return r < 0 ? r : em_nats_append(buffer, subject, strlen(subject) + 1);
}
