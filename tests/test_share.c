/* SPDX-License-Identifier: MIT */
/* Share: descriptor sources that share a descriptor, or a turn. */

#include <config.h>

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "testing.h"

static em_loop *loop;
static int ends[2];

static void begin(void)
{
    assert_ok(em_loop_new(NULL, &loop));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void finish(void)
{
    em_loop_free(loop);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void make_readable(int i)
{
    ck_assert_int_eq(write(ends[1 - i], "x", 1), 1);
}

static void note(em_source *source, int fd, unsigned events, void *data)
{
    char word[64];

    (void)source, (void)fd;
    (void)snprintf(word, sizeof(word), "%s:%s%s", (const char *)data,
                   events & EM_READABLE ? "r" : "",
                   events & EM_WRITABLE ? "w" : "");
    mark(word);
}

static void note_free(void *data)
{
    (void)data;
    mark("free");
}

static void one_turn(void)
{
    assert_ok(em_loop_run(loop, EM_RUN_NOWAIT));
}

TEST(sources_of_one_descriptor_are_called_in_order_for_what_they_want)
{
    em_source *reader, *writer, *both;

    begin();
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "r", &reader));
    assert_ok(em_loop_add_fd(loop, ends[0], EM_WRITABLE, note, "w", &writer));
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE | EM_WRITABLE, note,
                             "b", &both));
    one_turn();
    assert_marks("w:w b:w");
    em_source_remove(both);
    make_readable(0);
    one_turn();
    assert_marks("r:r w:w");
    em_source_remove(writer);
    one_turn();
    assert_marks("r:r");
    finish();
}

static void remove_another(em_source *source, int fd, unsigned events,
                           void *data)
{
    em_source **other = data;

    note(source, fd, events, "remover");
    em_source_remove(*other);
    *other = NULL;
}

TEST(a_source_removed_by_its_neighbour_is_not_called)
{
    em_source *younger, *remover;

    begin();
    make_readable(0);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, remove_another,
                             &younger, &remover));
    assert_ok(
        em_loop_add_fd(loop, ends[0], EM_READABLE, note, "never", &younger));
    em_source_set_free(younger, note_free);
    one_turn();
    assert_marks("remover:r free");
    em_source_remove(remover);
    finish();
}

/* Both are ready; whichever is called first removes the other. */
TEST(a_source_removed_after_its_event_was_harvested_is_not_called)
{
    em_source *sources[2];

    begin();
    make_readable(0);
    make_readable(1);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, remove_another,
                             &sources[1], &sources[0]));
    assert_ok(em_loop_add_fd(loop, ends[1], EM_READABLE, remove_another,
                             &sources[0], &sources[1]));
    one_turn();
    assert_marks("remover:r");
    finish();
}

TEST(several_files_may_remove_each_other)
{
    em_source *sources[2];
    FILE *files[2] = { tmpfile(), tmpfile() };

    begin();
    assert_ok(em_loop_add_fd(loop, fileno(files[0]), EM_READABLE,
                             remove_another, &sources[1], &sources[0]));
    assert_ok(em_loop_add_fd(loop, fileno(files[1]), EM_READABLE,
                             remove_another, &sources[0], &sources[1]));
    one_turn();
    assert_marks("remover:r");
    (void)fclose(files[0]);
    (void)fclose(files[1]);
    finish();
}

static void add_another(em_source *source, int fd, unsigned events, void *data)
{
    note(source, fd, events, "adder");
    assert_ok(em_loop_add_fd(loop, fd, EM_READABLE, add_another, data, NULL));
}

TEST(a_source_added_to_the_descriptor_that_is_called_waits_for_the_next_turn)
{
    begin();
    make_readable(0);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "1", NULL));
    assert_ok(
        em_loop_add_fd(loop, ends[0], EM_READABLE, add_another, NULL, NULL));
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "2", NULL));
    one_turn();
    assert_marks("1:r adder:r 2:r");
    one_turn();
    assert_marks("1:r adder:r 2:r adder:r");
    one_turn();
    assert_marks("1:r adder:r 2:r adder:r adder:r adder:r");
    finish();
}

static void add_and_stop(em_source *source, int fd, unsigned events, void *data)
{
    note(source, fd, events, "stopper");
    em_source_remove(source);
    assert_ok(em_loop_add_fd(loop, fd, EM_READABLE, note, data, NULL));
    em_loop_stop(loop);
}

TEST(a_source_that_waited_when_the_loop_was_stopped_is_called_in_the_next_run)
{
    begin();
    make_readable(0);
    assert_ok(
        em_loop_add_fd(loop, ends[0], EM_READABLE, add_and_stop, "new", NULL));
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "old", NULL));
    one_turn();
    assert_marks("stopper:r");
    one_turn();
    assert_marks("old:r new:r");
    finish();
}

/* What was to be called last is gone, and so is what waits. */
static void replace_another(em_source *source, int fd, unsigned events,
                            void *data)
{
    em_source *passing;

    remove_another(source, fd, events, data);
    assert_ok(em_loop_add_fd(loop, fd, EM_READABLE, note, "never", &passing));
    assert_ok(em_loop_add_fd(loop, fd, EM_READABLE, note, "later", NULL));
    em_source_remove(passing);
    em_source_remove(source);
}

TEST(sources_come_and_go_while_their_descriptor_is_called)
{
    em_source *last;

    begin();
    make_readable(0);
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, replace_another, &last,
                             NULL));
    assert_ok(em_loop_add_fd(loop, ends[0], EM_READABLE, note, "never", &last));
    one_turn();
    assert_marks("remover:r");
    one_turn();
    assert_marks("later:r");
    finish();
}

SUITE("share", sources_of_one_descriptor_are_called_in_order_for_what_they_want,
      a_source_removed_by_its_neighbour_is_not_called,
      a_source_removed_after_its_event_was_harvested_is_not_called,
      several_files_may_remove_each_other,
      a_source_added_to_the_descriptor_that_is_called_waits_for_the_next_turn,
      a_source_that_waited_when_the_loop_was_stopped_is_called_in_the_next_run,
      sources_come_and_go_while_their_descriptor_is_called);
