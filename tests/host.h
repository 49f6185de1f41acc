/* SPDX-License-Identifier: MIT */
/* Host: what runs the loop in test_host, our own or somebody else's. */

#ifndef TESTS_HOST_H
#define TESTS_HOST_H

#include <emitter/loop.h>

typedef struct host {
    const char *name;
    void (*prepare)(void); /* once in a process, before any test; or NULL */
    void (*open)(void);
    int (*attach)(em_loop *loop);
    void (*run)(em_loop *loop); /* until nothing of the loop is alive */
    void (*close)(void);
} host;

extern const host host_ev, host_event, host_glib, host_sd_event, host_uv;

#endif
