/* SPDX-License-Identifier: MIT */
/* Bench: what every subject of the bench shares. */

#include <config.h>

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "measure.h"

enum { MIN_ROUNDS = 7, MAX_ROUNDS = 1000 };

typedef struct bench {
    const bench_subject *subject;
    const bench_parameter *parameter;
    char **patterns;
    size_t count; /* of the subject's implementations */
    unsigned rounds;
    double *values;  /* rounds of an implementation, measures of a round */
    double *scratch; /* one value a round */
    bool stopped, failed;
} bench;

/* NAN: it was not measured. */
static double *values_of(const bench *b, size_t i, unsigned round)
{
    return b->values + (i * b->rounds + round) * BENCH_MEASURES;
}

/* --- all rounds of one parameter --- */

static bool is_wanted(const bench *b, const bench_implementation *it)
{
    char name[256];
    size_t i;

    (void)snprintf(name, sizeof(name), "%s,%s,%s", b->subject->name, it->name,
                   b->parameter->name);
    for (i = 0; b->patterns[i]; i++)
        if (fnmatch(b->patterns[i], name, 0) == 0)
            return true;
    return i == 0;
}

static const char *reason(int error)
{
    return error == -ECHILD ? "it died, or its command did" : strerror(-error);
}

/* What failed once is not tried again: it may have taken minutes to hang. */
static void take_turn(bench *b, size_t i, unsigned round)
{
    const bench_implementation *it = &b->subject->implementations[i];
    measurement m = { b->subject, b->parameter, it, round };
    double *values = values_of(b, i, round);
    bool failed = round > 0 && isnan(*values_of(b, i, round - 1));
    int r = -ENOENT;

    if (!it->missing && !failed && is_wanted(b, it)) {
        r = measure_once(&m, values);
        b->stopped = r > 0;
        b->failed |= r < 0;
        if (r < 0)
            (void)fprintf(stderr, "bench: %s,%s,%s failed: %s\n",
                          b->subject->name, it->name, b->parameter->name,
                          reason(r));
    }
    if (r != 0)
        *values = NAN;
}

/* Each round begins with another implementation, so that none always follows
 * the same neighbour. */
static void take_rounds(bench *b)
{
    unsigned round;
    size_t i;

    for (round = 0; round < b->rounds; round++)
        for (i = 0; i < b->count && !b->stopped; i++)
            take_turn(b, (i + round) % b->count, round);
}

/* --- the lines --- */

/* The median over the rounds, and the rest sorted in b->scratch, of measure m
 * of the implementation i, divided by that of the implementation `by` if there
 * is one.  How many there are; 0: none, and no median. */
static size_t median(const bench *b, int m, size_t i, const size_t *by,
                     double *ret)
{
    size_t count = 0;
    unsigned round;
    double value;

    for (round = 0; round < b->rounds; round++) {
        if (isnan(*values_of(b, i, round)))
            continue;
        value = values_of(b, i, round)[m];
        if (by && isnan(*values_of(b, *by, round)))
            continue;
        if (by)
            value /= values_of(b, *by, round)[m];
        if (isfinite(value)) /* not a quotient by 0 */
            b->scratch[count++] = value;
    }
    *ret = percentile(b->scratch, count, 0.5);
    return count;
}

/* Four digits that matter, and no exponent. */
static void print_number(double value, char after)
{
    int decimals = value >= 1000 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 3 : 5;

    (void)printf("%.*f%c", decimals, value, after);
}

static void print_value(const bench *b, int m, size_t i)
{
    double value;

    if (median(b, m, i, NULL, &value) == 0)
        return;
    (void)printf("%s,%s,%s,", b->subject->name,
                 b->subject->implementations[i].name, b->parameter->name);
    print_number(value, ',');
    (void)puts(b->subject->measures[m].unit);
}

static void print_ratio(const bench *b, int m, size_t i, size_t by)
{
    const bench_implementation *all = b->subject->implementations;
    const bench_measure *measure = &b->subject->measures[m];
    double ratio;
    size_t count = median(b, m, i, &by, &ratio);
    bool better = measure->kind == BENCH_RATE ? ratio > 1 : ratio < 1;

    if (count == 0)
        return;
    (void)printf("ratio,%s,%s/%s,%s,", b->subject->name, all[i].name,
                 all[by].name, b->parameter->name);
    print_number(ratio, ',');
    (void)printf("%s,%s,", measure->unit,
                 fabs(ratio - 1) < 0.005 ? "same"
                 : better                ? "better"
                                         : "worse");
    print_number(b->scratch[0], ',');
    print_number(b->scratch[count - 1], '\n');
}

/* Ours to every peer and floor, a peer to every floor. */
static bool are_compared(bench_role it, bench_role by)
{
    return it == BENCH_OURS ? by != BENCH_OURS
                            : it == BENCH_PEER && by == BENCH_FLOOR;
}

static void print(const bench *b)
{
    const bench_implementation *all = b->subject->implementations;
    size_t i, by;
    int m;

    for (m = 0; b->subject->measures[m].unit; m++)
        for (i = 0; i < b->count; i++)
            print_value(b, m, i);
    for (m = 0; b->subject->measures[m].unit; m++)
        for (i = 0; i < b->count; i++)
            for (by = 0; by < b->count; by++)
                if (are_compared(all[i].role, all[by].role))
                    print_ratio(b, m, i, by);
}

/* --- the whole --- */

static size_t count_implementations(const bench_subject *subject)
{
    const bench_implementation *it = subject->implementations;
    size_t count;

    for (count = 0; it[count].name; count++)
        if (it[count].missing)
            (void)printf("# %s,%s is left out: no %s\n", subject->name,
                         it[count].name, it[count].missing);
    return count;
}

/* Output is by lines: a fork finds nothing that it would print again. */
static int run_subject(bench *b)
{
    b->count = count_implementations(b->subject);
    b->values =
        calloc(b->count * b->rounds * BENCH_MEASURES, sizeof(*b->values));
    b->scratch = calloc(b->rounds, sizeof(*b->scratch));
    if (!b->values || !b->scratch)
        b->stopped = true;
    b->parameter = b->subject->parameters;
    for (; b->parameter->name && !b->stopped; b->parameter++) {
        take_rounds(b);
        if (!b->stopped)
            print(b);
        if (ferror(stdout))
            b->stopped = true;
    }
    free(b->values);
    free(b->scratch);
    return b->stopped ? -ECANCELED : 0;
}

static int choose_rounds(unsigned *rounds)
{
    const char *wish = getenv("BENCH_ROUNDS");
    long number = wish ? strtol(wish, NULL, 10) : MIN_ROUNDS;

    *rounds = bench_is_smoke() ? 1 : (unsigned)number;
    return number < MIN_ROUNDS || number > MAX_ROUNDS ? -EINVAL : 0;
}

int bench_main(const bench_subject *subjects, int argc, char **argv)
{
    bench b = { .subject = subjects, .patterns = argv + (argc > 0) };
    int r;

    if (choose_rounds(&b.rounds) < 0) {
        (void)fprintf(stderr, "bench: BENCH_ROUNDS is a number from %d to %d\n",
                      MIN_ROUNDS, MAX_ROUNDS);
        return EXIT_FAILURE;
    }
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0 ||
        signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return EXIT_FAILURE;
    r = bench_begin();
    for (; r == 0 && b.subject->name; b.subject++)
        r = run_subject(&b);
    if (ferror(stdout))
        (void)fprintf(stderr, "bench: the lines could not be written\n");
    return r == 0 && !b.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
