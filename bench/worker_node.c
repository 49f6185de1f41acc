/* SPDX-License-Identifier: MIT */
/* Worker: Node.js, whose messages may have a handle. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker.h"

/* Both ends in one text; the child is told by its channel. */
static const char script[] =
    "const count = +process.env.BENCH_COUNT;"
    "let n = 0;"
    "if (process.send) {"
    "  process.on('message', (message, server) => {"
    "    server.close();"
    "    if (++n === count) process.disconnect();"
    "  });"
    "} else {"
    "  const server = require('net').createServer();"
    "  const child = require('child_process').spawn(process.execPath,"
    "    ['-e', process.env.BENCH_SCRIPT],"
    "    { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });"
    "  server.listen(0, '127.0.0.1', () => {"
    "    const next = (error) => {"
    "      if (error) throw error;"
    "      if (n++ < count) child.send('x', server, next);"
    "    };"
    "    next();"
    "  });"
    "  child.on('exit', (code) => process.exit(code));"
    "}";

int pass_node(bench_run *run)
{
    char count[32];

    (void)snprintf(count, sizeof(count), "%lu", run->count);
    if (setenv("BENCH_COUNT", count, 1) < 0 ||
        setenv("BENCH_SCRIPT", script, 1) < 0)
        return -errno;
    return system("exec node -e \"$BENCH_SCRIPT\"") == 0 ? 0 : -ECHILD;
}
