/* SPDX-License-Identifier: MIT */
/* JetStream: the words of its protocol that durable jobs speak. */

#ifndef NATS_JETSTREAM_H
#define NATS_JETSTREAM_H

#include "nats/frame.h"

/* Any string, spelled so that it may be the name of a consumer. */
int em__js_append_name(em_nats_buffer *buffer, const char *string);

/* Into memory of its own; NULL if there is none. */
char *em__js_print(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Room for a subject that is an inbox, a word or two, and a number. */
enum { EM__JS_INBOX = 96 };

/* A subject for answers that is nobody else's; as em__js_print. */
char *em__js_new_inbox(void);

/* Ask JetStream; takes subject and body, of which, as of reply, any may be NULL
 * for want of memory.  What is lost is to be asked for again. */
void em__js_ask(em_nats *nats, char *subject, const char *reply, char *body);

/* A message of a frame.  0 or -ENOMEM. */
int em__js_new_message(em_nats *nats, const em__nats_frame *frame,
                       const char *subject, const char *reply, natsMsg **ret);

/* JetStream counts nanoseconds. */
#define EM__JS_MS 1000000ULL

enum {
    EM__JS_NO_MESSAGE = 10037, /* in the stream, by that number */
    EM__JS_OTHER_CONFIGURATION = 10058,
    EM__JS_OVERLAP = 10065 /* subjects overlap with an existing stream */
};

/* Of the API, and of a publish. */
typedef struct em__js_answer {
    int error;         /* 0, or a negative errno */
    uint64_t code;     /* JetStream's own */
    uint64_t sequence; /* of what was published, or 0 */
    bool duplicate;
    char what[128];
} em__js_answer;

void em__js_read_answer(natsMsg *message, em__js_answer *ret);

/* A number of the answer's, or of an object in it; 0 if there is none. */
uint64_t em__js_number(natsMsg *message, const char *object, const char *name);

/* The last token of a subject, as a number. */
uint64_t em__js_last_number(const char *subject);

/* NULL if there is none; the message's. */
const char *em__js_header(natsMsg *message, const char *name);

/* Of a message by a server itself, such as 404, 408, 409 or 503; else 0. */
int em__js_status(natsMsg *message);

/* How many times a message was delivered that is to be acknowledged there, and
 * its number in its stream; false if that is no such subject. */
bool em__js_read_ack(const char *ack, unsigned *times, uint64_t *sequence);

#endif
