/* SPDX-License-Identifier: MIT */
/* Fuzz of a channel whose other end is hostile: heads with any field, bytes
 * that are none, descriptors nobody asked for, ends in the middle, and sends of
 * our own at any time, with memory that runs out.
 *
 * What the peer sends is also told to a model: as long as it keeps to the rules
 * each frame comes whole, in order and with its own descriptor; after the first
 * breach nothing of what came before it is lost, and the rest may be anything
 * that is within the limit.  In the end no descriptor and no memory is left. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <emitter/loop.h>

#include "fuzz.h"
#include "worker/channel.h"
#include "worker/inbox.h"
#include "worker/wire.h"

enum {
    LIMIT = 8 * 1024 * 1024, /* which only lies announce */
    LONGEST = 150000,        /* of what is sent */
    SLACK = 512 * 1024,
    FDS = EM__FRAME_BATCH + 8, /* more than a batch may have */
    FRAMES = 64,               /* that wait to be received */
    NUMBERS = 512              /* of descriptors, that are looked at */
};

const char fuzz_name[] = "channel";

/* A frame that was sent by the rules. */
typedef struct promised {
    em__frame_type type;
    size_t size;
    uint8_t first; /* the data counts up from it */
    int kind;      /* of its descriptor, an index of sources; -1: none */
} promised;

static struct {
    promised frames[FRAMES];
    unsigned first, count;
    bool honest; /* no breach so far */
} model;

static struct {
    em__channel *channel; /* NULL: closed by us */
    bool ended;           /* closed was called */
    bool forgetful;       /* memory ran out at least once */
    int error;
} ours;

static em_loop *loop;
static int peer;       /* its end; -1: closed */
static int sources[2]; /* what descriptors are duplicates of */
static size_t sent;    /* bytes, by both */
static uint8_t data[LONGEST + 4 * EM__FRAME_HEAD];

/* --- our end --- */

static bool is_source(int fd, int kind)
{
    struct stat one, two;

    return fstat(fd, &one) == 0 && fstat(sources[kind], &two) == 0 &&
           one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static void compare(const promised *it, const em__frame *frame)
{
    const uint8_t *at = frame->data;
    size_t i;

    promise(frame->type == it->type && frame->size == it->size);
    for (i = 0; i < frame->size; i++)
        promise(at[i] == (uint8_t)(it->first + i));
    promise((frame->fd >= 0) == (it->kind >= 0));
    promise(frame->fd < 0 || is_source(frame->fd, it->kind));
}

static promised *next_promised(void)
{
    promised *it = &model.frames[model.first];

    promise(model.count > 0);
    model.first = (model.first + 1) % FRAMES;
    model.count--;
    return it;
}

static void close_ours(void)
{
    em__channel *channel = ours.channel;

    ours.channel = NULL;
    em__channel_close(channel);
}

static void receive(em__channel *channel, em__frame *frame, void *unused)
{
    (void)unused;
    promise(channel == ours.channel && !ours.ended);
    promise(frame->type > EM__FRAME_VOID && frame->type < EM__FRAME_TYPES);
    promise(frame->size <= LIMIT);
    promise((uintptr_t)frame->data % EM__FRAME_HEAD == 0);
    if (model.count > 0)
        compare(next_promised(), frame);
    else
        promise(!model.honest);
    switch (draw(16)) {
    case 1:
        close_ours();
        break;
    case 2:
        (void)close(frame->fd); /* kept, and done with */
        frame->fd = -1;
        break;
    default:
        break;
    }
}

static void drained(em__channel *channel, void *unused)
{
    (void)unused;
    promise(channel == ours.channel && !ours.ended);
}

/* Of what it promised, if memory ran out or a descriptor is gone. */
static void lost(em__channel *channel, int error, void *unused)
{
    (void)unused;
    promise(channel == ours.channel && !ours.ended);
    if (error == -ENOMEM) {
        promise(ours.forgetful);
        if (model.count > 0)
            (void)next_promised();
    } else {
        promise(!model.honest);
    }
}

static void closed(em__channel *channel, int error, void *unused)
{
    (void)unused;
    promise(channel == ours.channel && !ours.ended);
    ours.ended = true;
    ours.error = error;
    if (draw(4) == 1)
        close_ours();
}

static const em__channel_calls calls = { receive, drained, lost, closed };

static bool is_over(void)
{
    return !ours.channel || ours.ended;
}

/* Announcing a size costs nothing: no block is much longer than four times
 * what was sent. */
static void turn(void)
{
    (void)em_loop_run(loop, EM_RUN_NOWAIT);
    promise(fuzz_longest_block() <= 4 * sent + SLACK);
}

/* --- the peer --- */

union control {
    char bytes[CMSG_SPACE(sizeof(int) * FDS)];
    struct cmsghdr align;
};

static void enclose(struct msghdr *message, union control *control,
                    const int *kinds, unsigned count)
{
    int fds[FDS];
    unsigned i;

    for (i = 0; i < count; i++)
        fds[i] = sources[kinds[i]];
    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(count * sizeof(int));
    CMSG_FIRSTHDR(message)->cmsg_level = SOL_SOCKET;
    CMSG_FIRSTHDR(message)->cmsg_type = SCM_RIGHTS;
    CMSG_FIRSTHDR(message)->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(message)), fds, count * sizeof(int));
}

/* All of it, descriptors with the first byte, unless our end goes meanwhile. */
static void put(const uint8_t *bytes, size_t size, const int *kinds,
                unsigned count)
{
    struct iovec part = { (void *)bytes, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    union control control;
    ssize_t n;

    if (count > 0)
        enclose(&message, &control, kinds, count);
    while (part.iov_len > 0) {
        n = sendmsg(peer, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && is_over())
            return;
        if (n < 0) {
            promise(errno == EAGAIN);
            turn();
            continue;
        }
        sent += (size_t)n;
        part.iov_base = (uint8_t *)part.iov_base + n;
        part.iov_len -= (size_t)n;
        message.msg_controllen = 0;
        message.msg_control = NULL;
    }
}

static size_t draw_size(void)
{
    switch (draw(16)) {
    case 1:
        return LONGEST;
    case 2:
        return EM__INBOX_BUFFER - 2 * EM__FRAME_HEAD + draw(3 * EM__FRAME_HEAD);
    case 3:
        return (size_t)draw(256) * 512;
    default:
        return draw(200);
    }
}

/* A frame at data; returns how many bytes. */
static size_t write_frame(const em__head *head, uint8_t first)
{
    size_t i;

    memset(data, 0, em__frame_span(head->size));
    em__frame_write_head(data, head);
    for (i = 0; i < head->size; i++)
        data[EM__FRAME_HEAD + i] = (uint8_t)(first + i);
    return em__frame_span(head->size);
}

static void expect(const em__head *head, uint8_t first, int kind)
{
    unsigned last = (model.first + model.count) % FRAMES;

    if (head->type == EM__FRAME_VOID)
        return;
    model.frames[last] = (promised){ head->type, head->size, first, kind };
    model.count++;
}

/* By the rules: a batch of up to five frames, each with a descriptor, or one
 * without.  What is not delivered yet has to be told from what is. */
static void send_batch(void)
{
    em__head head = { .count = draw(6) };
    unsigned i, frames = head.count ? head.count : 1;
    int kinds[8];

    for (i = 0; i < frames; i++)
        kinds[i] = (int)draw(2);
    for (i = 0; i < frames && !is_over(); i++) {
        while (model.count == FRAMES && !is_over())
            turn();
        head.type = (em__frame_type)draw(EM__FRAME_TYPES);
        head.size = draw_size();
        head.index = head.count ? i : 0;
        /* Told first: it may be received before the last byte went. */
        if (model.honest && model.count < FRAMES)
            expect(&head, (uint8_t)i, head.count ? kinds[i] : -1);
        put(data, write_frame(&head, (uint8_t)i), kinds,
            i == 0 ? head.count : 0);
    }
}

static size_t draw_lie(void)
{
    switch (draw(8)) {
    case 1:
        return (size_t)draw_word();
    case 2:
        return LIMIT - draw(4);
    case 3:
        return LIMIT + draw(4);
    default:
        return draw(300);
    }
}

/* Heads and bytes that may mean anything, with any descriptors. */
static void send_lie(void)
{
    em__head head = { .type = (em__frame_type)draw(EM__FRAME_TYPES + 1),
                      .size = draw_lie(),
                      .index = draw(8),
                      .count = draw(8) };
    unsigned fds = draw(4) == 1 ? draw(FDS + 1) : draw(4), i;
    size_t size = draw(64);
    int kinds[FDS];

    model.honest = false;
    memset(data, 0, sizeof(data));
    em__frame_write_head(data, &head);
    for (i = 0; i < FDS; i++)
        kinds[i] = (int)(i % 2);
    if (draw(4) == 1) /* no head at all */
        for (i = 0; i < size; i++)
            data[i] = (uint8_t)draw(256);
    else if (draw(4) == 1)
        data[draw(EM__FRAME_HEAD)] = (uint8_t)draw(256);
    if (draw(4) == 1)
        size += (size_t)draw(256) * 512;
    put(data, size, kinds, fds);
}

/* --- the rest --- */

static void send_ours(void)
{
    int fd = draw(2) ? fcntl(sources[0], F_DUPFD_CLOEXEC, 3) : -1;
    size_t size = draw_size();
    int r = em__channel_send(ours.channel, (em__frame_type)draw(10), data, size,
                             fd);

    sent += size;
    if (r < 0 && fd >= 0)
        (void)close(fd);
    promise(r == 0 || r == -EAGAIN || r == -EPIPE || r == -EINVAL ||
            (r == -ENOMEM && ours.forgetful));
}

/* What came is of no interest, its descriptors go with the buffer. */
static void take(void)
{
    static uint8_t sink[EM__INBOX_BUFFER];

    (void)recv(peer, sink, sizeof(sink), MSG_DONTWAIT);
}

static void close_peer(void)
{
    if (peer >= 0)
        (void)close(peer);
    peer = -1;
}

static void act(void)
{
    switch (draw(16)) {
    case 1:
        send_lie();
        break;
    case 2:
    case 3:
        turn();
        break;
    case 4:
        send_ours();
        break;
    case 5:
        take();
        break;
    case 6:
        (void)fuzz_fail_allocation(1 + draw(6));
        ours.forgetful = true;
        break;
    case 7:
        if (draw(16) == 1)
            close_peer();
        if (peer < 0 && draw(2))
            em__channel_drain(ours.channel);
        break;
    default:
        send_batch();
        break;
    }
}

static int count_open(void)
{
    static struct pollfd all[NUMBERS];
    int i, count = 0;

    for (i = 0; i < NUMBERS; i++)
        all[i] = (struct pollfd){ .fd = i };
    promise(poll(all, NUMBERS, 0) >= 0);
    for (i = 0; i < NUMBERS; i++)
        count += (all[i].revents & POLLNVAL) == 0;
    return count;
}

static void open_all(void)
{
    int ends[2];

    memset(&model, 0, sizeof(model));
    memset(&ours, 0, sizeof(ours));
    model.honest = true;
    sent = 0;
    promise(em_loop_new(NULL, &loop) == 0);
    promise(em__wire_pair(ends) == 0);
    promise(em__channel_open(loop, ends[0], LIMIT, &calls, NULL,
                             &ours.channel) == 0);
    peer = ends[1];
}

/* The peer ends between two frames: all that it promised comes. */
static void finish(void)
{
    int turns = 0;

    (void)fuzz_fail_allocation(0);
    close_peer();
    while (!is_over()) {
        turn();
        promise(turns++ < 1000000);
    }
    promise(!ours.channel || !model.honest || model.count == 0);
    promise(!ours.channel || !model.honest || ours.error == 0 ||
            ours.error == -ECONNRESET);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int before;

    fuzz_begin(bytes, size);
    if (sources[0] == 0)
        promise(pipe(sources) == 0);
    before = count_open();
    open_all();
    while (!drawn_out() && !is_over() && peer >= 0)
        act();
    finish();
    close_ours();
    em_loop_free(loop);
    fuzz_end();
    promise(count_open() == before);
    return 0;
}
