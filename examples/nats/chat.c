/* SPDX-License-Identifier: MIT */
/* Chat: two emitters on two machines that hear each other.  A room is an
 * emitter; what one program emits on its room, the others' rooms emit too.
 *
 *     chat NAME [URL]    lines of stdin to the others, theirs to stdout
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <emitter.h>
#include <emitter/args.h>
#include <emitter/nats.h>

struct chat {
    const char *name;
    em_nats *nats;
    em_emitter *room;
    em_source *input;
    char line[512];
    size_t used;
    int status;
};

static void on_said(em_emitter *room, void *arg, void *data)
{
    struct chat *chat = data;
    const char *name, *text;

    EM_REQUIRE_ARG(room, arg, 0, EM_TYPE_STRING, name);
    EM_REQUIRE_ARG(room, arg, 1, EM_TYPE_STRING, text);
    if (strcmp(name, chat->name) == 0)
        return; /* ours, on its way out */
    printf("%s: %s\n", name, text);
    (void)fflush(stdout);
}

static void on_error(em_emitter *emitter, void *arg, void *data)
{
    struct chat *chat = data;

    (void)emitter;
    fprintf(stderr, "chat: %s\n", ((em_error *)arg)->message);
    chat->status = EXIT_FAILURE;
}

static void say(struct chat *chat, char *line)
{
    em_emit(chat->room, "said",
            EM_ARGS(em_string(chat->name), em_string(line)));
}

/* Whole lines; one that is too long is cut. */
static void say_lines(struct chat *chat)
{
    char *line = chat->line, *end;

    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        say(chat, line);
        line = end + 1;
    }
    if (line == chat->line && chat->used == sizeof(chat->line) - 1) {
        say(chat, line);
        line += chat->used;
    }
    chat->used = strlen(line);
    memmove(chat->line, line, chat->used + 1);
}

static void on_input(em_source *source, int fd, unsigned events, void *data)
{
    struct chat *chat = data;
    ssize_t n =
        read(fd, chat->line + chat->used, sizeof(chat->line) - 1 - chat->used);

    (void)source, (void)events;
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        em_source_remove(chat->input);
        em_nats_close(chat->nats);
        return;
    }
    chat->used += (size_t)n;
    chat->line[chat->used] = '\0';
    say_lines(chat);
}

static void on_connect(em_emitter *emitter, void *arg, void *data)
{
    struct chat *chat = data;
    int r = em_loop_add_fd(em_emitter_loop(emitter), STDIN_FILENO, EM_READABLE,
                           on_input, chat, &chat->input);

    (void)arg;
    if (r < 0)
        em_emit_error(emitter, r, "stdin: %s", em_strerror(r));
}

static int listen_to_all(struct chat *chat)
{
    em_emitter *connection = em_nats_emitter(chat->nats);
    int r = em_on(connection, "connect", on_connect, chat);

    if (r == 0)
        r = em_on(connection, "error", on_error, chat);
    if (r == 0)
        r = em_on(chat->room, "error", on_error, chat);
    if (r == 0)
        r = em_on(chat->room, "said", on_said, chat);
    if (r == 0)
        r = em_nats_import(chat->nats, "chat.said", chat->room, "said",
                           em_nats_codec_args());
    if (r == 0)
        r = em_nats_export(chat->nats, chat->room, "said", "chat.said",
                           em_nats_codec_args());
    return r;
}

static int run(em_loop *loop, struct chat *chat, const char *url)
{
    int r = em_nats_connect(loop,
                            EM_OPTIONS(em_nats_options, .servers = &url,
                                       .server_count = 1, .name = chat->name),
                            &chat->nats);

    if (r < 0)
        return r;
    r = em_emitter_new(loop, &chat->room);
    if (r == 0)
        r = listen_to_all(chat);
    if (r == 0)
        (void)em_loop_run(loop, EM_RUN_DEFAULT);
    em_unref(chat->room);
    em_nats_free(chat->nats);
    return r;
}

int main(int argc, char **argv)
{
    struct chat chat = { .name = argv[1] };
    em_loop *loop;
    int r;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: chat NAME [URL]\n");
        return 2;
    }
    r = em_loop_new(NULL, &loop);
    if (r == 0) {
        r = run(loop, &chat, argc > 2 ? argv[2] : "nats://127.0.0.1:4222");
        em_loop_free(loop);
    }
    if (r < 0)
        fprintf(stderr, "chat: %s\n", em_strerror(r));
    return r < 0 ? EXIT_FAILURE : chat.status;
}
