/* SPDX-License-Identifier: MIT */
/* Fuzz of what strangers send over NATS, without a server: frames of batons,
 * arguments and errors, tokens of subjects, and JetStream's answers.
 *
 * What was written is read as it was; what was read is written again to the
 * same bytes, so there is one spelling of everything and readers take nothing
 * that no writer makes.  Messages are in blocks of just their size. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <emitter/args.h>

#include "fuzz.h"
#include "nats/durable.h"

enum { MOST = 12, LONGEST = 48, LONGEST_MESSAGE = 600 };

const char fuzz_name[] = "nats";

/* --- bytes of strangers --- */

typedef struct block {
    char *bytes;
    size_t size;
} block;

static block new_block(const void *bytes, size_t size)
{
    block b = { malloc(size ? size : 1), size };

    promise(b.bytes);
    if (size > 0)
        memcpy(b.bytes, bytes, size);
    return b;
}

static bool is_same_as(const em_nats_buffer *buffer, const block *b)
{
    return buffer->used == b->size &&
           (b->size == 0 || memcmp(buffer->bytes, b->bytes, b->size) == 0);
}

/* Good bytes, some of them changed, and maybe cut. */
static block draw_changed(const void *bytes, size_t size)
{
    block b = new_block(bytes, size);
    unsigned changes = draw(4);

    for (; changes > 0 && size > 0; changes--)
        b.bytes[(draw(256) << 8 | draw(256)) % size] = (char)draw(256);
    if (draw(4) == 1)
        b.size = (draw(256) << 8 | draw(256)) % (size + 1);
    bytes = b.bytes;
    if (b.size < size) {
        b = new_block(bytes, b.size);
        free((void *)(uintptr_t)bytes);
    }
    return b;
}

static block draw_block(void)
{
    char bytes[LONGEST];
    size_t size = draw(LONGEST + 1), i;

    for (i = 0; i < size; i++)
        bytes[i] = (char)draw(256);
    return new_block(bytes, size);
}

/* Without a 0; from few letters now and then, which mean more. */
static char *draw_string(char text[LONGEST])
{
    static const char letters[] = "%.*> 019AFaf_-$\x7f";
    bool few = draw(2);
    size_t length = draw(LONGEST), i;

    for (i = 0; i < length; i++)
        text[i] =
            few ? letters[draw(sizeof(letters) - 1)] : (char)(1 + draw(255));
    text[length] = '\0';
    return text;
}

/* --- frames --- */

static void append_frame(em_nats_buffer *buffer, const em__nats_frame *frame)
{
    unsigned char head[EM__NATS_HEAD];
    size_t length = em__nats_frame_head(frame, head);

    promise(length <= sizeof(head));
    promise(em_nats_append(buffer, head, length) == 0);
    promise(em_nats_append(buffer, frame->data, frame->size) == 0);
}

static void read_frame(const block *b)
{
    em_nats_buffer again = { .bytes = NULL };
    em__nats_frame frame;
    int r = em__nats_frame_read(b->bytes, b->size, &frame);

    if (r == 0) {
        append_frame(&again, &frame);
        promise(is_same_as(&again, b));
    } else {
        promise(r == -EBADMSG);
    }
    em__nats_buffer_free(&again);
}

static bool has_data(em__nats_kind kind)
{
    return kind <= EM__NATS_ITEM || kind >= EM__NATS_LETTER;
}

static void try_frame(void)
{
    em_nats_buffer buffer = { .bytes = NULL };
    block data = draw_block(), changed;
    em__nats_frame back, frame = { .kind = 1 + draw(EM__NATS_HAVE),
                                   .status = (int)draw_word(),
                                   .number = (uint32_t)draw_word(),
                                   .data = data.bytes };

    frame.size = has_data(frame.kind) ? data.size : 0;
    append_frame(&buffer, &frame);
    promise(em__nats_frame_read(buffer.bytes, buffer.used, &back) == 0);
    promise(back.kind == frame.kind && back.size == frame.size);
    promise(memcmp(back.data, frame.data, frame.size) == 0);
    promise(frame.kind != EM__NATS_RESULT || back.status == frame.status);
    promise((frame.kind != EM__NATS_RESULT && frame.kind != EM__NATS_ITEM) ||
            back.number == frame.number);
    changed = draw_changed(buffer.bytes, buffer.used);
    read_frame(&changed);
    read_frame(&data);
    free(changed.bytes);
    free(data.bytes);
    em__nats_buffer_free(&buffer);
}

/* --- arguments and errors --- */

static em_arg values[MOST];
static char texts[MOST][LONGEST];

static em_arg draw_value(char text[LONGEST])
{
    uint64_t bits;
    em_arg value;

    switch (draw(8)) {
    case 1:
        return em_bool(draw(2));
    case 2:
        return em_int((int64_t)(draw_word() >> draw(64)));
    case 3:
        bits = draw_word();
        value.type = EM_TYPE_DOUBLE;
        memcpy(&value.as.number, &bits, sizeof(bits));
        return value;
    case 4:
    case 5:
        return em_string(draw_string(text));
    case 6:
        return em_int(-(int64_t)(draw_word() >> draw(64) >> 1));
    default:
        return em_null();
    }
}

/* Doubles by their bits: a NaN is itself, and 0 is not -0. */
static bool is_same(const em_arg *a, const em_arg *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case EM_TYPE_NULL:
        return true;
    case EM_TYPE_BOOL:
        return a->as.boolean == b->as.boolean;
    case EM_TYPE_STRING:
        return strcmp(a->as.string, b->as.string) == 0;
    default:
        return memcmp(&a->as, &b->as, sizeof(int64_t)) == 0;
    }
}

/* What a codec takes is an argument that it makes the same bytes of. */
static void read_argument(const em_nats_codec *codec, const block *b)
{
    em_nats_bytes bytes = { b->bytes, b->size, "subject" };
    em_nats_buffer again = { .bytes = NULL };
    void *made = NULL;
    int r = codec->decode(&bytes, "event", &made);

    if (r == 0) {
        promise(codec->encode(&again, "event", made) == 0);
        promise(is_same_as(&again, b));
        codec->free_arg(made);
    } else {
        promise(r == -EBADMSG && !made);
    }
    em__nats_buffer_free(&again);
}

static void try_arguments(void)
{
    const em_nats_codec *codec = em_nats_codec_args();
    em_nats_buffer buffer = { .bytes = NULL };
    em_args args = { draw(MOST + 1), values }, *back;
    em_nats_bytes bytes = { .subject = "subject" };
    block changed;
    void *made;
    size_t i;

    for (i = 0; i < args.count; i++)
        values[i] = draw_value(texts[i]);
    promise(codec->encode(&buffer, "event", &args) == 0);
    bytes.data = buffer.bytes;
    bytes.size = buffer.used;
    promise(codec->decode(&bytes, "event", &made) == 0);
    back = made;
    promise(back->count == args.count);
    for (i = 0; i < args.count; i++)
        promise(is_same(&back->values[i], &values[i]));
    codec->free_arg(made);
    changed = draw_changed(buffer.bytes, buffer.used);
    read_argument(codec, &changed);
    read_argument(&em__nats_codec_error, &changed);
    free(changed.bytes);
    em__nats_buffer_free(&buffer);
}

static bool is_same_string(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void try_error(void)
{
    const em_nats_codec *codec = &em__nats_codec_error;
    em_nats_buffer buffer = { .bytes = NULL };
    em_error *back, error = { (int)draw_word(), draw_string(texts[0]),
                              draw(2) ? draw_string(texts[1]) : NULL };
    em_nats_bytes bytes = { .subject = "subject" };
    block changed;
    void *made;

    promise(codec->encode(&buffer, "error", &error) == 0);
    bytes.data = buffer.bytes;
    bytes.size = buffer.used;
    promise(codec->decode(&bytes, "error", &made) == 0);
    back = made;
    promise(back->code == error.code);
    promise(is_same_string(back->message, error.message));
    promise(is_same_string(back->origin, error.origin));
    codec->free_arg(made);
    changed = draw_changed(buffer.bytes, buffer.used);
    read_argument(codec, &changed);
    free(changed.bytes);
    em__nats_buffer_free(&buffer);
}

static void try_stranger(void)
{
    block b = draw_block();

    if (b.size > 0 && draw(2))
        b.bytes[0] = 1; /* the version, which is not to be guessed each time */
    read_frame(&b);
    read_argument(em_nats_codec_args(), &b);
    read_argument(&em__nats_codec_error, &b);
    free(b.bytes);
}

/* --- tokens --- */

static void name_token(em_nats_buffer *token, const char *name)
{
    promise(em__nats_append_token(token, name) == 0);
    promise(em_nats_append(token, "", 1) == 0);
}

static void try_token(void)
{
    em_nats_buffer token = { .bytes = NULL }, again = { .bytes = NULL };
    char text[LONGEST], name[4 * LONGEST];

    name_token(&token, draw_string(text));
    promise(em__nats_is_subject(token.bytes, false));
    promise(!strchr(token.bytes, '.'));
    promise(em__nats_read_token(token.bytes, name) == 0);
    promise(strcmp(name, text) == 0);
    if (em__nats_read_token(draw_string(text), name) == 0) {
        name_token(&again, name);
        promise(strcmp(again.bytes, text) == 0);
    }
    em__nats_buffer_free(&again);
    em__nats_buffer_free(&token);
}

/* Of what is a subject each token is one, and none is a wildcard. */
static void try_subject(void)
{
    char text[LONGEST], *token, *end;

    if (!em__nats_is_subject(draw_string(text), false))
        return;
    promise(em__nats_is_subject(text, true));
    for (token = text; token; token = end ? end + 1 : NULL) {
        end = strchr(token, '.');
        if (end)
            *end = '\0';
        promise(*token && strcmp(token, "*") != 0 && strcmp(token, ">") != 0);
        promise(!strpbrk(token, " \t\r\n"));
    }
}

/* --- JetStream: acknowledgements --- */

/* In any of the three forms that there are: 9, 11 or 12 tokens. */
static void print_ack(char *ack, size_t size, unsigned times, uint64_t sequence)
{
    unsigned form = draw(3);

    (void)snprintf(ack, size, "$JS.ACK.%sWORK.consumer.%u.%llu.%u.%llu.%u%s",
                   form ? "domain.hash." : "", times,
                   (unsigned long long)sequence, draw(256),
                   (unsigned long long)draw_word(), draw(256),
                   form == 2 ? ".random" : "");
}

static size_t count_tokens(const char *subject)
{
    size_t count = 1;

    for (; *subject; subject++)
        count += *subject == '.';
    return count;
}

static void try_ack(void)
{
    char ack[256], number[40];
    unsigned times = 1 + (unsigned)(draw_word() >> 40), got_times = 0;
    uint64_t sequence = draw_word() >> draw(64), got = 0;
    block changed;

    sequence += sequence == 0;
    print_ack(ack, sizeof(ack), times, sequence);
    promise(em__js_read_ack(ack, &got_times, &got));
    promise(got_times == times && got == sequence);
    changed = draw_changed(ack, strlen(ack) + 1);
    if (changed.size > 0)
        changed.bytes[changed.size - 1] = '\0';
    if (changed.size > 0 && em__js_read_ack(changed.bytes, &got_times, &got)) {
        promise(got_times > 0 && got > 0);
        promise(count_tokens(changed.bytes) >= 9);
        (void)snprintf(number, sizeof(number), ".%u.%llu.", got_times,
                       (unsigned long long)got);
        promise(strstr(changed.bytes, number));
    }
    free(changed.bytes);
    promise(!em__js_read_ack(NULL, &got_times, &got));
}

/* --- letters --- */

/* What is read is written again to the same bytes, but a RUN, which is short
 * for a letter without strings. */
static void read_letter(const block *b)
{
    em_nats_buffer again = { .bytes = NULL };
    em__nats_letter letter;
    int r = em__nats_letter_read(b->bytes, b->size, &letter);

    promise(r == 0 || r == -EBADMSG);
    if (r == 0) {
        promise(!*letter.id || em__nats_is_id(letter.id));
        promise(em__nats_letter_append(&again, &letter) == 0);
        promise(is_same_as(&again, b) || b->bytes[1] == EM__NATS_RUN);
    }
    em__nats_buffer_free(&again);
}

static void try_letter(void)
{
    em_nats_buffer buffer = { .bytes = NULL };
    char result[LONGEST], hand[LONGEST], id[LONGEST];
    block data = draw_block(), changed;
    em__nats_letter back, letter = { draw_string(result), draw_string(hand),
                                     draw_string(id), data.bytes, data.size };
    bool good = !*id || em__nats_is_id(id);

    promise(em__nats_letter_append(&buffer, &letter) == 0);
    if (em__nats_letter_read(buffer.bytes, buffer.used, &back) == 0) {
        promise(good && strcmp(back.result, result) == 0);
        promise(strcmp(back.hand, hand) == 0 && strcmp(back.id, id) == 0);
        promise(back.size == data.size &&
                memcmp(back.data, data.bytes, data.size) == 0);
    } else {
        promise(!good);
    }
    changed = draw_changed(buffer.bytes, buffer.used);
    read_letter(&changed);
    free(changed.bytes);
    free(data.bytes);
    em__nats_buffer_free(&buffer);
}

/* --- hands --- */

/* As many as are whole; the bytes of each are the message's. */
static void read_hands(const block *b)
{
    em_nats_bytes rest = { b->bytes, b->size, NULL };
    em_nats_buffer again = { .bytes = NULL };
    em__nats_hand hand;

    while (em__nats_hand_take(&rest, &hand))
        promise(em__nats_hand_append(&again, &hand) == 0);
    promise(again.used + rest.size == b->size);
    promise(again.used == 0 || memcmp(again.bytes, b->bytes, again.used) == 0);
    em__nats_buffer_free(&again);
}

static void try_hands(void)
{
    em_nats_buffer buffer = { .bytes = NULL };
    unsigned count = draw(4), i;
    block data = draw_block(), changed;
    em__nats_hand hand = { draw_word(), draw_word(), data.bytes, data.size };
    em__nats_hand back;
    em_nats_bytes rest;

    for (i = 0; i < count; i++)
        promise(em__nats_hand_append(&buffer, &hand) == 0);
    rest = (em_nats_bytes){ buffer.bytes, buffer.used, NULL };
    for (i = 0; i < count; i++) {
        promise(em__nats_hand_take(&rest, &back));
        promise(back.call == hand.call && back.delivery == hand.delivery);
        promise(back.size == data.size &&
                memcmp(back.result, data.bytes, data.size) == 0);
    }
    promise(!em__nats_hand_take(&rest, &back));
    changed = draw_changed(buffer.bytes, buffer.used);
    read_hands(&changed);
    read_hands(&data);
    free(changed.bytes);
    free(data.bytes);
    em__nats_buffer_free(&buffer);
}

/* --- JetStream: answers --- */

static natsMsg *new_message(const void *bytes, size_t size)
{
    natsMsg *message;

    promise(natsMsg_Create(&message, "subject", NULL, bytes, (int)size) ==
            NATS_OK);
    return message;
}

static em__js_answer read_answer(const void *bytes, size_t size)
{
    natsMsg *message = new_message(bytes, size);
    em__js_answer answer;

    em__js_read_answer(message, &answer);
    (void)em__js_number(message, "error", "err_code");
    natsMsg_Destroy(message);
    promise(answer.error <= 0);
    promise(memchr(answer.what, 0, sizeof(answer.what)));
    promise(answer.error < 0 || (answer.code == 0 && !*answer.what));
    promise(answer.error == 0 || !answer.duplicate);
    return answer;
}

static const char *draw_space(void)
{
    static const char *const spaces[] = { "", "", " ", "\t", "\r\n", "  " };

    return spaces[draw(6)];
}

/* Members that are none of ours, with what could be taken for ours within. */
static const char *draw_others(void)
{
    static const char *const others[] = {
        "",
        "",
        "\"seq\":12,",
        "\"x\":{\"error\":{\"err_code\":1},\"duplicate\":true},",
        "\"x\" : [ {\"error\":[]}, \"}\", {} ] ,",
        "\"x\":\"\\\",\\\"error\\\":{}\",",
        "\"errors\":\"\\\\\",",
        "\"erro\":null,",
    };

    return others[draw(8)];
}

static void try_good(void)
{
    char text[LONGEST_MESSAGE];
    em__js_answer answer;
    bool duplicate = draw(2);
    int size = snprintf(
        text, sizeof(text),
        "%s{%s%s%s\"stream\"%s:%s\"WORK\"%s,%s"
        "\"duplicate\"%s:%s%s%s}%s",
        draw_space(), draw_others(), draw_others(), draw_space(), draw_space(),
        draw_space(), draw_space(), draw_others(), draw_space(), draw_space(),
        duplicate ? "true" : "false", draw_space(), draw_space());
    block changed;

    answer = read_answer(text, (size_t)size);
    promise(answer.error == 0 && answer.duplicate == duplicate);
    changed = draw_changed(text, (size_t)size);
    (void)read_answer(changed.bytes, changed.size);
    free(changed.bytes);
}

static void try_refusal(void)
{
    char text[LONGEST_MESSAGE];
    em__js_answer answer;
    unsigned code = draw(2) ? 10000 + draw(100) : (unsigned)draw_word() >> 8;
    const char *what = draw(2) ? "no suitable peers" : "";
    int size = snprintf(text, sizeof(text),
                        "{%s\"type\":\"x\",%s\"error\"%s:%s{%s\"err_code\"%s:"
                        "%s%u%s,%s\"description\"%s:%s\"%s\"%s}%s}",
                        draw_others(), draw_space(), draw_space(), draw_space(),
                        draw_others(), draw_space(), draw_space(), code,
                        draw_space(), draw_others(), draw_space(), draw_space(),
                        what, draw_space(), draw_space());
    block changed;

    answer = read_answer(text, (size_t)size);
    promise(answer.error < 0 && answer.code == code);
    promise(strcmp(answer.what, what) == 0);
    changed = draw_changed(text, (size_t)size);
    (void)read_answer(changed.bytes, changed.size);
    free(changed.bytes);
}

static void try_status(void)
{
    static const char *const words[] = { "503", "404", "408", "", "x", "-1" };
    const char *word = words[draw(6)];
    block b = draw_block();
    natsMsg *message = new_message(b.bytes, b.size);
    int status;

    promise(natsMsgHeader_Set(message, "Status", word) == NATS_OK);
    status = em__js_status(message);
    promise(status == (b.size == 0 && *word >= '0' ? atoi(word) : 0));
    natsMsg_Destroy(message);
    (void)read_answer(b.bytes, b.size);
    free(b.bytes);
}

/* Messages of libnats go by a collector of its own, which is to be there. */
static void end_libnats(void)
{
    (void)nats_CloseAndWait(0);
}

static void open_libnats(void)
{
    static bool open;

    if (!open) {
        promise(nats_Open(-1) == NATS_OK);
        promise(atexit(end_libnats) == 0);
    }
    open = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static void (*const attempts[])(
        void) = { try_frame,   try_arguments, try_error,  try_stranger,
                  try_token,   try_subject,   try_ack,    try_good,
                  try_refusal, try_status,    try_letter, try_hands };

    open_libnats();
    fuzz_begin(bytes, size);
    while (!drawn_out())
        attempts[draw(sizeof(attempts) / sizeof(attempts[0]))]();
    fuzz_end();
    return 0;
}
