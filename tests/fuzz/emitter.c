/* SPDX-License-Identifier: MIT */
/* Fuzz of the emitter: random programs of every verb, from inside listeners at
 * any depth, against a model that is a plain list for each name.
 *
 * The model is kept in step: an operation changes it before the library is
 * called, and a listener that is called must be the next that the innermost
 * emit of the model owes. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include <emitter.h>

#include "fuzz.h"

enum { NAMES = 6, LISTENERS = 256, EMITTERS = 24, PLACES = 3, DEEPEST = 5 };
enum { ERROR_NAME = 3, ANY_NAME, MONITOR_NAME };

struct model {
    em_emitter emitter;
    struct member *members[NAMES][LISTENERS];
    int counts[NAMES];
    int emits; /* under way */
    bool snapshot, dying, freed;
};

struct member {
    struct model *of, *owner;
    em_listener *handle;
    int name;
    unsigned times; /* left; 0: no limit */
    int calls;      /* under way */
    bool once, live, used_up, freed;
};

/* An emit under way: who was there when it began. */
struct emit {
    em_error error; /* the argument */
    struct emit *up;
    struct model *of;
    struct member *due[3 * LISTENERS];
    int name, count, at;
    bool monitors; /* so far only they are collected */
    int named;     /* calls of listeners of the name itself */
};

const char fuzz_name[] = "emitter";

static struct model models[EMITTERS];
static struct member members[LISTENERS];
static struct model *places[PLACES];
static int model_count, member_count, depth, uncaught;
static struct emit *innermost;

static const char *name_of(int name)
{
    static const char *const plain[] = { "a", "b", "", "error" };

    if (name == ANY_NAME)
        return EM_ANY;
    return name == MONITOR_NAME ? EM_ERROR_MONITOR : plain[name];
}

/* --- the model --- */

static void forget(struct member *member)
{
    struct model *of = member->of;
    struct member **list = of->members[member->name];
    int i;

    for (i = 0; list[i] != member; i++)
        ;
    of->counts[member->name]--;
    memmove(&list[i], &list[i + 1],
            (size_t)(of->counts[member->name] - i) * sizeof(*list));
    member->live = false;
}

static void insert(struct member *member, bool first)
{
    struct model *of = member->of;
    struct member **list = of->members[member->name];
    int count = of->counts[member->name]++;

    if (first)
        memmove(&list[1], &list[0], (size_t)count * sizeof(*list));
    list[first ? 0 : count] = member;
    member->live = true;
}

static void collect(struct emit *emit, int name)
{
    int i;

    for (i = 0; i < emit->of->counts[name]; i++)
        emit->due[emit->count++] = emit->of->members[name][i];
}

static bool is_owed(const struct emit *emit, const struct member *member)
{
    if (emit->of->dying)
        return false;
    return member->live || (emit->of->snapshot && !member->used_up);
}

/* A monitor that adds a listener of 'error' adds it to this emit, since it
 * comes before it, as in Node.js. */
static void skip_gone(struct emit *emit)
{
    while (emit->at < emit->count && !is_owed(emit, emit->due[emit->at]))
        emit->at++;
    if (emit->at < emit->count || !emit->monitors)
        return;
    emit->monitors = false;
    collect(emit, ANY_NAME);
    collect(emit, ERROR_NAME);
    skip_gone(emit);
}

/* --- what the library calls --- */

static void some_operations(void);

static void be_called(em_emitter *emitter, void *arg, void *data)
{
    struct member *member = data;
    struct emit *emit = innermost;

    promise(emit && arg == &emit->error && emitter == &emit->of->emitter);
    skip_gone(emit);
    promise(emit->at < emit->count && emit->due[emit->at] == member);
    promise(!member->freed);
    emit->at++;
    emit->named += member->name == emit->name;
    if (member->times > 0 && --member->times == 0) {
        member->used_up = true;
        if (member->live)
            forget(member);
    }
    promise(strcmp(em_event(emitter), name_of(emit->name)) == 0);
    member->calls++;
    some_operations();
    member->calls--;
    promise(innermost == emit && !member->freed);
}

static void be_freed(void *data)
{
    struct member *member = data;

    promise(!member->freed && !member->live && member->calls == 0);
    member->freed = true;
}

static void end_model(em_emitter *emitter)
{
    struct model *model = (struct model *)emitter;

    promise(model->dying && !model->freed && model->emits <= 1);
    model->freed = true;
}

static void be_uncaught(em_emitter *emitter, const em_error *error, void *data)
{
    (void)error, (void)data;
    promise(innermost && emitter == &innermost->of->emitter);
    uncaught++;
}

/* --- the operations --- */

static struct model *draw_model(void)
{
    return places[draw(PLACES)];
}

static void emit_error(struct model *of, struct emit *emit)
{
    int before = uncaught;
    bool heard;

    emit->monitors = true;
    collect(emit, MONITOR_NAME);
    heard = em_emit(&of->emitter, "error", &emit->error);
    promise(heard || emit->named == 0);
    promise(heard || of->dying || uncaught > before);
}

static void emit_other(struct model *of, struct emit *emit)
{
    bool special = emit->name >= ANY_NAME, heard;
    int named = of->counts[emit->name];

    if (!special) {
        collect(emit, ANY_NAME);
        collect(emit, emit->name);
    }
    heard = em_emit(&of->emitter, name_of(emit->name), &emit->error);
    promise(heard == (named > 0 && !special));
}

static void emit_one(struct model *of, int name)
{
    struct emit emit = { .up = innermost, .of = of, .name = name };

    innermost = &emit;
    of->emits++;
    if (name == ERROR_NAME)
        emit_error(of, &emit);
    else
        emit_other(of, &emit);
    of->emits--;
    innermost = emit.up;
    skip_gone(&emit);
    promise(of->dying || emit.at == emit.count);
}

static void add(struct model *of)
{
    struct member *member = &members[member_count];
    bool first = draw(2), short_of_memory = draw(16) == 1;
    struct model *owner = draw(4) == 1 ? draw_model() : NULL;
    unsigned kind = draw(5);
    em_listen_options options = {
        .size = sizeof(options),
        .fn = be_called,
        .data = member,
        .free_data = be_freed,
        .prepend = first,
        .once = kind == 1,
        .times = kind > 1 ? kind - 2 : 0,
    };
    int r;

    if (member_count == LISTENERS)
        return;
    if (owner == of || of->snapshot || (owner && owner->dying))
        owner = NULL;
    if (owner)
        options.owner = &owner->emitter;
    *member = (struct member){ .of = of, .owner = owner };
    member->name = (int)draw(NAMES);
    member->times = options.once ? 1 : options.times;
    member->once = member->times == 1;
    if (short_of_memory)
        (void)fuzz_fail_allocation(1 + draw(4));
    r = em_listen(&of->emitter, name_of(member->name), &options,
                  &member->handle);
    if (fuzz_fail_allocation(0) && r == -ENOMEM)
        return;
    promise(r == (of->dying ? -ESHUTDOWN : 0));
    if (r < 0)
        return;
    member_count++;
    insert(member, first);
}

static void remove_one(void)
{
    struct member *member;

    if (member_count == 0)
        return;
    member = &members[draw((unsigned)member_count)];
    if (member->freed)
        return;
    if (member->live)
        forget(member);
    em_listener_remove(member->handle);
}

static void off(struct model *of, bool by_data)
{
    struct member *member;
    bool live;
    int r;

    if (member_count == 0)
        return;
    member = &members[draw((unsigned)member_count)];
    live = member->live && member->of == of;
    if (live)
        forget(member);
    if (by_data) {
        r = em_off_data(&of->emitter, member);
        promise(of->dying || r == live);
        return;
    }
    r = em_off(&of->emitter, name_of(member->name), be_called, member);
    promise(of->dying || r == (live ? 0 : -ENOENT));
}

static int drop_all(struct model *of, int name)
{
    int count = of->counts[name];

    while (of->counts[name] > 0)
        forget(of->members[name][of->counts[name] - 1]);
    return count;
}

static void off_all(struct model *of)
{
    bool every = draw(2);
    int name = (int)draw(NAMES), count = 0, i, r;

    for (i = 0; i < NAMES; i++) {
        if (every || i == name)
            count += drop_all(of, i);
    }
    r = em_off_all(&of->emitter, every ? NULL : name_of(name));
    promise(of->dying || r == count);
}

struct walk {
    struct model *of;
    int name, at, end;
};

static int see(em_emitter *emitter, const em_listener_info *info, void *data)
{
    struct walk *walk = data;
    struct member *member = walk->of->members[walk->name][walk->at];

    promise(emitter == &walk->of->emitter && info->data == member);
    promise(info->fn == be_called && info->listener == member->handle);
    promise(info->once == member->once);
    return ++walk->at == walk->end ? 77 : 0;
}

static void look(struct model *of)
{
    struct walk walk = { of, (int)draw(NAMES), 0, (int)draw(8) };
    int count = of->counts[walk.name];
    bool cut = walk.end > 0 && walk.end <= count;
    int r;

    if (of->dying) /* what it still counts is nobody's business */
        return;
    promise(em_listener_count(&of->emitter, name_of(walk.name)) ==
            (size_t)count);
    r = em_each_listener(&of->emitter, name_of(walk.name), see, &walk);
    promise(r == (cut ? 77 : 0));
    promise(walk.at == (cut ? walk.end : count));
}

static void drop(struct model *of)
{
    int i, name;
    bool owns = false;

    for (i = 0; i < member_count; i++)
        owns = owns || (members[i].live && members[i].owner == of);
    /* When what a dying emitter owns goes is up to the outermost emit. */
    if (of->dying || (owns && of->emits > 0))
        return;
    for (i = 0; i < member_count; i++) {
        if (members[i].live && members[i].owner == of)
            forget(&members[i]);
    }
    for (name = 0; name < NAMES; name++)
        (void)drop_all(of, name);
    of->dying = true;
    em_unref(&of->emitter);
    promise(of->freed == (of->emits == 0));
}

static void operation(void)
{
    struct model *of = draw_model();

    if (of->freed)
        return;
    switch (draw(12)) {
    case 1:
    case 2:
    case 3:
        emit_one(of, (int)draw(NAMES));
        break;
    case 4:
    case 5:
    case 6:
        add(of);
        break;
    case 7:
        remove_one();
        break;
    case 8:
        off(of, draw(2));
        break;
    case 9:
        if (draw(4) == 1)
            off_all(of);
        break;
    case 10:
        look(of);
        break;
    case 11:
        if (draw(4) == 1)
            drop(of);
        break;
    default:
        break;
    }
}

static void some_operations(void)
{
    unsigned left = draw(5);

    if (depth == DEEPEST)
        return;
    depth++;
    while (left-- > 0 && !drawn_out())
        operation();
    depth--;
}

/* --- a run --- */

static void fill(struct model **place)
{
    struct model *model = &models[model_count++];

    memset(model, 0, sizeof(*model));
    em_emitter_init(&model->emitter, NULL, end_model);
    model->snapshot = draw(4) == 1;
    if (model->snapshot)
        promise(em_emitter_set_flags(&model->emitter, EM_SNAPSHOT) == 0);
    em_set_max_listeners(&model->emitter, 0);
    *place = model;
}

/* Nothing is under way: what is gone is freed. */
static void settle(void)
{
    int i;

    promise(!innermost);
    for (i = 0; i < member_count; i++)
        promise(members[i].freed == !members[i].live);
    for (i = 0; i < model_count; i++)
        promise(models[i].freed == models[i].dying);
}

static void refill(void)
{
    int i;

    for (i = 0; i < PLACES; i++) {
        if (places[i]->freed && model_count < EMITTERS)
            fill(&places[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int i;

    fuzz_begin(bytes, size);
    em_set_uncaught(be_uncaught, NULL);
    model_count = member_count = depth = uncaught = 0;
    for (i = 0; i < PLACES; i++)
        fill(&places[i]);
    while (!drawn_out()) {
        operation();
        settle();
        refill();
    }
    for (i = 0; i < PLACES; i++)
        drop(places[i]);
    settle();
    fuzz_end();
    return 0;
}
