/* SPDX-License-Identifier: MIT */
/* Address: the text that says where to listen.
 *
 * Addresses are numeric: looking up a name would block the loop and could give
 * several. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include "worker/address.h"

int em__address_number(const char *text, unsigned max, unsigned *ret)
{
    unsigned number = 0, digit;

    if (!text || !*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        digit = (unsigned)(*text - '0');
        if (digit > max || number > (max - digit) / 10)
            return -EINVAL;
        number = number * 10 + digit;
    }
    *ret = number;
    return 0;
}

static int parse_unix(const char *path, em__address *address)
{
    struct sockaddr_un *name = (struct sockaddr_un *)&address->name;
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof(name->sun_path))
        return -EINVAL;
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, path, length + 1);
    address->kind = EM__ADDRESS_UNIX;
    address->name_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

static int parse_fd(const char *text, em__address *address)
{
    unsigned fd;
    int r = em__address_number(text, INT_MAX, &fd);

    if (r < 0)
        return r;
    address->kind = EM__ADDRESS_FD;
    address->fd = (int)fd;
    return 0;
}

static int parse_ipv4(const char *host, unsigned port, em__address *address)
{
    struct sockaddr_in *name = (struct sockaddr_in *)&address->name;

    if (inet_pton(AF_INET, host, &name->sin_addr) != 1)
        return -EINVAL;
    name->sin_family = AF_INET;
    name->sin_port = htons((uint16_t)port);
    address->name_len = sizeof(*name);
    return 0;
}

/* "fe80::1%eth0" and "fe80::1%2", as RFC 4007 writes them.  An interface is the
 * scope of what is local to a link only; other zones have but numbers. */
static int parse_scope(const char *scope, struct sockaddr_in6 *name)
{
    const struct in6_addr *host = &name->sin6_addr;
    bool of_link =
        IN6_IS_ADDR_LINKLOCAL(host) || IN6_IS_ADDR_MC_LINKLOCAL(host);
    unsigned number;

    if (em__address_number(scope, UINT_MAX, &number) < 0)
        number = of_link ? if_nametoindex(scope) : 0;
    if (number == 0)
        return -EINVAL;
    name->sin6_scope_id = number;
    return 0;
}

static int parse_ipv6(char *host, unsigned port, em__address *address)
{
    struct sockaddr_in6 *name = (struct sockaddr_in6 *)&address->name;
    char *scope = strchr(host, '%');

    if (scope)
        *scope = '\0';
    if (inet_pton(AF_INET6, host, &name->sin6_addr) != 1 ||
        (scope && parse_scope(scope + 1, name) < 0))
        return -EINVAL;
    name->sin6_family = AF_INET6;
    name->sin6_port = htons((uint16_t)port);
    address->name_len = sizeof(*name);
    return 0;
}

/* HOST:PORT or [HOST]:PORT; the last colon is the port's. */
static int parse_inet(const char *text, em__address *address)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 4];
    const char *colon = strrchr(text, ':');
    size_t length;
    unsigned port;
    int r;

    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return -EINVAL;
    r = em__address_number(colon + 1, UINT16_MAX, &port);
    if (r < 0)
        return r;
    address->kind = EM__ADDRESS_INET;
    length = (size_t)(colon - text);
    memcpy(host, text, length);
    host[length] = '\0';
    if (host[0] != '[')
        return parse_ipv4(host, port, address);
    if (host[length - 1] != ']')
        return -EINVAL;
    host[length - 1] = '\0';
    return parse_ipv6(host + 1, port, address);
}

int em__address_parse(const char *text, em__address *ret)
{
    em__address address;
    int r;

    memset(&address, 0, sizeof(address));
    address.fd = -1;
    if (!text)
        return -EINVAL;
    if (strcmp(text, "systemd") == 0) {
        address.kind = EM__ADDRESS_SYSTEMD;
        r = 0;
    } else if (strncmp(text, "unix:", 5) == 0) {
        r = parse_unix(text + 5, &address);
    } else if (strncmp(text, "fd:", 3) == 0) {
        r = parse_fd(text + 3, &address);
    } else {
        r = parse_inet(text, &address);
    }
    if (r == 0)
        *ret = address;
    return r;
}
