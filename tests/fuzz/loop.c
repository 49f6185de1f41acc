/* SPDX-License-Identifier: MIT */
/* Fuzz of the loop and its batons: timers, posts, defers, notifies, batons with
 * keys and priorities, and groups, added and withdrawn in random order from
 * inside each other's callbacks, under a virtual clock.
 *
 * Each thing is one item that tells what it is still owed; in the end, also if
 * the loop is freed in the middle of all that, nothing is owed to any. */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <emitter.h>

#include "fuzz.h"

enum { ITEMS = 200, KEYS = 3, DEEPEST = 3 };

enum kind { TIMER, POST, DEFER, NOTIFY, BATON, GROUP };

struct item {
    enum kind kind;
    em_source *source; /* NULL: gone */
    em_baton *baton;
    em_group *group; /* NULL: closed or done */
    uint64_t due, every;
    uint64_t serial;
    int result, key;
    unsigned sends, to_feed;
    int cancel; /* what the first cancel answered; 1: none was asked */
    bool done, wanted, in_group;
    int freed;
    atomic_int ran;
    atomic_uint sent;
    unsigned received;
};

const char fuzz_name[] = "loop";

static struct item items[ITEMS];
static int item_count, depth;
static em_loop *loop;
static em_pool *pool;
static uint64_t last_post, last_defer, serial;
static _Atomic uint64_t last_of_key[KEYS];
static atomic_int at_key[KEYS];
static const char keys[KEYS];

static void some_operations(void);

static struct item *new_item(enum kind kind)
{
    struct item *item = &items[item_count];

    if (item_count == ITEMS)
        return NULL;
    memset(item, 0, sizeof(*item));
    item->kind = kind;
    item->cancel = 1;
    return item;
}

/* Count it if the call succeeded. */
static bool accepted(struct item *item, int r)
{
    (void)fuzz_fail_allocation(0);
    promise(r == 0 || r == -ENOMEM);
    if (r == 0)
        item_count++;
    else
        promise(item->freed == 0);
    return r == 0;
}

static void be_freed(void *data)
{
    struct item *item = data;

    promise(item->freed == 0);
    item->freed++;
}

/* --- timers --- */

static void fire(em_source *source, void *data)
{
    struct item *item = data;

    promise(item->kind == TIMER && item->source == source && !item->freed);
    promise(item->due == em_loop_now(loop));
    item->due = item->every ? item->due + item->every : UINT64_MAX;
    some_operations();
    if (item->source && drawn_out()) {
        item->source = NULL;
        em_source_remove(source);
    }
}

static void set_due(struct item *item, uint64_t after, uint64_t every)
{
    item->every = every == UINT64_MAX ? 0 : every;
    item->due = after == UINT64_MAX ? after : em_loop_now(loop) + after;
}

static uint64_t draw_ms(void)
{
    static const uint64_t odd[] = { 0,          1,         63,      64,
                                    4095,       4096,      1 << 18, 1 << 24,
                                    1ull << 32, UINT64_MAX };
    unsigned n = draw(32);

    return n < 10 ? odd[n] : n;
}

static void add_timer(void)
{
    struct item *item = new_item(TIMER);
    uint64_t after = draw_ms(), every = draw(2) ? draw_ms() : 0;

    if (!item)
        return;
    set_due(item, after, every);
    if (!accepted(item, em_loop_add_timer(loop, after, every, fire, item,
                                          &item->source)))
        return;
    em_source_set_free(item->source, be_freed);
    item->wanted = true;
}

/* --- notifies --- */

static void be_notified(em_source *source, void *data)
{
    struct item *item = data;

    promise(item->kind == NOTIFY && item->source == source && !item->freed);
    promise(item->serial > 0);
    item->serial = 0;
    some_operations();
}

static void add_notify(void)
{
    struct item *item = new_item(NOTIFY);

    if (!item || !accepted(item, em_loop_add_notify(loop, be_notified, item,
                                                    &item->source)))
        return;
    em_source_unref(item->source);
    em_source_set_free(item->source, be_freed);
    item->wanted = true;
}

static void touch(struct item *item)
{
    uint64_t after, every;

    if (item->kind == NOTIFY) {
        promise(em_source_notify(item->source) == 0);
        item->serial = 1;
        return;
    }
    after = draw_ms();
    every = draw_ms();
    promise(em_source_set_timer(item->source, after, every) == 0);
    set_due(item, after, every);
}

static void change_source(void)
{
    struct item *item;
    em_source *source;

    if (item_count == 0)
        return;
    item = &items[draw((unsigned)item_count)];
    source = item->source;
    if (!source)
        return;
    if (draw(3) > 0) {
        touch(item);
        return;
    }
    item->source = NULL;
    em_source_remove(source);
}

/* --- posts and defers --- */

static void be_posted(em_loop *on, void *data)
{
    struct item *item = data;

    promise(on == loop && !item->done);
    promise(item->serial > last_post);
    last_post = item->serial;
    item->done = true;
    some_operations();
}

static void be_deferred(em_loop *on, void *data)
{
    struct item *item = data;

    promise(on == loop && !item->done);
    promise(item->serial > last_defer);
    last_defer = item->serial;
    item->done = true;
    some_operations();
}

static void add_task(bool post)
{
    struct item *item = new_item(post ? POST : DEFER);

    if (!item)
        return;
    item->serial = ++serial;
    (void)accepted(item, post ? em_loop_post(loop, be_posted, item)
                              : em_loop_defer(loop, be_deferred, item));
}

/* --- batons --- */

static int work(em_baton *baton, void *data)
{
    struct item *item = data;
    unsigned i;

    promise(atomic_fetch_add(&item->ran, 1) == 0);
    if (item->key >= 0) {
        promise(atomic_fetch_add(&at_key[item->key], 1) == 0);
        promise(item->in_group || /* which submits when it has room */
                atomic_exchange(&last_of_key[item->key], item->serial) <
                    item->serial);
    }
    for (i = 0; i < item->sends; i++) {
        if (em_baton_progress(baton, item, NULL) == 0)
            atomic_fetch_add(&item->sent, 1);
    }
    if (item->key >= 0)
        atomic_fetch_sub(&at_key[item->key], 1);
    return item->result;
}

static void receive(em_baton *baton, void *sent, void *data)
{
    struct item *item = data;

    (void)baton;
    promise(sent == item && !item->done);
    item->received++;
    some_operations();
}

static void after(em_baton *baton, int status, void *data)
{
    struct item *item = data;

    promise(!item->done && !item->freed);
    promise(!item->baton || item->baton == baton);
    promise(item->received == atomic_load(&item->sent));
    item->done = true;
    if (atomic_load(&item->ran))
        promise(status == item->result);
    else
        promise(status == -ECANCELED || status == -ESHUTDOWN ||
                (item->in_group && (status == -EAGAIN || status == -ENOMEM)));
    promise(item->cancel != 0 || !atomic_load(&item->ran));
    promise(item->cancel != -EBUSY || atomic_load(&item->ran));
    some_operations();
}

static void fill_in(em_baton_options *options, struct item *item)
{
    static const int results[] = { 0, 7, -EIO };

    item->result = results[draw(3)];
    item->sends = draw(4) == 1 ? draw(12) : 0;
    item->key = (int)draw(KEYS + 3) - 3;
    item->serial = ++serial;
    item->wanted = true;
    *options = (em_baton_options){
        .size = sizeof(*options),
        .work = work,
        .after = after,
        .progress = receive,
        .data = item,
        .free_data = be_freed,
        .pool = draw(2) ? pool : NULL,
        .priority = (int)draw(9) - 4,
        .key = item->key < 0 ? NULL : &keys[item->key],
        .progress_limit = draw(4),
        .unref = draw(8) == 1,
    };
    if (item->key >= 0) /* an order across pools is not promised */
        options->pool = pool;
}

static void start_baton(void)
{
    struct item *item = new_item(BATON);
    em_baton_options options;
    int r;

    if (!item)
        return;
    fill_in(&options, item);
    r = em_baton_start(loop, &options, &item->baton);
    if (r == -EAGAIN && options.pool == pool)
        return;
    (void)accepted(item, r);
}

static void cancel_baton(void)
{
    struct item *item;
    int r;

    if (item_count == 0)
        return;
    item = &items[draw((unsigned)item_count)];
    if (item->kind != BATON || !item->baton)
        return;
    r = em_baton_cancel(item->baton);
    promise(r == 0 || r == -EBUSY || r == -EALREADY);
    promise(r != 0 || (item->cancel == 1 && !atomic_load(&item->ran)));
    promise(!item->done || r == -EALREADY);
    if (item->cancel == 1)
        item->cancel = r;
}

/* --- groups --- */

static int feed(em_group *group, em_baton_options *next, void *data)
{
    struct item *item = data, *member = new_item(BATON);

    promise(!item->group || item->group == group);
    if (item->to_feed == 0 || !member)
        return 0;
    item->to_feed--;
    item_count++;
    fill_in(next, member);
    member->in_group = true;
    return 1;
}

static void be_done(em_group *group, int status, void *data)
{
    struct item *item = data;

    promise(!item->done && (!item->group || item->group == group));
    promise(status <= 0);
    item->done = true;
    item->group = NULL;
    some_operations();
}

static void start_group(void)
{
    struct item *item = new_item(GROUP);
    bool fed = draw(2);
    em_group_options options = {
        .size = sizeof(options),
        .limit = draw(4),
        .next = fed ? feed : NULL,
        .done = be_done,
        .data = item,
        .free_data = be_freed,
        .stop_on_error = draw(2),
    };

    if (!item)
        return;
    item->to_feed = draw(10);
    item->wanted = true;
    (void)accepted(item, em_group_new(loop, &options, &item->group));
}

static void add_to_group(em_group *group)
{
    struct item *item = new_item(BATON);
    em_baton_options options;
    int r;

    if (!item)
        return;
    fill_in(&options, item);
    item->in_group = true;
    r = em_group_add(group, &options);
    (void)fuzz_fail_allocation(0);
    if (r == 0)
        item_count++;
    else
        promise(r == -ESHUTDOWN || r == -ENOMEM || r == -EAGAIN ||
                r == -ECANCELED);
}

static void change_group(void)
{
    struct item *item;
    em_group *group;

    if (item_count == 0)
        return;
    item = &items[draw((unsigned)item_count)];
    group = item->kind == GROUP ? item->group : NULL;
    if (!group)
        return;
    switch (draw(4)) {
    case 0:
        item->group = NULL; /* it may be done before the call is back */
        (void)em_group_cancel(group);
        break;
    case 1:
        item->group = NULL;
        (void)em_group_close(group);
        break;
    default:
        add_to_group(group);
        break;
    }
}

/* --- a run --- */

static void operation(void)
{
    if (draw(24) == 1)
        (void)fuzz_fail_allocation(1 + draw(3));
    switch (draw(13)) {
    case 1:
    case 2:
        add_timer();
        break;
    case 3:
        add_notify();
        break;
    case 4:
    case 5:
        change_source();
        break;
    case 6:
        add_task(true);
        break;
    case 7:
        add_task(false);
        break;
    case 8:
    case 9:
        start_baton();
        break;
    case 10:
        cancel_baton();
        break;
    case 11:
        start_group();
        break;
    case 12:
        change_group();
        break;
    default:
        em_loop_stop(loop);
        break;
    }
    (void)fuzz_fail_allocation(0);
}

static void some_operations(void)
{
    unsigned left = draw(4);

    if (depth == DEEPEST)
        return;
    depth++;
    while (left-- > 0 && !drawn_out())
        operation();
    depth--;
}

static void be_alarmed(em_source *source, void *data)
{
    (void)source, (void)data;
    em_loop_stop(loop);
}

/* An open group or a disarmed timer would have the loop wait for ever, so there
 * is always a timer that ends the run. */
static void turn(void)
{
    static const em_run_mode modes[] = { EM_RUN_NOWAIT, EM_RUN_ONCE,
                                         EM_RUN_DEFAULT };
    unsigned mode = draw(3);
    int r;

    if (mode > 0)
        promise(em_loop_add_timer(loop, draw(100), 0, be_alarmed, NULL, NULL) ==
                0);
    r = em_loop_run(loop, modes[mode]);
    promise(r == em_loop_alive(loop));
}

/* What does not end by itself. */
static void close_all(void)
{
    em_source *source;
    em_group *group;
    int i;

    for (i = 0; i < item_count; i++) {
        source = items[i].source;
        group = items[i].kind == GROUP ? items[i].group : NULL;
        items[i].source = NULL;
        items[i].group = NULL;
        em_source_remove(source);
        if (group)
            promise(em_group_close(group) == 0);
    }
}

static void settle_accounts(void)
{
    int i;

    for (i = 0; i < item_count; i++) {
        promise(items[i].freed == items[i].wanted);
        if (items[i].kind != TIMER && items[i].kind != NOTIFY)
            promise(items[i].done);
        em_baton_unref(items[i].baton);
    }
}

static void begin(void)
{
    item_count = depth = 0;
    serial = last_post = last_defer = 0;
    memset(last_of_key, 0, sizeof(last_of_key));
    promise(em_loop_new(EM_OPTIONS(em_loop_options, .virtual_clock = true,
                                   .seed = draw(256), .budget_count = draw(5)),
                        &loop) == 0);
    promise(em_pool_new(EM_OPTIONS(em_pool_options, .max_threads = 2,
                                   .queue_limit = draw(2) ? 6 : 0),
                        &pool) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    bool ends_early;

    fuzz_begin(bytes, size);
    begin();
    ends_early = draw(2);
    while (!drawn_out()) {
        operation();
        if (draw(3) == 1)
            turn();
    }
    if (!ends_early) {
        close_all();
        while (em_loop_run(loop, EM_RUN_DEFAULT) > 0)
            ;
    }
    em_loop_free(loop);
    settle_accounts();
    em_pool_free(pool);
    fuzz_end();
    return 0;
}
