/* SPDX-License-Identifier: MIT */
/* Pool: the protocol of src/baton and of a loop's mailbox, for spin.
 *
 * Two producers submit three jobs, one of them cancels; two workers take up to
 * two at a time, park, spin and watch; one loop sleeps and delivers; the pool is
 * shut down in the end or, with SHUTDOWN, at any moment.  What is atomic here is
 * what the code does under one lock, or with one atomic operation.  Whether a
 * sender goes by the inbox, when it is open, is a matter of times and priorities:
 * here it may or not.
 *
 * Checked, over all interleavings: each accepted job comes back once (counted
 * in came, asserted never to exceed one, and one for all in the end); nobody
 * sleeps for ever with work to do (no invalid end state); while the inbox is
 * open somebody is awake, and a shut one is empty; shutdown ends, and nothing
 * runs after it.
 *
 * MUTATION leaves out one step, and then spin has to find an error:
 *   1  a worker sleeps without looking at the queue under the lock again
 *   2  the loop sleeps without its mail and its sleep being one word
 *   3  a job is run without swapping it out of its slot
 *   4  work is left to those at work although no sleeper watches
 *   5  the last to fall asleep leaves the inbox open
 *   6  it shuts the inbox and does not look at what came meanwhile
 *   7  a sleeper that watches no more leaves the inbox open */

#ifndef MUTATION
#define MUTATION 0
#endif

#define JOBS      3
#define PRODUCERS 2
#define WORKERS   2
#define NONE      255

mtype = { NEW, QUEUED, CLAIMED, RUNNING, DONE, REFUSED };

mtype state[JOBS];
byte came[JOBS];  /* completions delivered */
byte queue = 0;   /* the pool's: jobs as bits, since order does not matter */
byte inbox = 0;   /* likewise */
bool open = false;
byte slot[WORKERS]; /* the job put aside by a worker */
bool asleep[WORKERS], woken[WORKERS], watching[WORKERS], left[WORKERS];
byte at_work = 0, coming = 0;
bool spinning = false, watched = false, closed = false;
byte mail = 0; /* the loop's mailbox: jobs as bits */
bool loop_asleep = false, loop_woken = false;
byte refused = 0, over = 0;
bool shut = false; /* em_pool_shutdown returned */

inline send(j)
{
    atomic { /* one word: the mailbox's head */
        assert((mail & (1 << j)) == 0);
        mail = mail | (1 << j);
        if
        :: loop_asleep -> loop_asleep = false; loop_woken = true
        :: else
        fi
    }
}

/* Under the lock: wake a sleeper, the one that does not watch first. */
inline wake_one()
{
    if
    :: asleep[0] && (!watching[0] || !asleep[1]) ->
        asleep[0] = false; woken[0] = true; coming++
    :: else ->
        if
        :: asleep[1] -> asleep[1] = false; woken[1] = true; coming++
        :: else
        fi
    fi
}

/* Under the lock: em__park_stir.  Whether a wake-up is worth its cost is a
 * matter of times: here it may be or not, as long as somebody watches. */
inline stir(claimed)
{
    if
    :: coming > 0 || spinning
    :: else ->
        if
        :: queue == 0 && claimed == 0
        :: (queue || claimed) && asleep[0] && asleep[1] -> wake_one()
        :: (queue || claimed) && (asleep[0] != asleep[1]) && !watched &&
           MUTATION != 4 -> wake_one()
        :: (queue || claimed) && !(asleep[0] && asleep[1]) &&
           (asleep[0] == asleep[1] || watched || MUTATION == 4) -> skip
        :: queue -> wake_one()
        fi
    fi
}

inline put(j)
{
    queue = queue | (1 << j);
    state[j] = QUEUED
}

/* Under the lock: em__inbox_collect. */
inline collect()
{
    queue = queue | inbox;
    inbox = 0
}

/* Under the lock: em__park_tend.  It may be shut for other reasons too, but then
 * a sender goes by the lock, which here it may do anyway. */
inline tend()
{
    if
    :: !closed && !(asleep[0] && asleep[1]) &&
       (watched || !(asleep[0] || asleep[1])) -> open = true
    :: else -> open = false; collect()
    fi
}

inline pop(j)
{
    if
    :: queue & 1 -> j = 0
    :: (queue & 3) == 2 -> j = 1
    :: (queue & 7) == 4 -> j = 2
    fi;
    queue = queue & ~(1 << j)
}

/* Under the lock: em__thread_reclaim.  Whoever takes may do so first, seldom, for
 * the sake of one that is stuck: em__park_relieve. */
inline reclaim()
{
    collect();
    if
    :: slot[0] != NONE -> put(slot[0]); slot[0] = NONE
    :: else
    fi;
    if
    :: slot[1] != NONE -> put(slot[1]); slot[1] = NONE
    :: else
    fi
}

/* Under the lock: take job j, which is queued, out of the queue. */
inline drop(j)
{
    assert(queue & (1 << j));
    queue = queue & ~(1 << j);
    state[j] = DONE
}

inline submit(j)
{
    atomic {
        if
        :: open ->
            assert(!(asleep[0] && asleep[1])); /* who would look? */
            inbox = inbox | (1 << j);
            state[j] = QUEUED
        :: closed -> state[j] = REFUSED; refused++
        :: !closed -> collect(); put(j); stir(0)
        fi
    }
}

inline cancel(j)
{
    atomic {
        mine = false;
        if
        :: state[j] == QUEUED || state[j] == CLAIMED ->
            reclaim();
            if
            :: state[j] == QUEUED -> drop(j); mine = true
            :: else /* a thread has it */
            fi
        :: else
        fi
    };
    if
    :: mine -> send(j)
    :: else
    fi;
    mine = false
}

proctype canceller()
{
    bool mine = false;

    submit(0);
    submit(1);
    cancel(1)
}

proctype producer()
{
    submit(2)
}

/* Not under the lock: the job has run.  The first one waits until the last is
 * over, as works do that wait for each other: it must not hold that one up. */
inline finish(j)
{
    assert(state[j] == RUNNING && !shut);
    if
    :: j == 0 -> state[2] == DONE || state[2] == REFUSED
    :: else
    fi;
    state[j] = DONE;
    send(j)
}

proctype worker(byte me)
{
    byte job = NONE, other = NONE;
    bool spun = false;

find:
    atomic { /* take */
        if
        :: collect()
        :: reclaim()
        fi;
        if
        :: queue ->
            pop(job);
            state[job] = RUNNING;
            at_work++;
            spun = false;
            if
            :: queue -> /* a batch */
                pop(other);
                state[other] = CLAIMED;
                slot[me] = other;
                other = NONE;
                tend();
                stir(1)
            :: true -> tend(); stir(0)
            fi;
            goto works
        :: queue == 0 && closed -> goto leave
        :: queue == 0 && !closed && !spinning && !spun ->
            spinning = true;
            spun = true;
            goto spin
        :: queue == 0 && !closed && (spinning || spun) ->
            if
            :: MUTATION == 1 -> skip
            :: else -> goto doze
            fi
        fi
    }; /* mutation 1: the lock was given back in between */
doze:
    atomic {
        if
        :: MUTATION != 1 && (queue || closed) -> goto find
        :: else
        fi;
        asleep[me] = true;
        if
        :: !watched -> watched = true; watching[me] = true
        :: else
        fi;
        if
        :: MUTATION == 5 -> skip
        :: MUTATION == 6 && asleep[0] && asleep[1] -> open = false
        :: MUTATION != 5 && !(MUTATION == 6 && asleep[0] && asleep[1]) ->
            tend()
        fi;
        assert(open || inbox == 0); /* what is shut is empty */
        if
        :: MUTATION != 1 && queue && asleep[0] && asleep[1] ->
            asleep[me] = false;
            if
            :: watching[me] -> watching[me] = false; watched = false
            :: else
            fi;
            goto find
        :: else
        fi
    };
dozing:
    if
    :: atomic { woken[me] ->
        woken[me] = false;
        coming--;
        if
        :: watching[me] -> watching[me] = false; watched = false
        :: else
        fi };
        goto find
    :: atomic { watching[me] && !woken[me] -> /* its time has come */
        reclaim();
        watching[me] = false;
        watched = false;
        if
        :: MUTATION != 7 -> tend()
        :: else
        fi;
        if
        :: queue -> asleep[me] = false; goto find
        :: else /* quiet: it sleeps on and watches no more */
        fi };
        goto dozing
    fi;
spin:
    if
    :: queue || inbox
    :: true /* its time is over */
    fi;
    atomic { spinning = false };
    goto find;
works:
    finish(job);
    atomic { /* swap the slot; without a lock */
        job = slot[me];
        if
        :: MUTATION != 3 -> slot[me] = NONE
        :: else
        fi
    };
    if
    :: job != NONE ->
        state[job] = RUNNING;
        finish(job);
        if
        :: MUTATION == 3 -> slot[me] = NONE
        :: else
        fi
    :: else
    fi;
    atomic { at_work--; job = NONE };
    goto find;
leave:
    left[me] = true
}

inline deliver(j)
{
    if
    :: mail & (1 << j) ->
        came[j]++;
        assert(came[j] == 1 && state[j] == DONE);
        over++
    :: else
    fi
}

proctype loop()
{
    do
    :: over + refused == JOBS -> break
    :: else ->
        atomic { deliver(0); deliver(1); deliver(2); mail = 0 };
        if
        :: MUTATION == 2 && mail == 0 -> skip /* looked, but too early */
        :: else
        fi;
        atomic { /* one word: the mailbox's head */
            if
            :: mail == 0 || MUTATION == 2 -> loop_asleep = true
            :: else
            fi
        };
        atomic { !loop_asleep || loop_woken || over + refused == JOBS ->
            loop_woken = false;
            loop_asleep = false }
    od
}

proctype shutdown()
{
    byte job = 0, dropped = 0;

    atomic { /* at any moment */
        closed = true;
        tend();
        reclaim();
        do
        :: queue ->
            pop(job);
            state[job] = DONE;
            dropped = dropped | (1 << job);
            job = 0
        :: else -> break
        od;
        wake_one();
        wake_one()
    };
    if
    :: dropped & 1 -> send(0)
    :: else
    fi;
    if
    :: dropped & 2 -> send(1)
    :: else
    fi;
    if
    :: dropped & 4 -> send(2)
    :: else
    fi;
    atomic { at_work == 0 -> shut = true }
}

init
{
    byte i;

    atomic {
        for (i : 0 .. JOBS - 1) {
            state[i] = NEW
        }
        for (i : 0 .. WORKERS - 1) {
            slot[i] = NONE
        }
        run canceller();
        run producer();
        run worker(0);
        run worker(1);
        run loop();
#ifdef SHUTDOWN
        run shutdown()
#endif
    };
    /* Everything ends: the workers, at the latest, when the pool is closed. */
    over + refused == JOBS;
#ifndef SHUTDOWN
    run shutdown();
#endif
    left[0] && left[1] && shut
}
