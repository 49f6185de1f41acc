/* SPDX-License-Identifier: MIT */
/* Fuzz: what the targets share.  Each is a program that interprets its input as
 * operations and compares what the library does with what it promises.  With
 * clang's libFuzzer inputs are searched for; with replay.c they are those of
 * the corpus and many drawn from seeds. */

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The target: its name, which is that of its corpus, and one run. */
extern const char fuzz_name[];
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Begin and end a run; the end finds leaked blocks of the library's memory. */
void fuzz_begin(const uint8_t *bytes, size_t size);
void fuzz_end(void);

/* Below `below`, from the next byte; 0 once the input is used up. */
unsigned draw(unsigned below);
bool drawn_out(void);

/* The next 8 bytes, with 0 for those that there are not. */
uint64_t draw_word(void);

/* Make the nth allocation from now fail; 0: none.  Returns whether one did. */
bool fuzz_fail_allocation(unsigned nth);

/* The longest block that was asked for in this run, in bytes. */
size_t fuzz_longest_block(void);

/* The library kept its promise, or the program ends. */
#define promise(condition)                               \
    do {                                                 \
        if (!(condition))                                \
            fuzz_broken(__FILE__, __LINE__, #condition); \
    } while (0)
void fuzz_broken(const char *file, int line, const char *condition)
    __attribute__((noreturn));

#endif
