/* SPDX-License-Identifier: MIT */
/* Core: what an emitter is made of.
 *
 * All of it belongs to the emitter's owner thread but the state word, which
 * any thread may change.  An idle emitter has no core; the first listener makes
 * one, which holds the first event with its first listener in place, so that an
 * emitter with one listener is one small allocation.
 *
 * Everything that runs user code while it uses the core (an emit, a removal
 * that is announced, a walk) puts a frame on the core's stack of frames, which
 * lives on the C stack.  Frames are what makes re-entrancy safe:
 *   - while there is one, a dying emitter is not destroyed; the outermost one
 *     does it when it leaves;
 *   - the event of a frame is neither renamed nor freed;
 *   - whatever moves slots moves the positions in the frames along, so arrays
 *     are compacted at any time and nothing waits for an emit to end.
 * Whoever looks at the frames comes through em__frames.  Most emits have one
 * listener to call and nobody looks, so these put a bare frame, and the first
 * one to look fills it. */

#ifndef EM_EVENTS_CORE_H
#define EM_EVENTS_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <emitter/emitter.h>

#include "base/list.h"
#include "loop/loop.h"

/* APART is kept out of its callers, so that they need no registers for what it
 * does; what is ALIGNED begins with a line of the instruction cache. */
#ifdef __GNUC__
#define EM__APART   __attribute__((__noinline__))
#define EM__ALIGNED __attribute__((__aligned__(64)))
#else
#define EM__APART
#define EM__ALIGNED
#endif
#define EM__LIKELY(x)   __builtin_expect(!!(x), 1)
#define EM__UNLIKELY(x) __builtin_expect(!!(x), 0)

/* What `more` of a slot says; any other value is an em_listener's address. */
enum { EM__PLAIN, EM__ONCE, EM__DEAD };

typedef struct em__slot {
    em_listener_fn *fn;
    void *data;
    uintptr_t more;
} em__slot;

/* The names that mean something to the emitter itself. */
typedef enum em__kind {
    EM__ORDINARY,
    EM__ERROR,
    EM__NEW_LISTENER,
    EM__REMOVE_LISTENER,
    EM__MAX_LISTENERS,
    EM__MONITOR,
    EM__ANY,
    EM__KINDS
} em__kind;

/* An event and its listeners, in call order between begin and end. */
typedef struct em__event {
    const char *name; /* interned; NULL: free for another name */
    em__slot *slots;  /* &first, or allocated */
    uint32_t begin, end;
    uint32_t capacity;
    uint32_t live;  /* slots that hold a listener which is not off */
    uint32_t order; /* its place in the table, if there is a table */
    uint8_t kind;
    bool warned; /* of its count of listeners, since it last had none */
    bool held;   /* slots keep listeners that are off, for EM_SNAPSHOT */
    bool pinned; /* for em__table_obtain alone */
    em__slot first;
} em__event;

typedef enum em__frame_kind {
    EM__EMITS,    /* calls the slots from cursor to end */
    EM__EMITS_AS, /* the same under a name of its own */
    EM__VISITS,   /* looks at the slots between cursor and end */
    EM__HOLDS,    /* keeps the emitter and the event, if there is one */
    EM__RESERVES, /* also keeps a slot free in the event */
    EM__WALKS     /* looks at the places of the table from cursor to end */
} em__frame_kind;

/* A bare one is the only one, and all it has is its event and its emitter: it
 * emits, and is behind the listener that was alone in the event's first slot.
 * What an event has as `first` is plain only while it has no other listener. */
typedef struct em__frame em__frame;
struct em__frame {
    em__frame *up;
    em__event *event;
    em_emitter *emitter; /* for whoever put it there bare */
    uint32_t cursor;
    em__frame_kind kind;
    uint32_t end;
    const char *name; /* for em_event, unless it is that of the event */
    size_t serial;    /* EM_SNAPSHOT: what came off after it is still called */
};

typedef struct em__bucket {
    uint64_t hash;
    em__event *event;
} em__bucket;

/* The event whose name was last found at an address; NULL: various names were,
 * so it is a buffer, and guessing is no use. */
typedef struct em__guess {
    const char *address;
    em__event *event;
} em__guess;

/* What only some emitters need: several events, or settings. */
typedef struct em__extra {
    em__guess *guesses;  /* by the address of the name, in pairs */
    em__bucket *buckets; /* by its hash; both twice the capacity */
    em__event **order;   /* events, the oldest first; some places are NULL */
    uint32_t shift;      /* leaves the bits of an index into guesses */
    uint32_t used, count, capacity;
    bool special; /* an emit may have more to do than call listeners */
    bool snapshot;
    bool limited; /* limit was set, else the default counts */
    unsigned limit;
    size_t serial; /* of removals, counted for EM_SNAPSHOT */
    em__event *reserved[EM__KINDS];
    const char *name;  /* the emitter's own, interned */
    em__list owned;    /* listeners elsewhere that go with this emitter */
    em__list forwards; /* listeners here that forward to another emitter */
    em__list visit;    /* for the search for cycles */
    uint64_t visited;
} em__extra;

enum { EM__BARE = 1 };

typedef struct em__core {
    uintptr_t top; /* the innermost frame, plus EM__BARE if it is; 0: none */
    em__extra *extra;
    em__event first;
} em__core;

/* What em_emitter's four words are.  Below the reference count the state has
 * EM__DYING, which stays set once the last reference went, and EM__READY, which
 * says that the destruction is up to the owner thread.  While the emitter waits
 * in its loop's list of orphans the loop links it by the same word, whose
 * lowest bit it keeps set: still dying, and not ready. */
typedef struct em__emitter {
    em__core *core;
    em_free_fn *free_fn;
    em_loop *loop;
    em__orphan state;
#ifdef __GNUC__
} __attribute__((__may_alias__)) em__emitter;
#else
} em__emitter;
#endif

enum { EM__DYING = 1, EM__READY = 2, EM__ONE_REF = 4 };

_Static_assert(sizeof(em__emitter) == sizeof(em_emitter), "four words");

static inline em__emitter *em__private(em_emitter *emitter)
{
    return (em__emitter *)emitter;
}

static inline bool em__dying(em_emitter *emitter)
{
    return atomic_load_explicit(&em__private(emitter)->state,
                                memory_order_relaxed) &
           EM__DYING;
}

static inline em_listener *em__slot_listener(const em__slot *slot)
{
    return slot->more > EM__DEAD ? (em_listener *)slot->more : NULL;
}

/* What there is, or else is made; NULL: no memory. */
em__core *em__core_make(em_emitter *emitter);
em__extra *em__extra_make(em__core *core);

static inline const char *em__frame_name(const em__frame *frame)
{
    if (!frame)
        return NULL;
    return frame->kind == EM__EMITS ? frame->event->name : frame->name;
}

/* Make the frame of the core, which is bare, like any other. */
void em__frame_fill(em__core *core);

/* The innermost frame, the others being `up` of it, or NULL. */
static inline em__frame *em__frames(em__core *core)
{
    if (EM__UNLIKELY(core->top & EM__BARE))
        em__frame_fill(core);
    return (em__frame *)core->top;
}

/* Put a frame that holds the emitter and `event`, which may be NULL. */
static inline void em__enter(em__core *core, em__frame *frame,
                             em__frame_kind kind, em__event *event)
{
    em__frame *up = em__frames(core);

    *frame = (em__frame){
        .up = up, .name = em__frame_name(up), .event = event, .kind = kind
    };
    core->top = (uintptr_t)frame;
}

static inline void em__pop(em__core *core, const em__frame *innermost)
{
    core->top = (uintptr_t)innermost->up;
}

/* Take the innermost frame off.  The emitter may be gone afterwards: true if it
 * is, or is going to be. */
bool em__leave(em_emitter *emitter, em__core *core);

#endif
