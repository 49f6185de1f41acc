/* SPDX-License-Identifier: MIT */
/* Dummy: inheritance in C.  A struct that embeds an em_emitter is one.  Work of
 * it ends in 'cooked' or 'error', which nobody may ignore: try "dummy abort".
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <emitter.h>

struct dummy {
    em_emitter emitter; /* first: a dummy's address is its emitter's */
    const char *food;
    int result; /* of cooking it: 0 or -errno */
};

static int cook(em_baton *baton, void *data)
{
    (void)baton;
    return ((struct dummy *)data)->result; /* on a pool thread */
}

static void after_cook(em_baton *baton, int status, void *data)
{
    struct dummy *dummy = data;

    (void)baton;
    if (status < 0)
        em_emit_error(&dummy->emitter, status, "%s burned", dummy->food);
    else
        em_emit(&dummy->emitter, "cooked", NULL);
}

/* The baton holds its owner until after_cook returned. */
static int cooking(struct dummy *dummy)
{
    return em_baton_start(em_emitter_loop(&dummy->emitter),
                          EM_OPTIONS(em_baton_options, .work = cook,
                                     .after = after_cook, .data = dummy,
                                     .owner = &dummy->emitter),
                          NULL);
}

static void on_cooked(em_emitter *emitter, void *arg, void *data)
{
    (void)arg, (void)data;
    printf("%s cooked\n", ((struct dummy *)emitter)->food);
}

static void on_error(em_emitter *emitter, void *arg, void *data)
{
    (void)emitter, (void)data;
    printf("error: %s\n", ((em_error *)arg)->message);
}

int main(int argc, char **argv)
{
    struct dummy dummy = { .food = "chicken", .result = argc > 1 ? -EIO : 0 };
    em_loop *loop = em_loop_default();
    int r;

    em_emitter_init(&dummy.emitter, loop, NULL);
    r = em_on(&dummy.emitter, "cooked", on_cooked, NULL);
    if (r == 0 && (argc < 2 || strcmp(argv[1], "abort") != 0))
        r = em_on(&dummy.emitter, "error", on_error, NULL);
    if (r == 0)
        r = cooking(&dummy);
    if (r == 0)
        r = em_loop_run(loop, EM_RUN_DEFAULT);
    em_unref(&dummy.emitter);
    em_loop_free(loop);
    if (r == 0 && fclose(stdout) != 0)
        r = -errno;
    if (r < 0)
        fprintf(stderr, "dummy: %s\n", em_strerror(r));
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
