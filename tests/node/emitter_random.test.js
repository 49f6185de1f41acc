// SPDX-License-Identifier: MIT
// Emitter: random programs do the same with Node's EventEmitter and with ours.
//
// A program is a list of actions, and each of its listeners has such a list as
// well, so that emitters are changed and used while they emit.  EMITTER_SEED
// and EMITTER_PROGRAMS choose others, and more.
//
// Left out, because Node.js then looks at a table that it has replaced, or at a
// list that changes under it: changing listeners inside a monitor, or inside of
// what removeAllListeners tells.

'use strict';

const assert = require('node:assert');
const EventEmitter = require('node:events');
const test = require('node:test');
const { load } = require('./addon.js');

const { Emitter } = load('emitter');
const seed = Number(process.env.EMITTER_SEED || 1);
const programs = Number(process.env.EMITTER_PROGRAMS || 3000);

const symbols = [Symbol('one'), Symbol('one')];
const events = ['a', 'b', 'a', 'b', '7', '12', '', '__proto__', ...symbols,
  'error', 'newListener', 'removeListener', 'monitor', 'maxListeners'];
const adding = ['on', 'addListener', 'prependListener', 'once',
  'prependOnceListener', 'on', 'once'];
const removing = ['off', 'removeListener', 'removeAll', 'removeEvent',
  'offRaw'];
const asking = ['listeners', 'rawListeners', 'listenerCount', 'countOf',
  'eventNames', 'getMaxListeners'];
const kinds = [...adding, ...adding, ...removing, ...asking, 'emit', 'emit',
  'emit', 'emit', 'emit', 'callRaw', 'addRaw', 'setMaxListeners'];
const LISTENERS = 8;
const FUEL = 300; // actions a program
const DEPTH = 15; // actions inside of actions

// Mulberry32, by Tommy Ettinger: numbers from 0 up to limit.
function generator(state) {
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % limit;
  };
}

function generate(random) {
  const pick = (list) => list[random(list.length)];
  const action = (kind) => ({
    kind,
    event: pick(events),
    other: pick(events),
    listener: random(LISTENERS),
    number: random(6),
  });
  const actions = (count) =>
    Array.from({ length: count }, () => action(pick(kinds)));
  const listeners = Array.from({ length: LISTENERS }, () => {
    const body = actions(random(4));
    if (random(6) === 0)
      body.push(action('throw'));
    return body;
  });
  return { main: actions(15 + random(30)), listeners };
}

// What it did, in words that can be compared.
function execute(program, Class) {
  const log = [];
  let fuel = FUEL;
  let depth = 0;
  let monitoring = 0; // inside emits to monitors
  let clearing = 0; // inside removeAllListeners that tells

  const name = (event) => event === 'monitor' ? Class.errorMonitor : event;
  const word = (value) => {
    if (value === Class.errorMonitor)
      return 'monitor';
    if (symbols.includes(value))
      return `symbol ${symbols.indexOf(value)}`;
    if (typeof value === 'function')
      return value.id ?? `once ${value.listener.id}`;
    if (Array.isArray(value))
      return value.map(word);
    if (value instanceof Error)
      return `${value.name}: ${value.message}`;
    return value === emitter ? 'this' : value;
  };
  const listeners = program.listeners.map((body, id) => {
    function listener(...args) {
      log.push(['called', id, this === emitter, args.map(word)]);
      body.forEach(act);
    }
    return Object.assign(listener, { id });
  });

  // Inside of what, nested, calls itself through the overridden method.
  class Tracking extends Class {
    emit(event, ...args) {
      monitoring += event === Class.errorMonitor;
      try {
        return super.emit(event, ...args);
      } finally {
        monitoring -= event === Class.errorMonitor;
      }
    }
    removeAllListeners(...args) {
      const tells = this.listenerCount('removeListener') > 0;
      clearing += tells;
      try {
        return super.removeAllListeners(...args);
      } finally {
        clearing -= tells;
      }
    }
  }
  const emitter = new Tracking();

  // The event's number-th raw listener, if it has that many.
  const raw = (event, number) => emitter.rawListeners(event)[number];

  const verbs = {
    emit(event, { number }) {
      const args = Array.from({ length: number }, (_, i) => i);
      if (event === 'error' && number > 3)
        args[0] = new TypeError('emitted');
      return emitter.emit(event, ...args);
    },
    removeAll: () => emitter.removeAllListeners(),
    removeEvent: (event) => emitter.removeAllListeners(event),
    offRaw(event, { number }) {
      const fn = raw(event, number);
      return fn && emitter.off(event, fn);
    },
    addRaw(event, { other, number }) {
      const fn = raw(name(other), number);
      return fn && emitter.on(event, fn);
    },
    callRaw(event, { number }) {
      return raw(event, number)?.call(emitter, 'raw');
    },
    listeners: (event) => emitter.listeners(event),
    rawListeners: (event) => emitter.rawListeners(event),
    listenerCount: (event) => emitter.listenerCount(event),
    countOf: (event, { listener }) =>
      emitter.listenerCount(event, listeners[listener]),
    eventNames: () => emitter.eventNames(),
    getMaxListeners: () => emitter.getMaxListeners(),
    setMaxListeners: (event, { number }) => emitter.setMaxListeners(number),
    throw: (event, { number }) => { throw new RangeError(`thrown ${number}`); },
  };

  const mayRun = ({ kind, event }) => {
    if (fuel <= 0 || depth >= DEPTH)
      return false;
    if ((clearing || monitoring) && !asking.includes(kind))
      return false;
    return event !== 'removeListener' ||
      !(/once|addRaw/i.test(kind)); // it would go while it is told
  };
  function act(action) {
    const { kind, event, listener } = action;
    if (kind !== 'throw' && !mayRun(action))
      return;
    const verb = verbs[kind] ??
      ((of) => emitter[kind](of, listeners[listener]));
    fuel--;
    depth++;
    try {
      log.push([kind, word(name(event)), word(verb(name(event), action))]);
    } finally {
      depth--;
    }
  }

  const emitWarning = process.emitWarning;
  process.emitWarning = (warning) => log.push(['warned', warning.name,
    word(warning.type), warning.count, warning.emitter === emitter]);
  try {
    for (const action of program.main) {
      try {
        act(action);
      } catch (error) {
        log.push(['caught', word(error)]);
      }
    }
  } finally {
    process.emitWarning = emitWarning;
  }
  log.push(word(emitter.eventNames()).map((event, index) =>
    [event, word(emitter.rawListeners(emitter.eventNames()[index]))]));
  return log;
}

test(`${programs} random programs from seed ${seed}`, () => {
  const seen = new Set();
  for (let number = seed; number < seed + programs; number++) {
    const program = generate(generator(number));
    const theirs = execute(program, EventEmitter);
    const ours = execute(program, Emitter);
    assert.deepStrictEqual(ours, theirs,
      `EMITTER_SEED=${number} EMITTER_PROGRAMS=1`);
    theirs.forEach(([kind]) => seen.add(kind));
  }
  for (const kind of [...kinds, 'called', 'caught', 'warned'])
    assert.ok(programs < 1000 || seen.has(kind), `never came to: ${kind}`);
});
