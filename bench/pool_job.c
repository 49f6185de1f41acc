/* SPDX-License-Identifier: MIT */
/* Pool: jobs with something to do. */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_CRYPTO
#include <openssl/evp.h>
#endif

#include "pool.h"

enum { BLOCK = 1 << 20, PAGE = 4096, PAGES = 16384, SMOKE_PAGES = 16 };

static _Thread_local unsigned seed;

void load_work(const load *l)
{
    if (!l->kind)
        return;
    if (seed == 0)
        seed = (unsigned)(uintptr_t)&seed | 1;
    l->kind->work(&seed);
}

/* --- SHA-256 --- */

#ifdef HAVE_CRYPTO
static unsigned char block[BLOCK];

static int fill_block(void)
{
    memset(block, 'x', sizeof(block));
    return 0;
}

static void digest(unsigned *random)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length;

    (void)random;
    if (EVP_Digest(block, sizeof(block), sum, &length, EVP_sha256(), NULL) != 1)
        abort();
}

const job_kind job_sha256 = { fill_block, digest };
#endif

/* --- pread --- */

static int file = -1;
static unsigned pages;

static int make_file(void)
{
    static const char page[PAGE];
    FILE *temporary = tmpfile(); /* stays open as long as the process lives */
    unsigned i;

    if (!temporary)
        return -errno;
    file = fileno(temporary);
    pages = bench_is_smoke() ? SMOKE_PAGES : PAGES;
    for (i = 0; i < pages; i++)
        if (write(file, page, PAGE) != PAGE)
            return errno ? -errno : -ENOSPC;
    return 0;
}

/* Xorshift: Marsaglia, "Xorshift RNGs", 2003. */
static void read_page(unsigned *random)
{
    char page[PAGE];
    unsigned x = *random;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *random = x;
    if (pread(file, page, PAGE, (off_t)(x % pages) * PAGE) != PAGE)
        abort();
}

const job_kind job_pread = { make_file, read_page };
