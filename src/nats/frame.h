/* SPDX-License-Identifier: MIT */
/* Frame: what batons send each other; told in em_nats(3). */

#ifndef NATS_FRAME_H
#define NATS_FRAME_H

#include "nats/internal.h"

typedef enum em__nats_kind {
    EM__NATS_RUN = 1, /* a job: its data */
    EM__NATS_RESULT,  /* status, how many items there were, the result */
    EM__NATS_ITEM,    /* its number, its bytes */
    EM__NATS_ASK,     /* do you have it? */
    EM__NATS_HOLD,    /* yes, and I am to be asked at the reply subject */
    EM__NATS_GONE,    /* no, and nobody else */
    EM__NATS_CANCEL,
    EM__NATS_LETTER, /* a durable job: see letter.c */
    EM__NATS_HANDS,  /* results of such: see hand.c */
    EM__NATS_HAVE    /* I have them: their numbers */
} em__nats_kind;

typedef struct em__nats_frame {
    em__nats_kind kind;
    int status;
    uint32_t number;
    const void *data; /* of the message, or of the caller */
    size_t size;
} em__nats_frame;

/* The longest of what precedes the data. */
enum { EM__NATS_HEAD = 10 };

/* Write what precedes the data; returns its length. */
size_t em__nats_frame_head(const em__nats_frame *frame,
                           unsigned char head[EM__NATS_HEAD]);

/* 0, or -EBADMSG.  The data stays where it is. */
int em__nats_frame_read(const void *bytes, size_t size, em__nats_frame *ret);

/* By em__nats_send, or if it is not bounded by em__nats_answer. */
int em__nats_frame_send(em_nats *nats, const char *subject, const char *reply,
                        const em__nats_frame *frame, bool bounded);

#endif
