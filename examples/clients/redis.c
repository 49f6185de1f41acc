/* SPDX-License-Identifier: MIT */
/* Redis: a subscription and a pipeline of commands, by hiredis, on one loop.
 *
 * usage: redis [-h HOST] [-p PORT] [-s SOCKET] [-n MESSAGES]
 *
 * Once subscribed it counts to a thousand in the server, publishes a message,
 * and ends when it has received that one, or MESSAGES.  It writes the keys and
 * the channel libemitter:... of the server, by default the one at
 * 127.0.0.1:6379. */

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <emitter.h>

#include "hiredis_loop.h"

enum { COUNT_TO = 1000 };

typedef struct program {
    em_loop *loop;
    redisAsyncContext *news, *store; /* NULL: closed */
    long messages;                   /* that are still to come */
    long long count;
    bool failed;
} program;

/* The first failure ends the run, and is the one that is told. */
static void fail(program *p, const char *why)
{
    if (!p->failed)
        (void)fprintf(stderr, "redis: %s\n", why);
    p->failed = true;
    em_loop_stop(p->loop);
}

/* --- what the server answers; NULL: the connection ends before it did --- */

static bool is_good(program *p, const redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_ERROR)
        fail(p, reply->str);
    return reply && reply->type != REDIS_REPLY_ERROR;
}

static void print(redisAsyncContext *ac, void *arg, void *command)
{
    const redisReply *reply = arg;

    if (!is_good(ac->data, reply))
        return;
    if (reply->type == REDIS_REPLY_INTEGER)
        printf("%s: %lld\n", (const char *)command, reply->integer);
    else
        printf("%s: %s\n", (const char *)command, reply->str);
}

static void count(redisAsyncContext *ac, void *arg, void *data)
{
    const redisReply *reply = arg;
    program *p = data;

    (void)ac;
    if (is_good(p, reply) && reply->integer != ++p->count)
        fail(p, "INCR: a reply out of order");
}

/* All of it leaves in one write; the connection closes after the last reply. */
static void send_commands(program *p)
{
    static char get[] = "GET", publish[] = "PUBLISH", set[] = "SET";
    int i;

    redisAsyncCommand(p->store, print, set, "SET libemitter:count 0");
    for (i = 0; i < COUNT_TO; i++)
        redisAsyncCommand(p->store, count, p, "INCR libemitter:count");
    redisAsyncCommand(p->store, print, get, "GET libemitter:count");
    redisAsyncCommand(p->store, print, publish, "PUBLISH libemitter:news %s",
                      "all counted");
    redisAsyncDisconnect(p->store);
}

static void on_news(redisAsyncContext *ac, void *arg, void *data)
{
    program *p = data;
    redisReply *reply = arg;

    if (!is_good(p, reply) || reply->elements < 3)
        return;
    if (strcmp(reply->element[0]->str, "subscribe") == 0) {
        puts("subscribed");
        send_commands(p);
    } else if (strcmp(reply->element[0]->str, "message") == 0) {
        printf("message: %s\n", reply->element[2]->str);
        if (--p->messages == 0)
            redisAsyncDisconnect(ac);
    }
}

/* --- connections --- */

static void on_disconnect(const redisAsyncContext *ac, int status)
{
    program *p = ac->data;

    *(ac == p->news ? &p->news : &p->store) = NULL; /* hiredis frees it */
    if (status != REDIS_OK)
        fail(p, ac->errstr);
}

static void on_connect(const redisAsyncContext *ac, int status)
{
    if (status != REDIS_OK)
        on_disconnect(ac, status);
}

/* Returns NULL after a failure. */
static redisAsyncContext *attach(program *p, redisAsyncContext *ac)
{
    if (ac && !ac->err && redisEmitterAttach(ac, p->loop) == REDIS_OK) {
        ac->data = p;
        (void)redisAsyncSetConnectCallback(ac, on_connect);
        (void)redisAsyncSetDisconnectCallback(ac, on_disconnect);
        return ac;
    }
    fail(p, ac && ac->err ? ac->errstr : "the loop cannot have the connection");
    if (ac)
        redisAsyncFree(ac);
    return NULL;
}

static redisAsyncContext *dial(program *p, const char *host, int port,
                               const char *path)
{
    return attach(p, path ? redisAsyncConnectUnix(path)
                          : redisAsyncConnect(host, port));
}

int main(int argc, char **argv)
{
    program p = { .loop = em_loop_default(), .messages = 1 };
    const char *host = "127.0.0.1", *path = NULL;
    int option, port = 6379;

    while ((option = getopt(argc, argv, "h:n:p:s:")) != -1) {
        if (option == 'h')
            host = optarg;
        else if (option == 'n')
            p.messages = strtol(optarg, NULL, 10);
        else if (option == 'p')
            port = (int)strtol(optarg, NULL, 10);
        else if (option == 's')
            path = optarg;
        else
            p.messages = 0;
    }
    if (p.messages < 1 || optind < argc) {
        (void)fprintf(stderr, "usage: redis [-h HOST] [-p PORT] [-s SOCKET] "
                              "[-n MESSAGES]\n");
        return 2;
    }
    if (!p.loop || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        setvbuf(stdout, NULL, _IOLBF, 0) != 0) {
        (void)fprintf(stderr, "redis: no loop, or no output\n");
        return EXIT_FAILURE;
    }
    p.news = dial(&p, host, port, path);
    p.store = dial(&p, host, port, path);
    if (p.news)
        redisAsyncCommand(p.news, on_news, &p, "SUBSCRIBE libemitter:news");
    (void)em_loop_run(p.loop, EM_RUN_DEFAULT); /* until both are closed */
    if (p.news)
        redisAsyncFree(p.news);
    if (p.store)
        redisAsyncFree(p.store);
    em_loop_free(p.loop);
    return p.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
