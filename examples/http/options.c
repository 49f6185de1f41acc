/* SPDX-License-Identifier: MIT */
/* Options: see options.h. */

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"

enum { EXIT_USAGE = 2, KIB = 1024 };

static const struct options defaults = {
    .listen = "127.0.0.1:8080",
    .restarts = 10,
    .max_header = 16 * KIB,
    .max_body = 1024 * KIB,
    .header_ms = 10000,
    .idle_ms = 60000,
    .body_ms = 30000,
    .proxy_ms = 30000,
    .drain_ms = 30000,
};

static const char help[] =
    "usage: server [OPTION]...\n"
    "An HTTP/1.1 server whose worker processes are routed to by a master.\n"
    "\n"
    "  --listen ADDRESS       ADDRESS:PORT (127.0.0.1:8080), unix:PATH, "
    "systemd\n"
    "  --workers N            processes (as many as processors)\n"
    "  --route HOW            kernel, ip-hash, round-robin, least-busy, path, "
    "host\n"
    "  --table FILE           for path and host: lines of a prefix or a name, "
    "and slots\n"
    "  --ports BASE           no master in between: worker N listens on port "
    "BASE + N\n"
    "  --root DIR             answer with the files below DIR\n"
    "  --proxy HOST:PORT,...  pass requests on to these\n"
    "  --log FILE             the access log\n"
    "  --user NAME            who the workers are (nobody, if root starts it)\n"
    "  --restarts N           of a worker in a minute before it is given up "
    "(10)\n"
    "  --max-header BYTES     (16384)    --max-body BYTES   (1048576)\n"
    "  --header-timeout MS    (10000)    --idle-timeout MS  (60000)\n"
    "  --body-timeout MS      (30000)    --proxy-timeout MS (30000)\n"
    "  --drain-timeout MS     (30000)\n"
    "\n"
    "It answers with the worker's process and the running number of the "
    "request, unless\nthere is a --root or a --proxy; /_status and "
    "/_status.json tell its figures.\nSIGHUP replaces the workers one by one "
    "and opens the log anew, SIGTERM ends it\nonce the requests under way are "
    "answered.\n";

enum {
    LISTEN = 1,
    WORKERS,
    ROUTE,
    TABLE,
    PORTS,
    ROOT,
    PROXY,
    LOG,
    USER,
    RESTARTS,
    MAX_HEADER,
    MAX_BODY,
    HEADER_MS,
    IDLE_MS,
    BODY_MS,
    PROXY_MS,
    DRAIN_MS,
    HELP
};

static const struct option names[] = {
    { "listen", required_argument, NULL, LISTEN },
    { "workers", required_argument, NULL, WORKERS },
    { "route", required_argument, NULL, ROUTE },
    { "table", required_argument, NULL, TABLE },
    { "ports", required_argument, NULL, PORTS },
    { "root", required_argument, NULL, ROOT },
    { "proxy", required_argument, NULL, PROXY },
    { "log", required_argument, NULL, LOG },
    { "user", required_argument, NULL, USER },
    { "restarts", required_argument, NULL, RESTARTS },
    { "max-header", required_argument, NULL, MAX_HEADER },
    { "max-body", required_argument, NULL, MAX_BODY },
    { "header-timeout", required_argument, NULL, HEADER_MS },
    { "idle-timeout", required_argument, NULL, IDLE_MS },
    { "body-timeout", required_argument, NULL, BODY_MS },
    { "proxy-timeout", required_argument, NULL, PROXY_MS },
    { "drain-timeout", required_argument, NULL, DRAIN_MS },
    { "help", no_argument, NULL, HELP },
    { NULL, 0, NULL, 0 }
};

static bool read_number(const char *text, uint64_t low, uint64_t high,
                        uint64_t *ret)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    *ret = strtoull(text, &end, 10);
    return *end == 0 && *ret >= low && *ret <= high;
}

static bool read_unsigned(const char *text, unsigned high, unsigned *ret)
{
    uint64_t number;

    if (!read_number(text, 1, high, &number))
        return false;
    *ret = (unsigned)number;
    return true;
}

static bool read_route(struct options *options, const char *name)
{
    static const struct {
        const char *name;
        em_route route;
        enum by by;
    } routes[] = {
        { "kernel", EM_ROUTE_KERNEL, BY_PEER },
        { "ip-hash", EM_ROUTE_IP_HASH, BY_PEER },
        { "round-robin", EM_ROUTE_ROUND_ROBIN, BY_PEER },
        { "least-busy", EM_ROUTE_LEAST_BUSY, BY_PEER },
        { "path", EM_ROUTE_FUNCTION, BY_PATH },
        { "host", EM_ROUTE_FUNCTION, BY_HOST },
    };
    size_t i;

    for (i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        if (strcmp(routes[i].name, name) != 0)
            continue;
        options->route = routes[i].route;
        options->by = routes[i].by;
        return true;
    }
    return false;
}

static bool read_limit(struct options *options, int name, const char *value)
{
    static const uint64_t most = UINT64_C(1) << 50;

    switch (name) {
    case RESTARTS:
        return read_number(value, 0, UINT_MAX - 1, &options->restarts);
    case MAX_HEADER:
        return read_number(value, 256, 64 * KIB, &options->max_header);
    case MAX_BODY:
        return read_number(value, 0, most, &options->max_body);
    case HEADER_MS:
        return read_number(value, 1, most, &options->header_ms);
    case IDLE_MS:
        return read_number(value, 1, most, &options->idle_ms);
    case BODY_MS:
        return read_number(value, 1, most, &options->body_ms);
    case PROXY_MS:
        return read_number(value, 1, most, &options->proxy_ms);
    case DRAIN_MS:
        return read_number(value, 1, most, &options->drain_ms);
    default:
        return false;
    }
}

static bool set_text(const char **field, const char *value)
{
    *field = value;
    return *value != 0;
}

static bool read_option(struct options *options, int name, const char *value)
{
    switch (name) {
    case LISTEN:
        return set_text(&options->listen, value);
    case WORKERS:
        return read_unsigned(value, 1024, &options->workers);
    case ROUTE:
        return read_route(options, value);
    case TABLE:
        return set_text(&options->table, value);
    case PORTS:
        return read_unsigned(value, 65535, &options->ports);
    case ROOT:
        return set_text(&options->root, value);
    case PROXY:
        return set_text(&options->proxy, value);
    case LOG:
        return set_text(&options->log, value);
    case USER:
        return set_text(&options->user, value);
    default:
        return read_limit(options, name, value);
    }
}

static int refuse(const char *message)
{
    fprintf(stderr, "server: %s\n", message);
    return EXIT_USAGE + 1;
}

static int check(struct options *options)
{
    if (!options->workers)
        options->workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (!options->user && geteuid() == 0)
        options->user = "nobody";
    if ((options->route == EM_ROUTE_FUNCTION) != (options->table != NULL))
        return refuse("--table goes with --route path or host");
    if (options->root && options->proxy)
        return refuse("either --root or --proxy");
    if (options->ports && options->route != EM_ROUTE_KERNEL)
        return refuse("--ports leaves nothing to --route");
    if (options->ports + options->workers > 65536)
        return refuse("there are no such --ports");
    return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
    int name, at;

    *options = defaults;
    while ((name = getopt_long(argc, argv, "", names, &at)) != -1) {
        if (name == HELP) {
            fputs(help, stdout);
            return fflush(stdout) == 0 ? EXIT_SUCCESS + 1 : EXIT_FAILURE + 1;
        }
        if (name == '?')
            return EXIT_USAGE + 1;
        if (read_option(options, name, optarg))
            continue;
        fprintf(stderr, "server: --%s cannot be '%s'\n", names[at].name,
                optarg);
        return EXIT_USAGE + 1;
    }
    if (optind < argc)
        return refuse("there are only options");
    return check(options);
}
