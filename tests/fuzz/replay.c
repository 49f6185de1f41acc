/* SPDX-License-Identifier: MIT */
/* Replay: a fuzz target without a fuzzer.  Runs every file of its corpus, where
 * the inputs of old crashes are kept, and FUZZ_SEEDS inputs drawn from seeds
 * (2000), or the files that are its arguments. */

#include <config.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { LONGEST = 4096, SEEDS = 2000 };

static uint8_t bytes[LONGEST];

static bool run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    if (!file) {
        perror(path);
        return false;
    }
    size = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    return true;
}

static int run_corpus(void)
{
    const char *source = getenv("top_srcdir");
    char folder[1024], path[2048];
    struct dirent *entry;
    int count = 0;
    DIR *files;

    (void)snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
                   source ? source : ".", fuzz_name);
    files = opendir(folder);
    if (!files)
        return -1;
    while ((entry = readdir(files))) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (!run_file(path))
            count = -1;
        if (count < 0)
            break;
        count++;
    }
    (void)closedir(files);
    return count;
}

/* xorshift32, G. Marsaglia, "Xorshift RNGs", J. Stat. Software 8(14), 2003. */
static uint32_t next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void run_seed(uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;
    size_t size = 16 + next(&state) % 1000, i;

    for (i = 0; i < size; i++)
        bytes[i] = (uint8_t)(next(&state) >> 8);
    (void)LLVMFuzzerTestOneInput(bytes, size);
}

int main(int argc, char **argv)
{
    const char *wish = getenv("FUZZ_SEEDS");
    long seeds = wish ? strtol(wish, NULL, 10) : SEEDS, seed;
    int files, i;

    for (i = 1; i < argc; i++) {
        if (!run_file(argv[i]))
            return EXIT_FAILURE;
    }
    if (argc > 1)
        return EXIT_SUCCESS;
    files = run_corpus();
    if (files < 0) {
        (void)fprintf(stderr, "there is no corpus of %s\n", fuzz_name);
        return EXIT_FAILURE;
    }
    for (seed = 1; seed <= seeds; seed++)
        run_seed((uint32_t)seed);
    printf("%s: %d files and %ld seeds, no promise broken\n", fuzz_name, files,
           seeds);
    return EXIT_SUCCESS;
}
