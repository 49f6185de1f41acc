/* SPDX-License-Identifier: MIT */
/* Board: see board.h. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

int board_new(unsigned count, struct board **ret)
{
    size_t size = sizeof(struct board) + count * sizeof(struct figures);
    struct board *board;

    board = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    if (board == MAP_FAILED)
        return -ENOMEM;
    board->count = count;
    *ret = board;
    return 0;
}

struct figures *board_take(struct board *board, int slot)
{
    struct figures *mine = NULL;
    pid_t nobody;
    unsigned i;

    for (i = 0; i < board->count; i++) {
        nobody = 0;
        mine = &board->of[i];
        if (atomic_compare_exchange_strong(&mine->pid, &nobody, getpid()))
            break;
    }
    atomic_store(&mine->slot, slot);
    atomic_store(&mine->started, (uint64_t)time(NULL));
    return mine;
}

static void move(figure *from, figure *to)
{
    figure_add(to, figure_get(from));
    atomic_store_explicit(from, 0, memory_order_relaxed);
}

static void add_up(struct figures *from, struct figures *to)
{
    unsigned i;

    move(&from->accepted, &to->accepted);
    move(&from->requests, &to->requests);
    move(&from->bytes_out, &to->bytes_out);
    for (i = 0; i < 6; i++)
        move(&from->answers[i], &to->answers[i]);
    move(&from->refused, &to->refused);
    move(&from->timed_out, &to->timed_out);
    move(&from->log_lost, &to->log_lost);
    atomic_store(&from->open, 0);
}

void board_end(struct board *board, pid_t pid)
{
    unsigned i;

    figure_add(&board->exits, 1);
    for (i = 0; i < board->count; i++) {
        if (atomic_load(&board->of[i].pid) != pid)
            continue;
        add_up(&board->of[i], &board->ended);
        atomic_store(&board->of[i].pid, 0);
    }
}
