/* SPDX-License-Identifier: MIT */
/* Post: emitting from any thread on the thread of the emitter's loop. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "events/emitter.h"

typedef struct em__post {
    em__mail mail;
    em_emitter *emitter; /* held */
    void *arg;
    void (*free_arg)(void *arg);
    char event[];
} em__post;

static void deliver(em_loop *loop, em__mail *mail, em__delivery how)
{
    em__post *post = em__container(mail, em__post, mail);

    if (how == EM__RUNNING) {
        em__loop_count_call(loop);
        em__loop_count_post(loop);
        (void)em_emit(post->emitter, post->event, post->arg);
    }
    if (how != EM__FORKED) {
        if (post->free_arg)
            post->free_arg(post->arg);
        em_unref(post->emitter);
    }
    em__free(post);
}

static em__post *make_post(em_emitter *emitter, const char *event, void *arg,
                           void (*free_arg)(void *arg))
{
    size_t size = strlen(event) + 1;
    em__post *post = em__malloc(sizeof(*post) + size);

    if (!post)
        return NULL;
    *post = (em__post){ { .deliver = deliver }, emitter, arg, free_arg };
    memcpy(post->event, event, size);
    return post;
}

int em_post(em_emitter *emitter, const char *event, void *arg,
            void (*free_arg)(void *arg))
{
    em_loop *loop;
    em__post *post;

    if (!emitter || !event)
        return -EINVAL;
    loop = em__private(emitter)->loop;
    if (!loop)
        return -EINVAL;
    if (em__loop_is_forked(loop))
        return -ECHILD;
    post = make_post(emitter, event, arg, free_arg);
    if (!post)
        return -ENOMEM;
    if (em__ref_alive(emitter)) {
        if (em__loop_send(loop, &post->mail) == 0)
            return 0;
        em_unref(emitter);
    }
    em__free(post);
    return -ESHUTDOWN;
}
