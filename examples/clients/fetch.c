/* SPDX-License-Identifier: MIT */
/* Fetch: many URLs at once into files, by libcurl, on one thread and one loop.
 *
 * usage: fetch [-n CONNECTIONS] [-t SECONDS] URL FILE [URL FILE]...
 *
 * -n: no more connections than that at a time; -t: how long a transfer may
 * take.  SIGINT ends those under way.  Exits with 1 if one of them failed. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <emitter.h>

#include "curl_loop.h"

typedef struct download {
    const char *url;
    FILE *file;
    char error[CURL_ERROR_SIZE];
} download;

static int failures;

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "fetch: %s: %s\n", what, why);
    failures++;
}

static void done(CURL *easy, CURLcode result, void *data)
{
    download *it = data;
    int r = fclose(it->file) == 0 ? 0 : -errno;

    if (result != CURLE_OK)
        fail(it->url, *it->error ? it->error : curl_easy_strerror(result));
    else if (r < 0)
        fail(it->url, em_strerror(r));
    curl_easy_cleanup(easy);
}

static CURL *prepare(download *it, long seconds)
{
    CURL *easy = curl_easy_init();

    if (!easy || curl_easy_setopt(easy, CURLOPT_URL, it->url) != CURLE_OK) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, it->file);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, it->error);
    (void)curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, seconds);
    return easy;
}

static void start(curl_loop *curl, download *it, const char *path, long seconds)
{
    CURL *easy;
    int r = -ENOMEM;

    it->file = fopen(path, "wb");
    if (!it->file) {
        fail(path, em_strerror(-errno));
        return;
    }
    easy = prepare(it, seconds);
    if (easy)
        r = curl_loop_add(curl, easy, done, it);
    if (r < 0) {
        fail(it->url, em_strerror(r));
        curl_easy_cleanup(easy);
        (void)fclose(it->file);
    }
}

static void interrupt(em_source *source, int signo, void *data)
{
    (void)signo, (void)data;
    em_loop_stop(em_source_loop(source));
}

/* Runs until no transfer is alive: nothing else keeps the loop. */
static int fetch(char **arguments, int count, long connections, long seconds)
{
    download *downloads = calloc((size_t)count / 2, sizeof(*downloads));
    em_loop *loop = em_loop_default();
    em_source *signal_source;
    curl_loop *curl = NULL;
    int i, r = -ENOMEM;

    if (downloads && loop)
        r = em_loop_add_signal(loop, SIGINT, interrupt, NULL, &signal_source);
    if (r == 0)
        r = curl_loop_new(loop, &curl);
    if (r == 0) {
        em_source_unref(signal_source);
        (void)curl_multi_setopt(curl_loop_multi(curl),
                                CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
        for (i = 0; i < count / 2; i++) {
            downloads[i].url = arguments[2 * i];
            start(curl, &downloads[i], arguments[2 * i + 1], seconds);
        }
        r = em_loop_run(loop, EM_RUN_DEFAULT);
    }
    curl_loop_free(curl);
    em_loop_free(loop);
    free(downloads);
    return r;
}

int main(int argc, char **argv)
{
    long connections = 0, seconds = 0; /* no limit */
    int option, r;

    while ((option = getopt(argc, argv, "n:t:")) != -1) {
        if (option == 'n')
            connections = strtol(optarg, NULL, 10);
        else if (option == 't')
            seconds = strtol(optarg, NULL, 10);
        else
            break;
    }
    if (option != -1 || optind == argc || (argc - optind) % 2 != 0) {
        (void)fprintf(stderr, "usage: fetch [-n CONNECTIONS] [-t SECONDS] "
                              "URL FILE [URL FILE]...\n");
        return 2;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return EXIT_FAILURE;
    r = fetch(argv + optind, argc - optind, connections, seconds);
    if (r < 0)
        fail("loop", em_strerror(r));
    curl_global_cleanup();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
