/* SPDX-License-Identifier: MIT */
/* Send: mail for a loop, from any thread; mailbox.c tells whether the loop has
 * to be woken for it. */

#include <config.h>

#include "loop/internal.h"

void em__loop_wake(em_loop *loop)
{
    em__poller_wake(&loop->poller);
    em__mailbox_woken(&loop->mailbox);
}

int em__loop_send(em_loop *loop, em__mail *mail)
{
    bool ours = em__loop_is_owner(loop);
    int r = em__mailbox_put(&loop->mailbox, mail, false);

    if (r > 0)
        em__loop_wake(loop);
    if (ours) /* else the loop may be gone by now */
        em__host_alive_changed(loop);
    return r < 0 ? r : 0;
}

void em__loop_complete(em_loop *loop, em__mail *mail)
{
    if (em__mailbox_put(&loop->mailbox, mail, true) > 0)
        em__loop_wake(loop);
}

bool em__loop_abandon(em_loop *loop, em__orphan *orphan, em__reap_fn *reap)
{
    int r = em__mailbox_put_orphan(&loop->mailbox, orphan, reap);

    if (r > 0)
        em__loop_wake(loop);
    return r >= 0;
}
