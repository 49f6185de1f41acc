/* SPDX-License-Identifier: MIT */
/* Options: structs that carry their size and so can grow. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/options.h"

int em__options_read(const void *options, void *copy, size_t size)
{
    const unsigned char *bytes = options;
    size_t given, i;

    memset(copy, 0, size);
    if (!options)
        return 0;
    memcpy(&given, options, sizeof(given));
    if (given < sizeof(given))
        return -EINVAL;
    for (i = size; i < given; i++) {
        if (bytes[i] != 0)
            return -E2BIG;
    }
    memcpy(copy, options, given < size ? given : size);
    memcpy(copy, &size, sizeof(size));
    return 0;
}

int em__options_write(void *out, const void *known, size_t size)
{
    size_t given;

    if (!out)
        return -EINVAL;
    memcpy(&given, out, sizeof(given));
    if (given < sizeof(given))
        return -EINVAL;
    memset(out, 0, given);
    memcpy(out, known, given < size ? given : size);
    memcpy(out, &given, sizeof(given));
    return 0;
}
