/* SPDX-License-Identifier: MIT */
/* Address: the text that says where to listen. */

#ifndef EM_WORKER_ADDRESS_H
#define EM_WORKER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef enum em__address_kind {
    EM__ADDRESS_INET,
    EM__ADDRESS_UNIX,
    EM__ADDRESS_FD,
    EM__ADDRESS_SYSTEMD
} em__address_kind;

typedef struct em__address {
    em__address_kind kind;
    struct sockaddr_storage name; /* INET, UNIX */
    socklen_t name_len;
    int fd;     /* FD */
    bool bound; /* UNIX: the path is ours as long as it is this file: */
    dev_t device;
    ino_t inode;
} em__address;

/* Read an address; 0 or -EINVAL. */
int em__address_parse(const char *text, em__address *ret);

/* Decimal digits and nothing else, up to max; 0 or -EINVAL. */
int em__address_number(const char *text, unsigned max, unsigned *ret);

#endif
